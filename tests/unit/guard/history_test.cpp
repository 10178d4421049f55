// SPDX-License-Identifier: Apache-2.0
// Random histories, seeded. Legitimate ones leave no hold behind; lies lose no endpoint that lives,
// while the same lies with the guard disabled do.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/unit/guard/fixture.h"

namespace holdfast::test {
namespace {

constexpr unsigned kHistories = 1000;

using Random = std::mt19937;

unsigned below(Random& random, std::size_t end) {
  return static_cast<unsigned>(random() % end);
}

struct Pod {
  std::string address;
  std::string uid;
  bool ready = true;
  bool terminating = false;
};

// A cluster whose source sees everything happen.
class Cluster {
 public:
  explicit Cluster(unsigned seed) : random_(seed) {
    for (unsigned one = 0; one < 6; ++one) {
      pods_[fmt::format("s{}", one)] = {};
      for (unsigned pod = below(random_, 5); pod > 0; --pod) add(fmt::format("s{}", one));
    }
  }

  SourceUpdate truth() const {
    std::vector<ServicePtr> all;
    for (const auto& [name, pods] : pods_) all.push_back(said(name));
    return list(all);
  }

  // One thing that really happens, and the event that tells of it.
  SourceUpdate step(TimePoint& now) {
    const std::string name = fmt::format("s{}", below(random_, 6));
    auto& pods = pods_[name];
    switch (below(random_, 6)) {
      case 0:
        add(name);
        return event(said(name));
      case 1:
        return scale_down(name);
      case 2:
        if (!pods.empty()) pods[below(random_, pods.size())].terminating = true;
        return event(said(name));
      case 3: {
        // Seen terminating: no more explanation needed.
        std::erase_if(pods, [](const Pod& pod) { return pod.terminating; });
        return event(said(name));
      }
      case 4:
        // Slower than the signature of an accident: two services in its window are none.
        now += 31s;
        if (!pods.empty()) {
          Pod& pod = pods[below(random_, pods.size())];
          pod.ready = !pod.ready;
        }
        return event(said(name));
      default:
        return recreate(name);
    }
  }

  std::string shows(const std::string& name) const {
    World world;
    world.services[key(name)] = said(name);
    return world.shows(name);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& [name, pods] : pods_) result.push_back(name);
    return result;
  }

 private:
  void add(const std::string& name) {
    // Few addresses, so that they are used again by other pods.
    const std::string address = fmt::format("10.0.0.{}", below(random_, 40));
    for (const auto& [other, pods] : pods_) {
      for (const Pod& pod : pods) {
        if (pod.address == address) return;
      }
    }
    pods_[name].push_back({address, fmt::format("pod{}", ++serial_)});
  }

  SourceUpdate scale_down(const std::string& name) {
    auto& pods = pods_[name];
    ServiceChange one{key(name), nullptr, false, Basis::event, {}};
    if (!pods.empty()) {
      const auto gone = pods.begin() + static_cast<long>(below(random_, pods.size()));
      one.explained_endpoints = {{ip(gone->address), 8080}};
      pods.erase(gone);
    }
    one.now = said(name);
    return event({one});
  }

  // Deleted and made anew, with other pods.
  SourceUpdate recreate(const std::string& name) {
    pods_[name].clear();
    add(name);
    return event({{key(name), nullptr, true, Basis::event, {}}, change(Basis::event, said(name))});
  }

  ServicePtr said(const std::string& name) const {
    std::vector<Spec> specs;
    for (const Pod& pod : pods_.at(name)) {
      specs.push_back({pod.address, pod.uid, pod.ready, pod.terminating});
    }
    return service(name, specs);
  }

  Random random_;
  std::map<std::string, std::vector<Pod>> pods_;
  unsigned serial_ = 0;
};

TEST(Histories, LegitimateOnesLeaveNoHoldAndTheTruth) {
  unsigned steps = 0;
  for (unsigned seed = 0; seed < kHistories; ++seed) {
    Cluster cluster(seed);
    World world;
    world.admit(cluster.truth());
    for (unsigned step = 0; step < 60; ++step, ++steps) {
      world.now += 2s;
      world.tick();
      world.admit(cluster.step(world.now));
      if (step % 10 == 9) world.admit(cluster.truth());
    }
    world.now += 2s;
    world.tick();
    EXPECT_EQ(world.guard.held_services(), 0u) << "seed " << seed;
    for (const std::string& name : cluster.names()) {
      ASSERT_EQ(world.shows(name), cluster.shows(name)) << "seed " << seed << ", " << name;
    }
  }
  EXPECT_EQ(steps, kHistories * 60);
}

HoldCounts counted(const Guard& guard) {
  HoldCounts counts = {};
  for (const Hold& hold : guard.holds()) ++counts[static_cast<std::size_t>(hold.cause.reason)];
  return counts;
}

// The harness sees holds: without their explanations, most of the same histories leave some.
TEST(Histories, WithoutTheirExplanationsTheSameOnesLeaveHolds) {
  unsigned with_holds = 0;
  for (unsigned seed = 0; seed < kHistories; ++seed) {
    Cluster cluster(seed);
    World world;
    world.admit(cluster.truth());
    for (unsigned step = 0; step < 60; ++step) {
      world.now += 2s;
      world.tick();
      SourceUpdate update = cluster.step(world.now);
      for (ServiceChange& one : update.changes) {
        one.explained = false;
        one.explained_endpoints.clear();
      }
      world.admit(update);
      ASSERT_EQ(world.guard.held_by_reason(), counted(world.guard));
    }
    with_holds += world.guard.held_services() > 0 ? 1 : 0;
  }
  EXPECT_GT(with_holds, kHistories / 2);
}

// Twelve services of five pods that all live, and a control plane that denies some of them.
class Liar {
 public:
  Liar(unsigned seed, bool guarded) : random_(seed), world_(settings(guarded)) {
    for (unsigned one = 0; one < 12; ++one) {
      for (unsigned pod = 0; pod < 5; ++pod) {
        live_[fmt::format("s{}", one)].insert(fmt::format("10.1.{}.{}", one, pod + 1));
      }
    }
    world_.admit(answer({}, 0));
  }

  // Live endpoints that were lost at any moment.
  std::size_t lost() {
    // Either a short lie of any shape, or a broad one that lasts.
    const bool broad = below(random_, 2) == 0;
    const auto denied = broad ? deny(60) : std::set<std::string>{};
    const unsigned odds = below(random_, 100);
    std::size_t total = 0;
    for (unsigned round = 0; round < 14; ++round) {
      world_.admit(answer(broad ? denied : deny(odds), broad ? 0 : below(random_, 50)));
      total += missing();
      probe();
      total += missing();
      world_.now += broad ? 31s : 4s;  // the short one ends before three lists count
      world_.tick();
    }
    world_.admit(answer({}, 0));
    total += missing() + world_.guard.held_services();
    return total;
  }

 private:
  static GuardSettings settings(bool guarded) {
    GuardSettings result;
    result.enabled = guarded;
    return result;
  }

  std::set<std::string> deny(unsigned percent) {
    std::set<std::string> result;
    for (const auto& [name, addresses] : live_) {
      for (const std::string& address : addresses) {
        if (below(random_, 100) < percent) result.insert(address);
      }
      if (below(random_, 100) < percent) result.insert(name);  // the whole service
    }
    return result;
  }

  // A complete list without what is denied, and some of the rest not ready.
  SourceUpdate answer(const std::set<std::string>& denied, unsigned unready_percent) {
    std::vector<ServicePtr> all;
    std::vector<std::string> absent;
    for (const auto& [name, addresses] : live_) {
      if (denied.contains(name)) {
        absent.push_back(name);
        continue;
      }
      std::vector<Spec> specs;
      for (const std::string& address : addresses) {
        if (denied.contains(address)) continue;
        specs.push_back({address, "", below(random_, 100) >= unready_percent});
      }
      all.push_back(service(name, specs));
    }
    return list(all, absent);
  }

  void probe() {
    for (const ProbeTarget& target : world_.guard.suspects()) {
      world_.evidence(target.address.to_string(), Verdict::alive, target.port, target.protocol);
    }
  }

  std::size_t missing() const {
    std::size_t count = 0;
    for (const auto& [name, addresses] : live_) {
      std::set<std::string> there;
      if (const auto found = world_.services.find(key(name)); found != world_.services.end()) {
        for (const Endpoint& one : found->second->pools[0].endpoints) {
          if (one.ready) there.insert(one.address.to_string());
        }
      }
      for (const std::string& address : addresses) count += there.contains(address) ? 0 : 1;
    }
    return count;
  }

  Random random_;
  World world_;
  std::map<std::string, std::set<std::string>> live_;
};

TEST(Histories, LiesLoseNoEndpointThatLives) {
  std::size_t lost = 0;
  for (unsigned seed = 0; seed < kHistories; ++seed) lost += Liar(seed, true).lost();
  EXPECT_EQ(lost, 0u);
}

TEST(Histories, TheSameLiesWithTheGuardDisabledDo) {
  std::size_t histories = 0;
  for (unsigned seed = 0; seed < kHistories; ++seed) {
    histories += Liar(seed, false).lost() > 0 ? 1 : 0;
  }
  EXPECT_GT(histories, kHistories * 9 / 10);
}

// What a guard knows and tells, as text.
std::string told(const World& world, const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += name + ": " + world.shows(name) + "\n";
  for (const Hold& hold : world.guard.holds()) {
    text += fmt::format("{} {} {} {}:", hold.service.name, describe(hold.cause), hold.absences,
                        hold.beyond_thresholds);
    for (const HeldEndpoint& one : hold.endpoints) text += " " + one.address.to_string();
    text += "\n";
  }
  return text;
}

// An older answer, a part, a list, an event: with and without what explains them.
SourceUpdate distorted(SourceUpdate update, Random& random) {
  switch (below(random, 5)) {
    case 0:
      update.doubts.push_back({"", "the server is behind"});
      break;
    case 1:
      update.confirmed_origins.insert("a.yaml");
      break;
    case 2:
      for (ServiceChange& one : update.changes) one.explained = false;
      break;
    case 3:
      if (!update.changes.empty()) update.changes.pop_back();
      break;
    default:
      break;
  }
  return update;
}

TEST(Histories, InStepsTheSameAsAtOnce) {
  std::size_t steps = 0, holds = 0;
  for (unsigned seed = 0; seed < kHistories / 4; ++seed) {
    Cluster cluster(seed);
    Random random(seed);
    World whole, stepped;
    stepped.share = 1 + seed % 5;
    const auto names = cluster.names();
    const auto admit = [&](const SourceUpdate& update) {
      whole.admit(update);
      stepped.admit(update);
    };
    admit(cluster.truth());
    for (unsigned step = 0; step < 60; ++step) {
      whole.now = stepped.now += 2s;
      whole.tick();
      stepped.tick();
      const SourceUpdate update = step % 4 == 3 ? cluster.truth() : cluster.step(stepped.now);
      whole.now = stepped.now;
      admit(distorted(update, random));
      if (step % 20 == 19) {  // another life
        for (World* const one : {&whole, &stepped}) {
          const GuardMemory memory = one->guard.memory();
          one->guard = Guard("kube", {});
          one->carry(one->guard.restore(memory, one->now));
        }
      }
      ASSERT_EQ(told(stepped, names), told(whole, names)) << "seed " << seed << ", step " << step;
    }
    steps += stepped.steps;
    holds += stepped.guard.held_services();
  }
  EXPECT_GT(steps, std::size_t{kHistories} * 30);
  EXPECT_GT(holds, 0u);
}

}  // namespace
}  // namespace holdfast::test
