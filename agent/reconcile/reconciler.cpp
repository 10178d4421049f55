// SPDX-License-Identifier: Apache-2.0
#include "agent/reconcile/reconciler.h"

#include <algorithm>
#include <set>

#include "holdfast/abi/live.h"

namespace holdfast {
namespace {

constexpr std::size_t kLookedAt = 8192;  // draining endpoints in one step

bool below(const Usage& now, const Usage& then) {
  return now.frontends < then.frontends || now.services < then.services || now.pools < then.pools ||
         now.slots < then.slots || now.endpoints < then.endpoints || now.strings < then.strings;
}

}  // namespace

Reconciler::Reconciler(Dataplane& dataplane, std::function<std::vector<CatalogChange>()> everything,
                       Vantage vantage, std::size_t step, std::launch growth)
    : dataplane_(dataplane),
      everything_(std::move(everything)),
      vantage_(std::move(vantage)),
      launch_(growth),
      backlog_(step) {}

// What no map names is free for the new planner, so first every program that may still hold what a
// broken diff, or the life before, unpublished must have ended.
Result<Image> Reconciler::readopt() {
  if (auto waited = dataplane_.apply({{op::Grace{}}}); !waited) {
    return within("wait for a grace period", waited.error());
  }
  auto image = dataplane_.observe();
  if (!image) return within("observe the maps", image.error());
  auto planner = Planner::adopt(*image, dataplane_.capacity(), vantage_);
  if (!planner) return within("take over the maps", planner.error());
  planner_.emplace(std::move(*planner));
  return image;
}

Result<> Reconciler::start() {
  auto adopted = readopt();
  if (!adopted) return tl::unexpected(adopted.error());
  found_ = std::move(*adopted);
  status_.applied_generation = status_.desired_generation = found_.meta.generation;
  return {};
}

const Image& Reconciler::found() const {
  return found_;
}

void Reconciler::release_found() {
  const hf_meta meta = found_.meta;
  found_ = {};
  found_.meta = meta;
}

Result<> Reconciler::perform(Diff diff) {
  const auto switched = diff.ops.begin() + static_cast<std::ptrdiff_t>(diff.switched);
  Diff rest;
  rest.ops.assign(std::make_move_iterator(switched), std::make_move_iterator(diff.ops.end()));
  diff.ops.erase(switched, diff.ops.end());
  auto applied = dataplane_.apply(diff);
  if (applied && switched_ && !diff.empty()) switched_();
  if (applied) applied = dataplane_.apply(rest);
  if (!applied) {
    replan_ = true;
    status_.last_error = applied.error().what;
  }
  return applied;
}

Result<> Reconciler::apply(const Generation& generation) {
  auto applied = begin(generation);
  while (applied && unfinished()) applied = step();
  return applied;
}

Result<> Reconciler::begin(const Generation& generation) {
  status_.desired_generation = generation.number;
  for (const CatalogChange& change : generation.changes) {
    if (!change.now) gone_[change.key] = change.source;
  }
  if (!growing() && pending() && (replan_ || !status_.last_error.empty())) return retry();
  for (const CatalogChange& change : generation.changes) unfit_.erase(change.key);
  backlog_.add(generation);
  if (growing() || (backlog_.large() && grow_for_backlog())) return {};
  return backlog_.large() ? Result<>{} : apply_piece();
}

Result<> Reconciler::step() {
  if (growing()) {
    if (!growth_done()) return {};
    if (auto taken = take_growth(); !taken) {
      backlog_.clear();
      return taken;
    }
  }
  return unfinished() ? apply_piece() : Result<>{};
}

Result<> Reconciler::apply_piece() {
  if (auto carried = carry_out(backlog_.next(*planner_)); !carried) {
    backlog_.clear();
    return carried;
  }
  const bool room = below(planner_->usage(), tried_) || dataplane_.set() != tried_in_;
  auto tried = room ? try_unfit() : Result<>{};
  if (unfit_.empty()) growth_failed_.clear();
  return tried;
}

Result<> Reconciler::carry_out(const Generation& generation) {
  auto diff = planner_->plan(generation);
  if (!diff && diff.error().code == Errc::exhausted) {
    if (!begin_growth(planner_->needed())) return fit(generation);
    backlog_.add(generation);
    return launch_ == std::launch::deferred ? step() : Result<>{};
  }
  if (!diff) {
    status_.last_error = diff.error().what;
    return tl::unexpected(diff.error());
  }
  if (auto applied = perform(std::move(*diff)); !applied) return applied;
  done(generation);
  return {};
}

void Reconciler::done(const Generation& generation) {
  status_.last_error.clear();
  if (!generation.whole) return;
  ++status_.applies;
  status_.applied_generation = generation.number;
  gone_.clear();
}

bool Reconciler::pending() const {
  return replan_ || unfinished() || status_.desired_generation != status_.applied_generation;
}

// The whole catalog against what the maps hold: what a broken generation left undone, services that
// are gone meanwhile included.
Result<> Reconciler::retry() {
  if (replan_) {
    if (auto adopted = readopt(); !adopted) {
      status_.last_error = adopted.error().what;
      return tl::unexpected(adopted.error());
    }
    replan_ = false;
  }
  Generation whole{status_.desired_generation, everything_()};
  std::set<ServiceKey> listed;
  for (const CatalogChange& change : whole.changes) listed.insert(change.key);
  for (const auto& [key, source] : gone_) {
    if (!listed.contains(key)) whole.changes.push_back({key, nullptr, source});
  }
  unfit_.clear();
  backlog_.clear();
  growth_failed_.clear();
  auto carried = carry_out(whole);
  if (!carried) replan_ = true;
  return carried;
}

Result<> Reconciler::prune(const std::string& source) {
  std::set<ServiceKey> listed;
  for (const CatalogChange& change : everything_()) listed.insert(change.key);
  Generation removal{status_.desired_generation, {}};
  for (ServiceKey& key :
       planner_->strangers(source, [&](const ServiceKey& one) { return listed.contains(one); })) {
    gone_[key] = source;
    removal.changes.push_back({std::move(key), nullptr, source});
  }
  if (removal.changes.empty()) return {};
  return begin(removal);
}

Result<> Reconciler::collect() {
  if (pending()) return {};
  const auto collected = collect(0, {}, kLookedAt);
  if (!collected) return tl::unexpected(collected.error());
  return *collected ? try_unfit() : Result<>{};
}

// One whose stats cannot be read drains on.
Result<bool> Reconciler::collect(std::size_t least, const std::set<std::uint32_t>& closed,
                                 std::size_t most) {
  std::optional<Error> failed;
  const auto stats_of = [&](std::uint32_t id) -> std::optional<hf_endpoint_stats> {
    auto stats = dataplane_.stats(id);
    if (stats) return *stats;
    failed = stats.error();
    return std::nullopt;
  };
  Diff diff = planner_->collect(stats_of, least, closed, most);
  const bool some = !diff.empty();
  if (some) {
    if (auto performed = perform(std::move(diff)); !performed)
      return tl::unexpected(performed.error());
  }
  const Early early = planner_->recount_early(stats_of);
  status_.forced += early.forced;
  status_.lost_closes += early.lost_closes;
  if (failed) return tl::unexpected(*failed);
  return some;
}

Result<> Reconciler::recount() {
  if (pending()) return {};
  const auto lingering = planner_->lingering(HF_LIVE_MOST);
  if (lingering.empty()) return {};
  const auto sockets = dataplane_.live(lingering);
  if (!sockets) return within("count the sockets of draining endpoints", sockets.error());
  std::set<std::uint32_t> closed;
  for (std::size_t index = 0; index < lingering.size(); ++index) {
    if ((*sockets)[index] == 0) closed.insert(lingering[index].id);
  }
  const auto collected = collect(0, closed, kAll);
  if (!collected) return tl::unexpected(collected.error());
  return *collected ? try_unfit() : Result<>{};
}

bool Reconciler::collecting() const {
  return !pending() && planner_->collecting();
}

bool Reconciler::draining() const {
  return planner_->draining();
}

std::optional<hf_endpoint_stats> Reconciler::traffic(const IpAddress& address, std::uint16_t port,
                                                     Protocol protocol, const Identity& identity) {
  const auto id = planner_->id_of(address, port, protocol, identity);
  if (!id) return std::nullopt;
  auto stats = dataplane_.stats(*id);
  if (!stats) return std::nullopt;
  const auto& names = planner_->expected().endpoint_names;
  return since_base(*stats, *id < names.size() ? names[*id] : hf_endpoint_name{});
}

Result<std::vector<Difference>> Reconciler::differences() {
  auto actual = dataplane_.observe();
  if (!actual) return tl::unexpected(actual.error());
  return compare(planner_->expected(), *actual);
}

Result<std::size_t> Reconciler::verify_step() {
  if (!readback_ || readback_->set() != dataplane_.set()) readback_.emplace(dataplane_);
  auto found = readback_->step(planner_->expected());
  if (!found || readback_->done()) readback_.reset();
  if (!found) return tl::unexpected(found.error());
  if (found->differences == 0) return 0;
  if (auto mended = perform(std::move(found->repair)); !mended) {
    readback_.reset();
    return tl::unexpected(mended.error());
  }
  status_.repairs += found->differences;
  return found->differences;
}

Result<std::size_t> Reconciler::verify() {
  std::size_t sum = 0;
  readback_.reset();
  do {
    auto mended = verify_step();
    if (!mended) return mended;
    sum += *mended;
  } while (verifying());
  return sum;
}

ReconcileStatus Reconciler::status() const {
  ReconcileStatus status = status_;
  for (const auto& [key, waiting] : unfit_) status.unfit.push_back({key, waiting.lacking});
  return status;
}

Usage Reconciler::usage() const {
  return planner_->usage();
}

}  // namespace holdfast
