// SPDX-License-Identifier: Apache-2.0
// Every reason that a guard lets an endpoint go by, by the history that leads to it.
#include <gtest/gtest.h>

#include "tests/unit/guard/fixture.h"

namespace holdfast::test {
namespace {

// "10.0.0.1 explained", of what the last step let go.
std::string left(const std::vector<Admitted>& admitted) {
  std::string text;
  for (const Admitted& one : admitted) {
    for (const Departure& each : one.left) {
      text += (text.empty() ? "" : ", ") + each.address.to_string() + " " +
              std::string(to_string(each.why));
    }
  }
  return text;
}

class Leaving : public testing::Test {
 protected:
  std::string says(const SourceUpdate& update) { return left(guard_.admit(update, now_ += 1s)); }
  std::string finds(const std::string& address, Verdict verdict) {
    return left(
        guard_.evidence({{ip(address), 8080, Protocol::tcp, verdict, "by a test"}}, now_).admitted);
  }

  Guard guard_{"kube", GuardSettings{}};
  TimePoint now_{1000s};
};

TEST_F(Leaving, OfAServiceThatIsDeleted) {
  says(list({song({"10.0.0.1", "10.0.0.2"})}));
  EXPECT_EQ(says(event({{key("song"), nullptr, true, Basis::event, {}}})),
            "10.0.0.1 explained, 10.0.0.2 explained");
}

TEST_F(Leaving, ByName) {
  says(list({song({"10.0.0.1", "10.0.0.2"})}));
  ServiceChange named = change(Basis::event, song({"10.0.0.1"}));
  named.explained_endpoints = {{ip("10.0.0.2"), 8080}};
  EXPECT_EQ(says(event({named})), "10.0.0.2 named");
}

TEST_F(Leaving, NobodyWhoIsHeld) {
  says(list({song({"10.0.0.1", "10.0.0.2"})}));
  EXPECT_EQ(says(list({song({"10.0.0.1"})})), "");
  EXPECT_EQ(says(list({}, {"song"})), "");
}

TEST_F(Leaving, WhoTerminated) {
  says(list({service("song", {{"10.0.0.1"}, {"10.0.0.2", "", true, true}})}));
  EXPECT_EQ(says(list({song({"10.0.0.1"})})), "10.0.0.2 seen_ending");
}

TEST_F(Leaving, WhoseAddressIsTaken) {
  says(list({song({"10.0.0.1", "10.0.0.2"})}));
  says(list({song({"10.0.0.1"})}));
  EXPECT_EQ(says(event(service("image", {{"10.0.0.2", "another"}}))), "10.0.0.2 address_taken");
}

TEST_F(Leaving, WhoRefusedForLong) {
  says(list({song({"10.0.0.1", "10.0.0.2"})}));
  says(list({song({"10.0.0.1"})}));
  EXPECT_EQ(finds("10.0.0.2", Verdict::dead), "");
  now_ += 120s;
  EXPECT_EQ(finds("10.0.0.2", Verdict::dead), "10.0.0.2 refused_for_long");
}

TEST_F(Leaving, ByAnOperator) {
  says(list({song({"10.0.0.1", "10.0.0.2"})}));
  says(list({song({"10.0.0.1"})}));
  EXPECT_EQ(left(guard_.accept(guard_.holds().at(0).id, now_).value()), "10.0.0.2 accepted");
}

TEST_F(Leaving, WithoutAGuard) {
  GuardSettings off;
  off.enabled = false;
  guard_ = Guard("kube", off);
  says(list({song({"10.0.0.1", "10.0.0.2"})}));
  EXPECT_EQ(says(list({song({"10.0.0.1"})})), "10.0.0.2 trusted");
}

TEST_F(Leaving, OfAPortThatIsGone) {
  auto two = std::make_shared<Service>(*song({"10.0.0.1"}));
  two->pools.push_back(two->pools.at(0));
  two->pools.at(1).service_port = 81;
  two->pools.at(1).endpoints.at(0).port = 9090;
  says(list({two}));
  EXPECT_EQ(says(event(song({"10.0.0.1"}))), "10.0.0.1 port_gone");
}

TEST_F(Leaving, OfAFileThatWasRead) {
  const auto filed = [](const std::vector<Spec>& specs) {
    SourceUpdate update = event(service("song", specs, "a.yaml"));
    update.confirmed_origins = {"a.yaml"};
    update.complete = true;
    return update;
  };
  const Spec one{"10.0.0.1", "", true, false, 8080, "n1", "a.yaml"};
  const Spec two{"10.0.0.2", "", true, false, 8080, "n1", "a.yaml"};
  says(filed({one, two}));
  EXPECT_EQ(says(filed({one})), "10.0.0.2 part_read");
}

}  // namespace
}  // namespace holdfast::test
