// SPDX-License-Identifier: Apache-2.0
// Whatever the history, with collections, restarts and deaths in between: the maps answer what the
// services say, no rule of updating is broken on the way, and nothing leaks.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "agent/dataplane/apply.h"
#include "agent/plan/inspect.h"
#include "agent/plan/planner.h"
#include "tests/unit/plan/history.h"
#include "tests/unit/plan/oracle.h"
#include "tests/unit/plan/referee.h"

namespace holdfast {
namespace {

class World {
 public:
  World() : catalog({{"file"}}, 0), planner(*Planner::adopt(Image{}, kRoom, {Text(kHere), {}})) {}

  void change() {
    const auto before = catalog.all();
    const Generation generation = random_change(catalog);
    if (generation.changes.empty()) return;
    auto diff = planner.plan(generation);
    if (!diff) RC_FAIL(diff.error().what);
    referee.expect(before, catalog.all());
    const bool dies = *rc::gen::inRange(0, 6) == 0;
    if (!dies) return referee.see(*diff);
    diff->ops.resize(*rc::gen::inRange<std::size_t>(0, diff->ops.size()));
    referee.see(*diff);
    restart();
    again(generation);
  }

  // What a returning daemon does: the whole catalog, and what is gone since.
  void again(const Generation& generation) {
    Generation whole{generation.number, catalog.all()};
    for (const CatalogChange& one : generation.changes) {
      if (!one.now) whole.changes.push_back(one);
    }
    auto diff = planner.plan(whole);
    if (!diff) RC_FAIL(diff.error().what);
    referee.see(*diff);
  }

  void restart() {
    referee.see(op::Grace{});  // no program runs as long as a restart takes
    auto adopted = Planner::adopt(referee.image(), kRoom, {Text(kHere), {}});
    if (!adopted) RC_FAIL(adopted.error().what);
    planner = std::move(*adopted);
  }

  // An id is idle or not by chance.
  void collect(int chance_of_idle) {
    referee.see(planner.collect([&](std::uint32_t) {
      hf_endpoint_stats stats{};
      stats.connects = *rc::gen::inRange(0, 100) >= chance_of_idle;
      return stats;
    }));
  }

  void check() {
    const auto all = catalog.all();
    const Answers have = answered(referee.image()), want = wanted(all);
    if (have != want) RC_FAIL("maps:\n" + text(have) + "wanted:\n" + text(want));
    for (const std::string& rule : referee.broken()) RC_FAIL(rule);
    check_words(all);
    RC_ASSERT(compare(planner.expected(), referee.image()).empty());
  }

  // The maps read back into services, member for member, names and states included.
  void check_words(const std::vector<CatalogChange>& all) {
    std::map<ServiceKey, ServicePtr> have;
    for (const ServiceView& view : services_of(referee.image())) have[view.key] = to_service(view);
    for (const CatalogChange& one : all) {
      const ServicePtr want = as_in_maps(*one.now);
      if (!want) continue;
      RC_ASSERT(have.contains(one.key));
      RC_ASSERT(have.at(one.key)->pools == want->pools);
      have.erase(one.key);
    }
    RC_ASSERT(have.empty());
  }

  // With everything gone and nothing in flight, all is free again.
  void check_nothing_leaks() {
    Generation nothing{catalog.number() + 1, {}};
    for (const CatalogChange& one : catalog.all())
      nothing.changes.push_back({one.key, nullptr, ""});
    referee.expect(catalog.all(), {});
    auto diff = planner.plan(nothing);
    RC_ASSERT(diff.has_value());
    referee.see(*diff);
    collect(100);
    for (const std::string& rule : referee.broken()) RC_FAIL(rule);
    const Usage usage = planner.usage();
    RC_ASSERT(usage.frontends == 0u);
    RC_ASSERT(usage.services == 0u);
    RC_ASSERT(usage.pools == 0u);
    RC_ASSERT(usage.slots == 0u);
    RC_ASSERT(usage.endpoints == 0u);
    RC_ASSERT(usage.strings == 0u);
    RC_ASSERT(usage.draining == 0u);
  }

  Catalog catalog;
  Planner planner;
  Referee referee;
};

RC_GTEST_PROP(History, TheMapsAnswerWhatTheServicesSay, ()) {
  World world;
  for (int steps = *rc::gen::inRange(1, 20); steps > 0; --steps) {
    const int what = *rc::gen::inRange(0, 8);
    if (what == 0) world.restart();
    if (what == 1) world.collect(50);
    if (what == 2) world.collect(100);
    if (what > 2) world.change();
    world.check();
  }
  world.check_nothing_leaks();
}

// What serves after a history is what a planner that starts from nothing would have made.
RC_GTEST_PROP(History, EqualsAStartFromScratch, ()) {
  World world;
  for (int steps = *rc::gen::inRange(1, 15); steps > 0; --steps) world.change();
  world.collect(100);
  Planner fresh = *Planner::adopt(Image{}, kRoom, {Text(kHere), {}});
  Referee scratch;
  scratch.expect({}, world.catalog.all());
  auto diff = fresh.plan({1, world.catalog.all()});
  RC_ASSERT(diff.has_value());
  scratch.see(*diff);
  RC_ASSERT(text(answered(world.referee.image())) == text(answered(scratch.image())));
  const Usage a = world.planner.usage(), b = fresh.usage();
  RC_ASSERT(a.frontends == b.frontends);
  RC_ASSERT(a.services == b.services);
  RC_ASSERT(a.pools == b.pools);
  RC_ASSERT(a.slots == b.slots);
  RC_ASSERT(a.endpoints == b.endpoints);
  RC_ASSERT(a.strings == b.strings);
}

// A planner made from the maps books the same as the one that wrote them, and changes nothing.
RC_GTEST_PROP(History, AdoptionIsOneToOne, ()) {
  World world;
  for (int steps = *rc::gen::inRange(1, 12); steps > 0; --steps) {
    world.change();
    if (*rc::gen::inRange(0, 3) == 0) world.collect(50);
  }
  const Image before = world.referee.image();
  const Usage booked = world.planner.usage();
  world.restart();
  const Usage adopted = world.planner.usage();
  RC_ASSERT(booked.endpoints == adopted.endpoints);
  RC_ASSERT(booked.slots == adopted.slots);
  RC_ASSERT(booked.pools == adopted.pools);
  RC_ASSERT(booked.services == adopted.services);
  RC_ASSERT(booked.strings == adopted.strings);
  RC_ASSERT(booked.draining == adopted.draining);
  auto diff = world.planner.plan({world.catalog.number(), world.catalog.all()});
  RC_ASSERT(diff.has_value());
  RC_ASSERT(diff->ops.size() == 1u);  // PutMeta
}

// Whatever somebody wrote into the maps: it is refused, or taken over and planned right.
RC_GTEST_PROP(History, AnyDamageIsRefusedOrPlannedRight, ()) {
  World world;
  for (int steps = *rc::gen::inRange(1, 8); steps > 0; --steps) world.change();
  Image image = world.referee.image();
  const auto damage = [&](auto& elements) {
    if (elements.empty()) return;
    auto* bytes = reinterpret_cast<unsigned char*>(elements.data());
    const std::size_t size = elements.size() * sizeof elements[0];
    bytes[*rc::gen::inRange<std::size_t>(0, size)] = *rc::gen::arbitrary<std::uint8_t>();
  };
  for (int writes = *rc::gen::inRange(1, 5); writes > 0; --writes) {
    switch (*rc::gen::inRange(0, 8)) {
      case 0:
        damage(image.pools);
        break;
      case 1:
        damage(image.slots);
        break;
      case 2:
        damage(image.endpoints);
        break;
      case 3:
        damage(image.endpoint_names);
        break;
      case 4:
        damage(image.service_names);
        break;
      case 5:
        damage(image.pool_names);
        break;
      case 6:
        damage(image.strings);
        break;
      default:
        if (!image.frontends.empty())
          image.frontends.begin()->second = *rc::gen::arbitrary<std::uint32_t>();
    }
  }
  auto adopted = Planner::adopt(image, kRoom, {Text(kHere), {}});
  if (!adopted) {
    RC_ASSERT(adopted.error().code == Errc::incompatible);
    return;
  }
  auto diff = adopted->plan({world.catalog.number() + 1, world.catalog.all()});
  if (!diff) {  // what the damage made may take room
    RC_ASSERT(diff.error().code == Errc::exhausted);
    return;
  }
  for (const Op& operation : diff->ops) apply_to(image, operation);
  const Answers have = answered(image);
  for (const auto& [frontend, answer] : wanted(world.catalog.all())) {
    const auto found = have.find(frontend);
    if (found == have.end() || found->second != answer) RC_FAIL(frontend + "\n" + text(have));
  }
}

}  // namespace
}  // namespace holdfast
