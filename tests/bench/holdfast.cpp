// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/holdfast.h"

#include <bpf/bpf.h>

#include <cerrno>

#include "holdfast/abi/socket.h"  // before the skeleton, which has its structs

#include "bench_lookup.skel.h"
#include "holdfast/abi/pins.h"
#include "tests/bench/figures.h"

namespace holdfast::bench {
namespace {

const std::vector<std::string>& program_names() {
#define NAME(object, name, section) #name,
  static const std::vector<std::string> names{HF_PROGRAMS(NAME)};
#undef NAME
  return names;
}

}  // namespace

Holdfast::Holdfast(const std::string& cgroup, const std::string& bpffs, Capacity capacity)
    : bpffs_(bpffs) {
  plane_ = checked(KernelDataplane::open({cgroup, bpffs, capacity}), "open the dataplane");
  planner_ = std::make_unique<Planner>(
      checked(Planner::adopt(Image{}, plane_->capacity()), "make a planner"));
}

Holdfast::~Holdfast() {
  plane_.reset();
  (void)uninstall(bpffs_, true);
}

void Holdfast::apply(const Diff& diff) {
  checked(plane_->apply(diff), "apply to the kernel maps");
}

void Holdfast::fill(const std::vector<ServicePtr>& services) {
  Generation generation{1, {}};
  for (const ServicePtr& one : services) generation.changes.push_back({one->key, one, "bench"});
  apply(checked(planner_->plan(generation), "plan the catalog"));
}

void Holdfast::attach(bool evidence) {
  checked(plane_->attach(), "attach");
  if (!evidence) detach_one("hf_sock_release");
}

// The pin stays; the next attach finds it without a cgroup and makes a new link.
void Holdfast::detach_one(const std::string& program) const {
  const Fd link(::bpf_obj_get((bpffs_ + "/links/" + program).c_str()));
  require(link && (::bpf_link_detach(link.get()) == 0), "detach " + program);
}

void Holdfast::detach() {
  for (const std::string& name : program_names()) detach_one(name);
}

std::vector<ProgramFd> Holdfast::programs() const {
  std::vector<ProgramFd> result;
  for (const std::string& name : program_names()) {
    const Fd link(::bpf_obj_get((bpffs_ + "/links/" + name).c_str()));
    bpf_link_info info{};
    __u32 length = sizeof info;
    require(link && ::bpf_obj_get_info_by_fd(link.get(), &info, &length) == 0, "link " + name);
    if (info.cgroup.cgroup_id == 0) continue;
    result.push_back({name, Fd(::bpf_prog_get_fd_by_id(info.prog_id))});
  }
  return result;
}

std::uint64_t Holdfast::counter(const std::string& name) const {
  for (const CounterValue& one : checked(plane_->counters(), "read the counters")) {
    if (one.name == name) return one.value;
  }
  give_up("no counter " + name);
}

std::string Holdfast::map_path(const std::string& name) const {
#define NAME(kind, name, ...) #name,
  for (const char* shared : {HF_SHARED_MAPS(NAME)}) {
    if (name == shared) return bpffs_ + "/shared/" + name;
  }
#undef NAME
  return bpffs_ + "/current/" + name;
}

std::vector<std::pair<std::string, std::uint64_t>> Holdfast::maps() const {
  std::vector<std::pair<std::string, std::uint64_t>> result;
#define NAME(kind, name, ...) #name,
  for (const char* name : {HF_SET_MAPS(NAME) HF_SHARED_MAPS(NAME)}) {
    const Fd map(::bpf_obj_get(map_path(name).c_str()));
    require(static_cast<bool>(map), "open map " + map_path(name));
    result.emplace_back(name, map_memory(map.get()));
  }
#undef NAME
  return result;
}

void Holdfast::collect() {
  apply(planner_->collect([this](std::uint32_t id) {
    return std::optional(checked(plane_->stats(id), "read statistics"));
  }));
}

struct LookupOnly::Skeleton {
  explicit Skeleton(hf_bench_lookup_bpf* made) : object(made) {}
  Skeleton(const Skeleton&) = delete;
  Skeleton& operator=(const Skeleton&) = delete;
  ~Skeleton() { hf_bench_lookup_bpf__destroy(object); }
  hf_bench_lookup_bpf* object;
};

LookupOnly::LookupOnly(const Holdfast& holdfast) {
  skeleton_ = std::make_unique<Skeleton>(hf_bench_lookup_bpf__open());
  require(skeleton_->object != nullptr, "open the look-up program");
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton_->object->obj) {
    const std::string name = bpf_program__name(program);
    bpf_program__set_autoload(program, name.rfind("bench_", 0) == 0);
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton_->object->obj) {
    if (bpf_map__is_internal(map)) continue;
    if (map == skeleton_->object->maps.sockets_before) {  // of an upgrade alone
      require(bpf_map__set_autocreate(map, false) == 0, "leave out map sockets_before");
      continue;
    }
    const Fd pinned(::bpf_obj_get(holdfast.map_path(bpf_map__name(map)).c_str()));
    require(pinned && bpf_map__reuse_fd(map, pinned.get()) == 0,
            std::string("reuse map ") + bpf_map__name(map));
  }
  require(hf_bench_lookup_bpf__load(skeleton_->object) == 0, "load the look-up program");
}

LookupOnly::~LookupOnly() = default;

bpf_program* LookupOnly::program() const {
  return skeleton_->object->progs.bench_lookup;
}

}  // namespace holdfast::bench
