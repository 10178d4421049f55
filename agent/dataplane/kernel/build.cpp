// SPDX-License-Identifier: Apache-2.0
// Making a set beside the one that serves.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agent/dataplane/kernel/sets.h"
#include "agent/dataplane/map_table.h"

namespace holdfast::kernel {
namespace {

// What the new set shares with the old: the maps of the same layout that outlive a set.
std::map<std::string, int> shared_with(const Maps* before) {
  std::map<std::string, int> shared;
  if (!before) return shared;
  const Schema& own = own_schema();
  for (const std::string& name : storages()) {
    if (before->has(name) && before->schema.of(name) == own.of(name)) {
      shared[name] = before->fd(name);
    }
  }
  if (before->schema.counters == own.counters) shared["counters"] = before->fd("counters");
  return shared;
}

Result<> write_schema(int layout_map) {
  static_assert(sizeof(hf_layout) == HF_LAYOUT_BYTES);
  const std::string text = own_text();
  if (text.size() >= HF_LAYOUT_BYTES) return fail(Errc::internal, "the layout's text is too long");
  hf_layout layout{};
  std::copy(text.begin(), text.end(), layout.text);
  const __u32 key = 0;
  if (::bpf_map_update_elem(layout_map, &key, &layout, BPF_ANY) == 0) return {};
  return fail_errno(errno, "write map 'layout'");
}

// Counters of another list begin with what the old ones said: those of the same name, on one CPU.
Result<> copy_counters(const Maps& before, int target) {
  const auto values = read_counters(before);
  if (!values) return tl::unexpected(values.error());
  const auto& names = own_schema().counters;
  std::vector<__u64> per_cpu(static_cast<std::size_t>(::libbpf_num_possible_cpus()));
  for (const CounterValue& counter : *values) {
    const auto found = std::find(names.begin(), names.end(), counter.name);
    if (found == names.end()) continue;
    const auto id = static_cast<__u32>(found - names.begin());
    per_cpu[0] = counter.value;
    if (::bpf_map_update_elem(target, &id, per_cpu.data(), BPF_ANY) != 0) {
      return fail_errno(errno, "write map 'counters'");
    }
  }
  return {};
}

// As it was to be written.
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

bool same(const FrontendMap& a, const FrontendMap& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&b](const auto& one) {
           const auto found = b.find(one.first);
           return found != b.end() && found->second == one.second;
         });
}

bool same(const std::string& a, const std::string& b) {
  return a == b;
}

// The rest of it is the writer's.
bool same(const hf_meta& a, const hf_meta& b) {
  return a.generation == b.generation && a.complete == b.complete;
}

// Stats are not compared: a failed or a measured connect of the old set may have changed them
// since.
bool same(const std::vector<hf_endpoint_stats>&, const std::vector<hf_endpoint_stats>&) {
  return true;
}

// What was to be written against what system calls find.
Result<> verify(const Image& wanted, const Maps& maps) {
  const auto found = read_image(maps);
  if (!found) return tl::unexpected(found.error());
  const char* wrong = nullptr;
  const auto check = [&wrong](const char* map, const auto& want, const auto& have) {
    if (!wrong && !same(want, have)) wrong = map;
  };
  for_each_map(check, wanted, *found);
  if (!wrong) return {};
  return fail(Errc::internal, std::string("the new set's map '") + wrong +
                                  "' does not hold what was written to it");
}

Result<> open_writer(LiveSet& set) {
  set.capacity = capacity_of(set.maps);
  auto writer = Writer::open(set.maps, set.capacity, set.programs->netns().cookie);
  if (!writer) return tl::unexpected(writer.error());
  set.writer.emplace(std::move(*writer));
  return {};
}

Result<> fill_set(LiveSet& set, const SetContent& content, const Steps& steps) {
  if (content.before && content.before->schema.counters != own_schema().counters) {
    if (auto copied = copy_counters(*content.before, set.maps.fd("counters")); !copied) {
      return copied;
    }
  }
  if (!content.image) return {};
  steps.next("fill");
  if (auto filled = set.writer->fill(*content.image); !filled) return filled;
  steps.next("verify");
  return verify(*content.image, set.maps);
}

}  // namespace

Result<LiveSetPtr> build_set(const Pins& pins, std::uint32_t number, const Capacity& capacity,
                             const SetContent& content, const Steps& steps) {
  auto set = std::make_unique<LiveSet>();
  set->number = number;
  set->directory = pins.building(number);
  steps.next("make " + set->directory);
  if (auto made = make_directory(set->directory); !made) return tl::unexpected(made.error());
  steps.next("load");
  const LoadPlan plan{shared_with(content.before), capacity, content.before,
                      steps.no_netns_cookie()};
  auto programs = Programs::load(plan);
  if (!programs) return tl::unexpected(programs.error());
  set->programs.emplace(std::move(*programs));
  if (auto written = write_schema(set->programs->map_fd("layout")); !written) {
    return tl::unexpected(written.error());
  }
  if (auto pinned = set->programs->pin(set->directory, steps); !pinned) {
    return tl::unexpected(pinned.error());
  }
  auto maps = open_pinned(pins, set->directory, false);
  if (!maps) return tl::unexpected(maps.error());
  set->maps = std::move(*maps);
  if (auto opened = open_writer(*set); !opened) return tl::unexpected(opened.error());
  if (auto filled = fill_set(*set, content, steps); !filled) {
    return tl::unexpected(filled.error());
  }
  return set;
}

Result<> complete_set(const Pins& pins, LiveSet& set, const Steps& steps) {
  steps.next("complete set " + std::to_string(set.number));
  const std::string whole = pins.set(set.number);
  if (std::rename(set.directory.c_str(), whole.c_str()) != 0) {
    return fail_errno(errno, "rename " + set.directory);
  }
  set.directory = whole;
  return {};
}

Result<LiveSetPtr> take_over_set(const Pins& pins, std::uint32_t number, Maps maps,
                                 const Steps& steps) {
  auto set = std::make_unique<LiveSet>();
  set->number = number;
  set->directory = pins.set(number);
  set->maps = std::move(maps);
  LoadPlan plan;
  plan.no_netns_cookie = steps.no_netns_cookie();
  for (const auto& [name, fd] : set->maps.fds) plan.reuse[name] = fd.get();
  auto programs = Programs::load(plan);
  if (!programs) return tl::unexpected(programs.error());
  set->programs.emplace(std::move(*programs));
  if (auto opened = open_writer(*set); !opened) return tl::unexpected(opened.error());
  return set;
}

}  // namespace holdfast::kernel
