// SPDX-License-Identifier: Apache-2.0
#include "agent/reconcile/reconciler.h"

#include <algorithm>
#include <set>

namespace holdfast {

Reconciler::Reconciler(Dataplane& dataplane, std::function<std::vector<CatalogChange>()> everything)
    : dataplane_(dataplane), everything_(std::move(everything)) {}

// What no map names is free for the new planner, so first every program that may still hold what a
// broken diff, or the life before, unpublished must have ended.
Result<> Reconciler::readopt() {
  if (auto waited = dataplane_.apply({{op::Grace{}}}); !waited) {
    return within("wait for a grace period", waited.error());
  }
  auto image = dataplane_.observe();
  if (!image) return within("observe the maps", image.error());
  auto planner = Planner::adopt(*image, dataplane_.capacity());
  if (!planner) return within("take over the maps", planner.error());
  planner_.emplace(std::move(*planner));
  found_ = std::move(*image);
  return {};
}

Result<> Reconciler::start() {
  if (auto adopted = readopt(); !adopted) return adopted;
  status_.applied_generation = status_.desired_generation = found_.meta.generation;
  return {};
}

const Image& Reconciler::found() const {
  return found_;
}

// More than one growth where the first made room for finer weights, and they took it all.
Result<Diff> Reconciler::plan(const Generation& generation) {
  for (;;) {
    auto diff = planner_->plan(generation);
    if (diff || diff.error().code != Errc::exhausted) return diff;
    if (auto larger = grow(); !larger) {
      return fail(larger.error().code, diff.error().what + "; " + larger.error().what);
    }
  }
}

// The larger set holds what the old one held, so that the planner adopts it and plans once more.
Result<> Reconciler::grow() {
  const auto room = grown(dataplane_.capacity(), planner_->needed(), dataplane_.limit());
  if (!room) {
    return fail(Errc::exhausted, "it may not grow further, dataplane.capacity is the limit");
  }
  replan_ = true;  // until the set that serves, old or new, is adopted
  auto larger = dataplane_.grow(*room);
  if (!larger) return within("grow the maps", larger.error());
  ++status_.growths;
  auto image = dataplane_.observe();
  if (!image) return within("observe the larger maps", image.error());
  auto planner = Planner::adopt(*image, dataplane_.capacity());
  if (!planner) return within("take over the larger maps", planner.error());
  planner_.emplace(std::move(*planner));
  replan_ = false;
  return {};
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
  status_.desired_generation = generation.number;
  for (const CatalogChange& change : generation.changes) {
    if (!change.now) gone_[change.key] = change.source;
  }
  if (pending() && (replan_ || !status_.last_error.empty())) return retry();
  auto diff = plan(generation);
  if (!diff) {
    status_.last_error = diff.error().what;
    return tl::unexpected(diff.error());
  }
  if (auto applied = perform(std::move(*diff)); !applied) return applied;
  ++status_.applies;
  status_.applied_generation = generation.number;
  status_.last_error.clear();
  gone_.clear();
  return {};
}

bool Reconciler::pending() const {
  return replan_ || status_.desired_generation != status_.applied_generation;
}

// The whole catalog against what the maps hold: what a refused or broken generation left undone,
// services that are gone meanwhile included.
Result<> Reconciler::retry() {
  if (replan_) {
    if (auto adopted = readopt(); !adopted) {
      status_.last_error = adopted.error().what;
      return adopted;
    }
  }
  Generation whole{status_.desired_generation, everything_()};
  std::set<ServiceKey> listed;
  for (const CatalogChange& change : whole.changes) listed.insert(change.key);
  for (const auto& [key, source] : gone_) {
    if (!listed.contains(key)) whole.changes.push_back({key, nullptr, source});
  }
  auto diff = plan(whole);
  if (!diff) {
    status_.last_error = diff.error().what;
    return tl::unexpected(diff.error());
  }
  if (auto applied = perform(std::move(*diff)); !applied) return applied;
  replan_ = false;
  ++status_.applies;
  status_.applied_generation = whole.number;
  status_.last_error.clear();
  gone_.clear();
  return {};
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
  return apply(removal);
}

Result<> Reconciler::collect() {
  if (pending()) return {};
  std::optional<Error> failed;
  Diff diff = planner_->collect([&](std::uint32_t id) {
    auto stats = dataplane_.stats(id);
    if (stats) return *stats;
    failed = stats.error();
    hf_endpoint_stats unknown{};
    unknown.connects = 1;  // not known to be idle: keeps draining
    return unknown;
  });
  if (failed) return tl::unexpected(*failed);
  return diff.empty() ? Result<>{} : perform(std::move(diff));
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

Result<std::size_t> Reconciler::verify() {
  auto actual = dataplane_.observe();
  if (!actual) return tl::unexpected(actual.error());
  const Image& desired = planner_->expected();
  const std::size_t wrong = compare(desired, *actual).size();
  if (wrong == 0) return 0;
  if (auto mended = perform(repair(desired, *actual)); !mended)
    return tl::unexpected(mended.error());
  status_.repairs += wrong;
  return wrong;
}

ReconcileStatus Reconciler::status() const {
  return status_;
}

Usage Reconciler::usage() const {
  return planner_->usage();
}

}  // namespace holdfast
