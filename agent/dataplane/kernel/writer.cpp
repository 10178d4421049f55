// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/writer.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <algorithm>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <type_traits>

#include "agent/dataplane/map_table.h"

namespace holdfast::kernel {

// A store beyond a map would be a store into other memory: every index is checked.
struct Perform {
  Writer& writer;

  static Result<> beyond(const char* map, std::uint64_t index) {
    return fail(Errc::internal, fmt::format("operation beyond map '{}': element {}", map, index));
  }

  template <class T>
  Result<> put(const char* map, std::uint32_t id, std::uint32_t capacity, const T& value) {
    if (id >= capacity) return beyond(map, id);
    std::memcpy(writer.mappings_.array<T>(map) + id, &value, sizeof value);
    return {};
  }

  Result<> operator()(const op::PutString& one) {
    const std::size_t cells = (one.text.size() + HF_STRING_CELL - 1) / HF_STRING_CELL;
    if (one.cell + cells > writer.capacity_.strings) return beyond("strings", one.cell);
    char* area = writer.mappings_.array<char>("strings") + std::size_t{one.cell} * HF_STRING_CELL;
    std::memset(area, 0, cells * HF_STRING_CELL);
    std::copy(one.text.begin(), one.text.end(), area);
    return {};
  }
  Result<> operator()(const op::PutServiceName& one) {
    return put("service_names", one.id, writer.capacity_.services, one.value);
  }
  Result<> operator()(const op::PutPoolName& one) {
    return put("pool_names", one.id, writer.capacity_.pools, one.value);
  }
  Result<> operator()(const op::PutEndpointName& one) {
    return put("endpoint_names", one.id, writer.capacity_.endpoints, one.name);
  }
  // The incarnation last: until it is there the endpoint is none.
  Result<> operator()(const op::PutEndpoint& one) {
    if (auto named = (*this)(op::PutEndpointName{one.id, one.name}); !named) return named;
    hf_endpoint* element = writer.mappings_.array<hf_endpoint>("endpoints") + one.id;
    hf_endpoint silent = one.value;
    silent.incarnation = 0;
    std::memcpy(element, &silent, sizeof silent);
    __atomic_store_n(&element->incarnation, one.value.incarnation, __ATOMIC_RELEASE);
    return {};
  }
  Result<> operator()(const op::RetireEndpoint& one) {
    if (one.id >= writer.capacity_.endpoints) return beyond("endpoints", one.id);
    hf_endpoint* element = writer.mappings_.array<hf_endpoint>("endpoints") + one.id;
    __atomic_store_n(&element->incarnation, 0u, __ATOMIC_RELEASE);
    return {};
  }
  Result<> operator()(const op::PutSlots& one) {
    if (std::uint64_t{one.first} + one.slots.size() > writer.capacity_.slots) {
      return beyond("slots", one.first + one.slots.size());
    }
    const std::size_t bytes = one.slots.size() * sizeof(std::uint32_t);
    std::memcpy(writer.mappings_.array<std::uint32_t>("slot_info") + one.first, one.infos.data(),
                bytes);
    // Word by word: a range in use may be written over.
    std::uint32_t* slot = writer.mappings_.array<std::uint32_t>("slots") + one.first;
    for (const std::uint32_t id : one.slots) __atomic_store_n(slot++, id, __ATOMIC_RELAXED);
    return {};
  }
  Result<> operator()(const op::StorePool& one) {
    if (one.id >= writer.capacity_.pools) return beyond("pools", one.id);
    hf_pool* element = writer.mappings_.array<hf_pool>("pools") + one.id;
    __atomic_store_n(&element->policy, one.value.policy, __ATOMIC_RELEASE);
    __atomic_store_n(&element->word, one.value.word, __ATOMIC_RELEASE);
    return {};
  }
  Result<> operator()(const op::InsertFrontend& one) { return set_frontend(one.key, one.word); }
  // The kernel's own update makes another element, and recycles this one under its readers.
  Result<> operator()(const op::UpdateFrontend& one) {
    if (writer.stores_.set(one.key, one.word)) return {};
    if (auto set = set_frontend(one.key, one.word); !set) return set;
    return writer.grace_.wait();
  }
  Result<> set_frontend(const hf_frontend_key& key, std::uint32_t word) {
    if (::bpf_map_update_elem(writer.maps_->fd("frontends"), &key, &word, BPF_ANY) == 0) return {};
    return fail_errno(errno, "update map 'frontends'");
  }
  Result<> operator()(const op::DeleteFrontend& one) {
    if (::bpf_map_delete_elem(writer.maps_->fd("frontends"), &one.key) == 0 || errno == ENOENT)
      return {};
    return fail_errno(errno, "delete from map 'frontends'");
  }
  Result<> operator()(const op::Grace&) { return writer.grace_.wait(); }
  Result<> operator()(const op::PutMeta& one) {
    hf_meta meta{};
    meta.abi_version = HF_ABI_VERSION;
    meta.complete = one.complete;
    meta.generation = one.generation;
    meta.netns_cookie = writer.netns_cookie_;
    meta.applied_at = static_cast<__u64>(std::time(nullptr));
    meta.grace_mode = writer.grace_.mode();
    return put("meta", 0, 1, meta);
  }
};

Writer::Writer(const Maps& maps, const Capacity& capacity, std::uint64_t netns_cookie,
               Mappings mappings, Grace grace)
    : maps_(&maps),
      capacity_(capacity),
      netns_cookie_(netns_cookie),
      mappings_(std::move(mappings)),
      grace_(std::move(grace)),
      stores_(maps.fd("frontends")) {}

Result<Writer> Writer::open(const Maps& maps, const Capacity& capacity,
                            std::uint64_t netns_cookie) {
  auto mappings = Mappings::map(maps);
  if (!mappings) return tl::unexpected(mappings.error());
  auto grace = Grace::choose();
  if (!grace) return tl::unexpected(grace.error());
  return Writer(maps, capacity, netns_cookie, std::move(*mappings), std::move(*grace));
}

Result<> Writer::apply(const Diff& diff) {
  for (const Op& operation : diff.ops) {
    if (auto performed = std::visit(Perform{*this}, operation); !performed) return performed;
  }
  return {};
}

template <class T>
Result<> Writer::copy(const char* map, const std::vector<T>& elements) {
  if (elements.size() > elements_of(*set_map(map), capacity_)) {
    return Perform::beyond(map, elements.size());
  }
  std::memcpy(static_cast<void*>(mappings_.array<T>(map)), elements.data(),
              elements.size() * sizeof(T));
  return {};
}

Result<> Writer::copy(const char* map, const std::string& cells) {
  const std::size_t room =
      std::size_t{elements_of(*set_map(map), capacity_)} * sizeof(hf_string_cell);
  if (cells.size() > room) return Perform::beyond(map, cells.size() / sizeof(hf_string_cell));
  std::copy(cells.begin(), cells.end(), mappings_.array<char>(map));
  return {};
}

Result<> Writer::copy(const char* map, const hf_meta& before) {
  hf_meta meta = before;
  meta.abi_version = HF_ABI_VERSION;
  meta.netns_cookie = netns_cookie_;
  meta.grace_mode = grace_.mode();
  return Perform{*this}.put(map, 0, 1, meta);
}

Result<> Writer::copy(const char* map, const FrontendMap& frontends) {
  std::vector<hf_frontend_key> keys;
  std::vector<__u32> words;
  for (const auto& [key, word] : frontends) {
    keys.push_back(key);
    words.push_back(word);
  }
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  auto count = static_cast<__u32>(keys.size());
  if (count == 0 ||
      ::bpf_map_update_batch(maps_->fd(map), keys.data(), words.data(), &count, &options) == 0) {
    return {};
  }
  return fail_errno(errno, std::string("fill map '") + map + "'");
}

Result<> Writer::fill(const Image& image) {
  Result<> all;
  const auto fill = [&](const char* map, const auto& content) {
    using Stats = std::vector<hf_endpoint_stats>;
    if (!all) return;
    if constexpr (std::is_same_v<std::decay_t<decltype(content)>, Stats>) {
      all = copy(map, begin_stats(image));
    } else {
      all = copy(map, content);
    }
  };
  for_each_map(fill, image);
  return all;
}

}  // namespace holdfast::kernel
