// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/usual.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include <algorithm>
#include <vector>

#include "bench_usual.skel.h"
#include "tests/bench/figures.h"
#include "tests/bench/lab.h"

namespace holdfast::bench {
namespace {

// As in bpf/usual.bpf.c.
struct ServiceKey4 {
  __be32 addr;
  __be16 port;
  __u16 slot;
  __u8 protocol;
  __u8 scope;
  __u16 pad;
};
struct ServiceValue {
  __u32 backend;
  __u16 count;
  __u16 id;
  __u32 flags;
};
struct BackKey {
  std::uint64_t cookie;
  __be32 addr;
  __be16 port;
  __u16 pad;
};
struct Back {
  __be32 addr;
  __be16 port;
  __u16 service;
};
struct Backend {
  __be32 addr;
  __be16 port;
  __u8 protocol;
  __u8 flags;
};

__be32 v4(const IpAddress& address) {
  return address.to_abi().word[3];
}

// Elements for one map, written one by one or many at a time.
template <class Key, class Value>
class Filler {
 public:
  Filler(const bpf_map* map, bool batch) : fd_(bpf_map__fd(map)), batch_(batch) {
    keys_.reserve(kBatch);
    values_.reserve(kBatch);
  }
  void put(const Key& key, const Value& value) {
    if (!batch_) {
      require(::bpf_map_update_elem(fd_, &key, &value, BPF_ANY) == 0, "fill the usual layout");
      return;
    }
    keys_.push_back(key);
    values_.push_back(value);
    if (keys_.size() == kBatch) flush();
  }
  void flush() {
    if (keys_.empty()) return;
    __u32 count = static_cast<__u32>(keys_.size());
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    require(::bpf_map_update_batch(fd_, keys_.data(), values_.data(), &count, &options) == 0,
            "fill the usual layout in batches");
    keys_.clear();
    values_.clear();
  }

 private:
  static constexpr std::size_t kBatch = 65536;
  int fd_;
  bool batch_;
  std::vector<Key> keys_;
  std::vector<Value> values_;
};

}  // namespace

struct Usual::Skeleton {
  explicit Skeleton(hf_bench_usual_bpf* made) : object(made) {}
  Skeleton(const Skeleton&) = delete;
  Skeleton& operator=(const Skeleton&) = delete;
  ~Skeleton() { hf_bench_usual_bpf__destroy(object); }
  hf_bench_usual_bpf* object;
};

Usual::Usual(Size size) : size_(size), skeleton_(new Skeleton(hf_bench_usual_bpf__open())) {
  hf_bench_usual_bpf* object = skeleton_->object;
  require(object != nullptr, "open the usual layout's programs");
  const std::uint32_t backends = size.services * size.endpoints;
  bpf_map__set_max_entries(object->maps.usual_services, backends + size.services);
  bpf_map__set_max_entries(object->maps.usual_backends, backends);
  require(hf_bench_usual_bpf__load(object) == 0, "load the usual layout's programs");
}

Usual::~Usual() = default;

void Usual::fill(bool batch, std::uint16_t endpoint_port) {
  Filler<ServiceKey4, ServiceValue> services(skeleton_->object->maps.usual_services, batch);
  Filler<__u32, Backend> backends(skeleton_->object->maps.usual_backends, batch);
  for (std::uint32_t service = 0; service < size_.services; ++service) {
    const __be32 address = v4(service_address(4, service));
    ServiceKey4 key{address, htons(kServicePort), 0, IPPROTO_TCP, 0, 0};
    for (std::uint32_t one = 0; one < size_.endpoints; ++one) {
      const std::uint32_t id = service * size_.endpoints + one;
      backends.put(id + 1, {v4(endpoint_address(4, id)), htons(endpoint_port), IPPROTO_TCP, 0});
      key.slot = static_cast<__u16>(one + 1);
      services.put(key, {id + 1, 0, 0, 0});
    }
    key.slot = 0;
    services.put(key, {0, static_cast<__u16>(size_.endpoints), static_cast<__u16>(service), 0});
  }
  services.flush();
  backends.flush();
}

std::uint64_t Usual::memory() const {
  return map_memory(bpf_map__fd(skeleton_->object->maps.usual_services)) +
         map_memory(bpf_map__fd(skeleton_->object->maps.usual_backends));
}

void Usual::age() {
  const bpf_map* map = skeleton_->object->maps.usual_way_back;
  Filler<BackKey, Back> gone(map, true);
  constexpr std::uint64_t kFirstCookie = 1ull << 60;  // no living socket has one as large
  for (std::uint64_t one = 0; one < 2ull * bpf_map__max_entries(map); ++one) {
    gone.put({kFirstCookie + one, v4(endpoint_address(4, 1)), htons(kServicePort), 0}, {0, 0, 0});
  }
  gone.flush();
}

bpf_program* Usual::lookups() const {
  return skeleton_->object->progs.bench_usual;
}
bpf_program* Usual::lookups_and_lru() const {
  return skeleton_->object->progs.bench_usual_lru;
}
bpf_program* Usual::empty4() const {
  return skeleton_->object->progs.bench_empty4;
}
bpf_program* Usual::empty6() const {
  return skeleton_->object->progs.bench_empty6;
}

}  // namespace holdfast::bench
