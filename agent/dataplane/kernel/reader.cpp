// SPDX-License-Identifier: Apache-2.0
// The CLI's side: pinned maps, read only; and the one remover.
#include <bpf/bpf.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "agent/dataplane/kernel/kernel.h"
#include "agent/dataplane/kernel/links.h"
#include "agent/dataplane/kernel/maps.h"
#include "agent/dataplane/kernel/pins.h"

namespace holdfast {

using namespace kernel;

namespace {

// Maps that are read more slowly than they change are never found quiet.
constexpr auto kPatience = std::chrono::seconds(2);

}  // namespace

struct PinnedReader::State {
  Pins pins;
  std::uint32_t set = 0;
  Maps maps;
};

PinnedReader::PinnedReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
PinnedReader::PinnedReader(PinnedReader&&) noexcept = default;
PinnedReader& PinnedReader::operator=(PinnedReader&&) noexcept = default;
PinnedReader::~PinnedReader() = default;

// Between reading `current` and opening the maps a daemon may have moved to another set.
Result<PinnedReader> PinnedReader::open(const std::string& bpffs) {
  auto state = std::make_unique<State>();
  state->pins.root = bpffs;
  for (int attempt = 0;; ++attempt) {
    state->set = state->pins.current_set();
    if (state->set == 0) {
      return fail(Errc::not_found, "no maps are pinned under " + bpffs +
                                       "; has holdfastd run with this bpffs directory?");
    }
    auto maps = open_pinned(state->pins, state->pins.set(state->set), true);
    if (maps) {
      state->maps = std::move(*maps);
      return PinnedReader(std::move(state));
    }
    if (attempt == 3 || state->pins.current_set() == state->set) {
      return tl::unexpected(maps.error());
    }
  }
}

namespace {

bool same_words(const std::vector<hf_pool>& a, const std::vector<hf_pool>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(hf_pool)) == 0);
}

// The second word of a pool, or its name, is of another moment than the first.
bool torn(const Image& image) {
  for (std::size_t id = 0; id < image.pools.size(); ++id) {
    const hf_pool& pool = image.pools[id];
    if (!pool.word) continue;
    const __u32 check = hf_pool_generation(pool.word) & 0xff;
    const __u32 tail = id < image.pool_names.size() ? image.pool_names[id].tail : 0;
    if (hf_policy_check(pool.policy) != check || hf_tail_check(tail) != check) return true;
  }
  return false;
}

}  // namespace

// Two reads with the same pool words and generation around them: no update came in between that a
// view of the services could show half of.
Result<Image> PinnedReader::image() const {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  auto before = read_image(state_->maps);
  for (int attempt = 0; before && attempt < 20; ++attempt) {
    if (attempt > 0 && std::chrono::steady_clock::now() > end) break;
    auto after = read_image(state_->maps);
    if (!after) return after;
    if (same_words(before->pools, after->pools) && !torn(*after) &&
        before->meta.generation == after->meta.generation) {
      return after;
    }
    before = std::move(after);
  }
  return before;  // constant change: the last read, each element of it whole
}

Capacity PinnedReader::capacity() const {
  return capacity_of(state_->maps);
}

std::uint32_t PinnedReader::set() const {
  return state_->set;
}

Result<std::vector<CounterValue>> PinnedReader::counters() const {
  return read_counters(state_->maps);
}

std::vector<ProgramStatus> PinnedReader::programs() const {
  return link_status(state_->pins);
}

// Links first, in the reverse order of attaching: what redirects goes before what reverses. Only
// what is ours by name: whoever names a directory of others by mistake loses nothing.
Result<std::vector<std::string>> uninstall(const std::string& bpffs, bool force) {
  std::vector<std::string> removed;
  if (!std::filesystem::exists(bpffs)) return removed;
  auto lock = lock_directory(bpffs, "bpffs directory");
  if (!lock && !force) return tl::unexpected(lock.error());
  for (const std::string& path : everything_pinned(bpffs)) {
    if (path.starts_with(Pins{bpffs}.links() + "/")) {
      // Now, whoever else holds the link: without its pin alone it would go some time later.
      const Fd link(::bpf_obj_get(path.c_str()));
      if (link) (void)::bpf_link_detach(link.get());
    }
    if (std::remove(path.c_str()) == 0) {
      removed.push_back(path);
    } else if (errno != ENOENT) {
      return fail_errno(errno, "remove " + path);
    }
  }
  return removed;
}

}  // namespace holdfast
