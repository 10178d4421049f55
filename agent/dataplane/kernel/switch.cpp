// SPDX-License-Identifier: Apache-2.0
// Moving from one set to another.
#include <bpf/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "agent/dataplane/kernel/mover.h"
#include "agent/dataplane/kernel/sets.h"

namespace holdfast::kernel {
namespace {

// The names' elements in the layout of their own set, whatever it holds that is unknown here.
Result<> store_bases(const Maps& maps, std::uint32_t id, const hf_endpoint_name& name) {
  const ElementLayout& theirs = maps.schema.of("endpoint_names");
  std::string element(theirs.size, '\0');
  const int fd = maps.fd("endpoint_names");
  if (::bpf_map_lookup_elem(fd, &id, element.data()) != 0) {
    return fail_errno(errno, "read map 'endpoint_names'");
  }
  patch(own_schema().of("endpoint_names"), reinterpret_cast<const char*>(&name), theirs,
        element.data());
  if (::bpf_map_update_elem(fd, &id, element.data(), BPF_ANY) == 0) return {};
  return fail_errno(errno, "write map 'endpoint_names'");
}

// Those of `names` that are not what the map has.
Result<> store_changed(const Maps& maps, const std::vector<hf_endpoint_name>& had,
                       const std::vector<hf_endpoint_name>& names) {
  for (std::uint32_t id = 1; id < names.size(); ++id) {
    if (std::memcmp(&names[id], &had[id], sizeof names[id]) == 0) continue;
    if (auto stored = store_bases(maps, id, names[id]); !stored) return stored;
  }
  return {};
}

// No program writes the old stats any more. Nothing is added to the new ones, which the programs
// write: what the old ones say goes into the bases, which only the daemon writes.
Result<> carry_over(const Maps& from, const Maps& to) {
  const auto before = read_evidence(from);
  if (!before) return tl::unexpected(before.error());
  const auto after = read_evidence(to);
  if (!after) return tl::unexpected(after.error());
  Image carried = *after;
  carry_stats(*before, carried);
  return store_changed(to, after->endpoint_names, carried.endpoint_names);
}

bool has_own(const Pins& pins, std::uint32_t set, const std::string& name) {
  return ::access((pins.set(set) + "/" + name).c_str(), F_OK) == 0;
}

// The storages of which `to` has its own still: its programs read the state of a socket in either
// map. Not readable any more: one of its maps is shared already, before which all had moved. Where
// the kernel lets nobody copy them, these programs go on reading both.
Result<> move_from(const Pins& pins, std::uint32_t from, std::uint32_t to, const Steps& steps) {
  std::vector<std::string> moving;
  for (const std::string& name : storages()) {
    if (has_own(pins, to, name)) moving.push_back(name);
  }
  if (moving.empty() || !steps.may_iterate()) return {};
  const auto before = open_pinned(pins, pins.set(from), false);
  if (!before && before.error().code == Errc::incompatible) return {};
  if (!before) return tl::unexpected(before.error());
  const auto now = open_pinned(pins, pins.set(to), false);
  if (!now) return tl::unexpected(now.error());
  for (const std::string& name : moving) {
    if (!before->has(name)) continue;  // its version did not know it
    steps.next("move " + name);
    if (auto moved = move_sockets(*before, *now, name); !moved) return moved;
  }
  return {};
}

// What a set has of its own in place of the shared maps replaces them: the storages once the
// sockets that are open have moved, all of them. After `current`, since the set before is not
// readable without its own.
Result<> share_maps(const Pins& pins, std::uint32_t from, std::uint32_t to, const Steps& steps) {
  if (from != 0) {
    if (auto moved = move_from(pins, from, to, steps); !moved) return moved;
  }
  for (const std::string& name : shared_maps()) {
    if (!has_own(pins, to, name)) continue;
    const std::string own = pins.set(to) + "/" + name;
    steps.next("share " + name);
    if (std::rename(own.c_str(), (pins.shared() + "/" + name).c_str()) != 0) {
      return fail_errno(errno, "rename " + own);
    }
  }
  return {};
}

Result<> take_cut(const Pins& pins, std::uint32_t from, std::uint32_t to) {
  const auto before = open_pinned(pins, pins.set(from), false);
  if (!before && before.error().code == Errc::incompatible) return {};
  if (!before) return tl::unexpected(before.error());
  const auto after = open_pinned(pins, pins.set(to), false);
  if (!after && after.error().code == Errc::incompatible) return {};
  if (!after) return tl::unexpected(after.error());
  return carry_over(*before, *after);
}

bool readable(const Pins& pins, std::uint32_t number) {
  return number != 0 && open_pinned(pins, pins.set(number), false).has_value();
}

// Another version made the newest set, and ended before it served, or half-way. This version reads
// the one before, with all its counts; what the newest counted meanwhile is as unknown as the rest
// of it.
Result<> go_back(const Pins& pins, std::uint32_t to, std::uint32_t newest, const Steps& steps) {
  auto programs = pinned_programs(pins, to);
  if (!programs) return tl::unexpected(programs.error());
  if (auto back = switch_links(pins, fd_of(*programs), steps); !back) return back;
  return retire_set(pins, newest, steps);
}

}  // namespace

Result<> add_evidence(const Maps& from, const Maps& to) {
  const auto more = read_evidence(from);
  if (!more) return tl::unexpected(more.error());
  const auto had = read_evidence(to);
  if (!had) return tl::unexpected(had.error());
  std::vector<hf_endpoint_name> names = had->endpoint_names;
  for (std::size_t id = 1; id < std::min(names.size(), more->stats.size()); ++id) {
    const hf_endpoint_stats& stats = more->stats[id];
    names[id].base_connects -= stats.connects;
    names[id].base_closes -= stats.closes;
    names[id].base_established -= stats.established;
    names[id].base_failures -= stats.failures;
    names[id].base_abandoned -= stats.abandoned;
  }
  return store_changed(to, had->endpoint_names, names);
}

Result<std::map<std::string, Fd>> pinned_programs(const Pins& pins, std::uint32_t number) {
  std::map<std::string, Fd> programs;
  for (const std::string& name : link_names(pins)) {
    const std::string path = pins.set(number) + "/" + name;
    Fd fd(::bpf_obj_get(path.c_str()));
    if (!fd && errno == ENOENT) continue;
    if (!fd) return fail_errno(errno, "open pinned program " + path);
    programs.emplace(name, std::move(fd));
  }
  return programs;
}

ProgramFd fd_of(const std::map<std::string, Fd>& programs) {
  return [&programs](const std::string& name) {
    const auto found = programs.find(name);
    return found == programs.end() ? -1 : found->second.get();
  };
}

Result<> retire_set(const Pins& pins, std::uint32_t number, const Steps& steps) {
  return remove_directory(pins.set(number), steps);
}

Result<> remove_directory(const std::string& directory, const Steps& steps) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    steps.next("unpin " + path);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(errno, "unpin " + path);
  }
  steps.next("remove " + directory);
  if (::rmdir(directory.c_str()) == 0 || errno == ENOENT) return {};
  return fail_errno(errno, "remove " + directory);
}

Result<> switch_sets(const Pins& pins, std::uint32_t from, std::uint32_t to,
                     const ProgramFd& programs, const Steps& steps) {
  if (auto switched = switch_links(pins, programs, steps); !switched) return switched;
  auto grace = Grace::choose();
  if (!grace) return tl::unexpected(grace.error());
  steps.next("grace");
  if (auto waited = grace->wait(); !waited) return waited;
  steps.next("carry over the stats");
  if (from != 0 && !steps.no_cut()) {
    if (auto cut = take_cut(pins, from, to); !cut) return cut;
  }
  steps.next("publish set " + std::to_string(to));
  if (auto published = publish_current(pins, to); !published) return published;
  if (auto shared = share_maps(pins, from, to, steps); !shared) return shared;
  return from != 0 ? retire_set(pins, from, steps) : Result<>{};
}

// A whole set above `current` is as good as the one below it, in content, since no update comes
// between; and some links may run its programs already. So the way is forward.
Result<> finish_switch(const Pins& pins, const Steps& steps) {
  if (auto removed = remove_building(pins); !removed) return removed;
  const std::vector<std::uint32_t> sets = pins.sets();
  if (sets.empty()) return {};
  const std::uint32_t newest = sets.back(), current = pins.current_set();
  const std::uint32_t before = sets.size() > 1 ? sets[sets.size() - 2] : 0;
  if (newest > current && readable(pins, current) && !readable(pins, newest)) {
    return go_back(pins, current, newest, steps);
  }
  if (newest > current) {
    auto programs = pinned_programs(pins, newest);
    if (!programs) return tl::unexpected(programs.error());
    if (auto moved = switch_sets(pins, current, newest, fd_of(*programs), steps); !moved) {
      return moved;
    }
  } else if (auto shared = share_maps(pins, before, newest, steps); !shared) {
    return shared;
  }
  for (const std::uint32_t number : sets) {
    if (number == newest) continue;
    if (auto retired = retire_set(pins, number, steps); !retired) return retired;
  }
  return {};
}

}  // namespace holdfast::kernel
