// SPDX-License-Identifier: Apache-2.0
// A verdict of death needs a control group, and silence is never final (design.md 4.2): fault rows
// "this node loses its network" and "one zone is cut off from it", in model time.
#include <gtest/gtest.h>

#include <optional>

#include "tests/unit/health/network.h"

namespace holdfast::test {
namespace {

using Kind = ProbeOutcome::Kind;
constexpr auto kAll3 = "10.0.0.1(held)(alive) 10.0.0.2(held)(alive) 10.0.0.3(held)(alive)";
constexpr auto kAll6 = "fd00::1(held)(alive) fd00::2(held)(alive) fd00::3(held)(alive)";

ServicePtr spread(const std::string& name, const std::string& prefix) {
  return service(name, {{prefix + "1", "", true, false, 8080, "n1"},
                        {prefix + "2", "", true, false, 8080, "n2"},
                        {prefix + "3", "", true, false, 8080, "n3"}});
}

ProbeTarget control(const std::string& address, const std::string& node, bool reached = true) {
  ProbeTarget result;
  result.address = ip(address);
  result.port = 9090;
  result.node = Text(node);
  result.reached = reached;
  return result;
}

// What "no packet comes back" looks like, three ways; only over IPv6, the fourth.
std::vector<Network::Fault> cuts() {
  return {[](const ProbeTarget&) { return std::optional(silence()); },
          [](const ProbeTarget&) { return std::optional(unsent(ENETUNREACH)); },
          [](const ProbeTarget&) {
            return std::optional(ProbeOutcome{Kind::unreachable, EHOSTUNREACH, {}});
          }};
}

class Cut : public testing::Test {
 protected:
  // Held, alive, and then cut off for so long, perhaps with a restart in the middle.
  static std::unique_ptr<Network> cut(const Network::Fault& fault, TimePoint::duration time,
                                      bool restart, bool outside, const std::string& prefix,
                                      bool sabotage = false) {
    auto network = std::make_unique<Network>();
    network->believe_silence = sabotage;
    if (outside) network->controls({control("10.1.0.1", "n4"), control("fd01::1", "n4")});
    network->say({spread("song", prefix)});
    network->say({}, {"song"});
    network->run(30s);
    network->fault = fault;
    network->run(time / 2);
    if (restart) network->restart();
    network->run(time / 2);
    network->fault = nullptr;
    network->run(5s);
    return network;
  }
};

TEST_F(Cut, NothingIsForgottenAndSharesAreEvenAfterwards) {
  for (const auto& fault : cuts()) {
    for (const auto time : {12s, 600s, 4000s}) {
      for (const bool outside : {false, true}) {
        for (const bool restart : {false, true}) {
          const auto four = cut(fault, time, restart, outside, "10.0.0.");
          EXPECT_EQ(four->world.picked(), "10.0.0.1 10.0.0.2 10.0.0.3");
          const auto six = cut(fault, time, restart, outside, "fd00::");
          EXPECT_EQ(six->world.picked(), "fd00::1 fd00::2 fd00::3");
          if (restart) continue;
          EXPECT_EQ(four->world.shows(), kAll3);
          EXPECT_EQ(six->world.shows(), kAll6);
          EXPECT_EQ(four->take_verdicts()[Verdict::dead], 0);
        }
      }
    }
  }
}

TEST_F(Cut, UdpIsKeptToo) {
  auto udp = std::make_shared<Service>(*spread("song", "10.0.0."));
  udp->pools[0].protocol = Protocol::udp;
  const auto quiet = [](const ProbeTarget&) { return std::optional(silence()); };
  for (const auto& fault : cuts()) {
    Network network;
    network.controls({control("10.1.0.1", "n4")});
    network.say({udp});
    network.fault = quiet;
    network.say({}, {"song"});
    network.run(30s);
    network.fault = fault;
    network.run(600s);
    network.fault = quiet;
    network.run(5s);
    EXPECT_EQ(network.world.shows(), "10.0.0.1(held) 10.0.0.2(held) 10.0.0.3(held)");
    EXPECT_EQ(network.world.picked(), "10.0.0.1 10.0.0.2 10.0.0.3");
  }
}

TEST_F(Cut, SabotageSilenceTakenForARefusalForgets) {
  const auto silent = cuts()[0];
  EXPECT_EQ(cut(silent, 600s, false, false, "10.0.0.", true)->world.shows(), "gone");
  EXPECT_EQ(cut(silent, 12s, false, false, "10.0.0.", false)->world.shows(), kAll3);
}

TEST_F(Cut, IsSaidOfTheFamilyThatIsCutAndTakenBack) {
  Network network;
  network.controls({control("10.1.0.1", "n4"), control("fd01::1", "n4")});
  network.say({spread("song", "fd00::"), spread("image", "10.0.0.")});
  network.say({}, {"song", "image"});
  network.run(30s);
  network.fault = [](const ProbeTarget& target) {
    return target.address.is_v4() ? std::nullopt : std::optional(silence());
  };
  network.run(12s);
  EXPECT_EQ(network.schedule.reach(false).state, Reach::State::fails);
  EXPECT_NE(network.schedule.reach(true).state, Reach::State::fails);
  EXPECT_EQ(network.take_verdicts()[Verdict::silent], 0) << "IPv4 is no control of IPv6";
  network.fault = nullptr;
  network.run(3s);
  EXPECT_EQ(network.schedule.reach(false).state, Reach::State::answers);
}

TEST_F(Cut, IsSaidWithoutAHoldWhenWorkloadsFail) {
  Network network;
  network.controls(
      {control("10.1.0.1", "n4"), control("10.1.0.2", "n5"), control("10.1.0.3", "self")});
  network.run(600s);
  EXPECT_TRUE(network.probed.empty()) << "nobody is asked without need";
  network.fault = cuts()[0];
  network.schedule.doubt_network();
  network.run(3s);
  EXPECT_EQ(network.schedule.reach(true).state, Reach::State::fails);
  EXPECT_EQ(network.schedule.reach(true).fallen, 2u);
  EXPECT_FALSE(network.probed.contains(ip("10.1.0.3"))) << "what is on this node is no control";
  network.fault = nullptr;
  network.run(3s);
  EXPECT_EQ(network.schedule.reach(true).state, Reach::State::answers);
  network.probed.clear();
  network.run(600s);
  EXPECT_TRUE(network.probed.empty());
}

class Zone : public testing::Test {
 protected:
  Zone() {
    network.say({spread("song", "10.0.0.")});
    network.say({}, {"song"});
    network.run(30s);
  }
  void lose(const std::string& address, const ProbeOutcome& outcome = silence()) {
    network.fault = [=](const ProbeTarget& target) {
      return target.address == ip(address) ? std::optional(outcome) : std::nullopt;
    };
  }
  Network network;
};

TEST_F(Zone, OnlyWhatIsCutOffFallsSilentAndItComesBack) {
  for (const auto& outcome : {silence(), ProbeOutcome{Kind::unreachable, EHOSTUNREACH, {}}}) {
    lose("10.0.0.3", outcome);
    network.run(60s);
    EXPECT_EQ(network.world.shows(),
              "10.0.0.1(held)(alive) 10.0.0.2(held)(alive) 10.0.0.3(held)(silent)");
    EXPECT_EQ(network.world.picked(), "10.0.0.1 10.0.0.2");
    EXPECT_NE(network.schedule.reach(true).state, Reach::State::fails);
    network.run(24h);
    EXPECT_EQ(network.world.picked(), "10.0.0.1 10.0.0.2") << "never deleted";
    network.fault = nullptr;
    network.run(76s);  // the longest pause, jittered
    EXPECT_EQ(network.world.shows(), kAll3);
  }
}

TEST_F(Zone, IsTriedEverMoreSlowly) {
  lose("10.0.0.3");
  network.run(60s);
  network.controls({});
  network.probed.clear();
  int tries = 0;
  network.fault = [&](const ProbeTarget& target) {
    if (target.address != ip("10.0.0.3")) return std::optional<ProbeOutcome>();
    ++tries;
    return std::optional(silence());
  };
  network.run(1h);
  EXPECT_LE(tries, 90);
  EXPECT_GE(tries, 45);
}

TEST_F(Zone, ARefusalIsFinalAfterTwoMinutesOnly) {
  const ProbeOutcome refused{Kind::refused, ECONNREFUSED, {}};
  lose("10.0.0.3", refused);
  network.run(30s);
  EXPECT_EQ(network.world.picked(), "10.0.0.1 10.0.0.2");
  network.fault = nullptr;  // it was a restart
  network.run(20s);
  EXPECT_EQ(network.world.shows(), kAll3);
  lose("10.0.0.3", refused);
  network.run(240s);
  EXPECT_EQ(network.world.shows(), "10.0.0.1(held)(alive) 10.0.0.2(held)(alive)");
}

TEST_F(Zone, WhereAllRefuseTheServiceRefusesWithinSecondsAndGoesAfterTwoMinutes) {
  Network fresh;
  fresh.say({spread("song", "10.0.0.")});
  fresh.fault = [](const ProbeTarget&) {
    return std::optional(ProbeOutcome{Kind::refused, ECONNREFUSED, {}});
  };
  fresh.say({}, {"song"});
  fresh.run(3s);
  EXPECT_EQ(fresh.world.picked(), "");
  fresh.run(240s);
  EXPECT_EQ(fresh.world.shows(), "gone");
}

TEST_F(Zone, WhatRefusesEverythingIsNearThisNode) {
  network.controls({control("10.1.0.1", "n4"), control("10.1.0.2", "n5")});
  network.fault = [](const ProbeTarget&) {
    return std::optional(ProbeOutcome{Kind::refused, ECONNREFUSED, {}});
  };
  network.run(600s);
  EXPECT_EQ(network.world.shows(), kAll3) << "a firewall that rejects is no word of an endpoint";
}

TEST_F(Zone, TheNodeOfTheEndpointIsNoControlOfIt) {
  Network one;
  one.say({service("song", {{"10.0.0.1", ""}, {"10.0.0.2", ""}})});  // both on n1
  one.say({}, {"song"});
  one.run(30s);
  one.fault = [](const ProbeTarget& target) {
    return target.address == ip("10.0.0.1") ? std::optional(silence()) : std::nullopt;
  };
  one.run(60s);
  EXPECT_EQ(one.take_verdicts()[Verdict::silent], 0);
}

TEST(Controls, AreFewOnDifferentNodesAndKnownOnesFirst) {
  ControlGroup group("self", 1000ms, [] { return 0.5; });
  std::vector<ProbeTarget> outside;
  for (int one = 1; one <= 9; ++one) {
    outside.push_back(
        control("10.1.0." + std::to_string(one), "n" + std::to_string(one % 3), one > 5));
  }
  group.set(outside);
  EXPECT_FALSE(group.due());
  group.want(true);
  const TimePoint now{1000s};
  const auto asked = group.ask({}, now);
  ASSERT_EQ(asked.size(), 4u);
  std::set<std::string> nodes;
  for (const ProbeTarget& one : asked) {
    nodes.insert(one.node.get());
    EXPECT_TRUE(one.reached);
  }
  EXPECT_EQ(nodes.size(), 3u);
  group.want(true);
  EXPECT_FALSE(group.due(now + 499ms));
  EXPECT_TRUE(group.due(now + 500ms));
}

}  // namespace
}  // namespace holdfast::test
