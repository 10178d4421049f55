// SPDX-License-Identifier: Apache-2.0
// The tables of rulings, row by row.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>

#include "agent/guard/decide.h"
#include "tests/unit/guard/fixture.h"

namespace holdfast::test {
namespace {

// An endpoint that was ready and is not said any more by an undoubted list, which explains nothing.
struct Given {
  Given() {
    state.vantage = {Text("n1"), {}};
    before.service_port = said.service_port = 80;
    update.list = update.complete = true;
    grounds.update = &update;
    grounds.change = &change;
    grounds.basis = Basis::list;
    others = endpoint({"10.0.0.9", "other"});
    said.endpoints = {others};
  }

  HeldFacts& facts() {
    if (!entry.hold) entry.hold = std::make_unique<HoldBook>();
    if (entry.hold->endpoints.empty()) {
      HeldFacts one;
      one.address = gone.address;
      one.port = gone.port;
      entry.hold->endpoints.push_back(one);
    }
    return entry.hold->endpoints.front();
  }
  // The source had said it, in the answer before.
  void was_said() { entry.said = service("song", {{"10.0.0.1", "u1"}}); }
  void is_listed(bool ready) {
    listed = gone;
    listed->ready = ready;
    said.endpoints.push_back(*listed);
  }

  Ruling decide() {
    before.endpoints = {gone};
    const Matter matter{state, entry, grounds};
    return decide_endpoint(matter,
                           {gone, before, absent ? nullptr : &said, listed ? &*listed : nullptr});
  }

  Guard::State state;
  Guard::State::Entry entry;
  SourceUpdate update;
  ServiceChange change;
  Grounds grounds;
  Endpoint gone = endpoint({"10.0.0.1", "u1"});
  Endpoint others;
  Pool before, said;
  std::optional<Endpoint> listed;
  bool absent = false;  // the whole service
};

struct Row {
  const char* name;
  Ruling expected;
  std::function<void(Given&)> given;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

class Decide : public testing::TestWithParam<Row> {};

TEST_P(Decide, Rules) {
  Given setup;
  GetParam().given(setup);
  EXPECT_EQ(setup.decide(), GetParam().expected);
}

const Row kRows[] = {
    {"nothing_explains_it", Ruling::stays, [](Given&) {}},
    {"explained", Ruling::explained,
     [](Given& one) {
       one.was_said();
       one.grounds.explained = true;
     }},
    {"explained_but_it_was_gone_before", Ruling::stays,
     [](Given& one) { one.grounds.explained = true; }},
    {"named", Ruling::named,
     [](Given& one) {
       one.change.explained_endpoints = {{one.gone.address, one.gone.port}};
     }},
    {"its_part_was_read", Ruling::part_read,
     [](Given& one) {
       one.gone.origin = Text("a.yaml");
       one.update.confirmed_origins = {"a.yaml"};
     }},
    {"another_part_was_read", Ruling::stays,
     [](Given& one) {
       one.gone.origin = Text("a.yaml");
       one.update.confirmed_origins = {"b.yaml"};
     }},
    {"terminating", Ruling::seen_ending, [](Given& one) { one.gone.terminating = true; }},
    {"terminating_in_a_part_not_read", Ruling::stays,
     [](Given& one) {
       one.gone.terminating = true;
       one.gone.origin = Text("a.yaml");
     }},
    {"of_no_use", Ruling::seen_ending,
     [](Given& one) { one.gone.ready = one.gone.serving = false; }},
    {"listed_as_ready", Ruling::not_less, [](Given& one) { one.is_listed(true); }},
    {"listed_as_unready_by_a_list", Ruling::stays, [](Given& one) { one.is_listed(false); }},
    {"turned_unready_by_an_event", Ruling::turned_unready,
     [](Given& one) {
       one.was_said();
       one.is_listed(false);
       one.grounds.basis = Basis::event;
     }},
    {"address_taken", Ruling::address_taken,
     [](Given& one) {
       one.state.claims.begin_update();
       one.state.claims.list(nullptr, service("song", {{"10.0.0.1", "u1"}}).get());
       one.state.claims.begin_update();
       one.state.claims.list(nullptr, service("page", {{"10.0.0.1", "u2"}}).get());
     }},
    {"refused_for_long", Ruling::refused_for_long, [](Given& one) { one.facts().over = true; }},
    {"refused_for_long_and_rejected", Ruling::stays,
     [](Given& one) {
       one.facts().over = true;
       one.entry.hold->rejected = true;
     }},
    {"absent_repeatedly", Ruling::absent_repeatedly,
     [](Given& one) { one.facts().absences.count = one.state.settings.absences; }},
    {"absent_once_too_few", Ruling::stays,
     [](Given& one) { one.facts().absences.count = one.state.settings.absences - 1; }},
    {"absent_repeatedly_with_much_else", Ruling::stays,
     [](Given& one) {
       one.facts().absences.count = one.state.settings.absences;
       one.facts().absences.mass = true;
     }},
    {"absent_repeatedly_and_no_other_is_ready", Ruling::stays,
     [](Given& one) {
       one.facts().absences.count = one.state.settings.absences;
       one.said.endpoints.clear();
     }},
    {"local_to_another_node", Ruling::local_to_another,
     [](Given& one) {
       one.before.traffic = one.said.traffic = TrafficPolicy::local;
       one.gone.node = Text("n2");
       one.facts().absences.count = one.state.settings.absences;
       one.facts().absences.mass = true;
     }},
    {"with_its_service_terminating", Ruling::stays,
     [](Given& one) {
       one.absent = true;
       one.gone.terminating = true;
     }},
    {"with_its_service_refused_for_long", Ruling::refused_for_long,
     [](Given& one) {
       one.absent = true;
       one.facts().over = true;
     }},
};

INSTANTIATE_TEST_SUITE_P(Endpoints, Decide, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(DecideService, StaysUntilItIsExplainedOrAbsentForLongAndOfNoUse) {
  Given setup;
  const auto before = service("song", {{"10.0.0.1", "u1"}});
  const Matter matter{setup.state, setup.entry, setup.grounds};
  EXPECT_EQ(decide_service(matter, *before), Ruling::stays);
  setup.facts();
  setup.entry.absent = true;
  setup.entry.hold->absences.count = setup.state.settings.absences;
  EXPECT_EQ(decide_service(matter, *before), Ruling::stays);  // it is of use
  const auto useless = service("song", {{"10.0.0.1", "u1", false}});
  EXPECT_EQ(decide_service(matter, *useless), Ruling::absent_repeatedly);
  setup.entry.hold->absences.mass = true;
  EXPECT_EQ(decide_service(matter, *useless), Ruling::stays);
  setup.grounds.explained = true;
  EXPECT_EQ(decide_service(matter, *before), Ruling::explained);
  setup.grounds.explained = false;
  const auto of_a_file = service("song", {{"10.0.0.1", "u1"}}, "a.yaml");
  EXPECT_EQ(decide_service(matter, *of_a_file), Ruling::stays);
  setup.update.confirmed_origins = {"a.yaml"};
  EXPECT_EQ(decide_service(matter, *of_a_file), Ruling::part_read);
}

}  // namespace
}  // namespace holdfast::test
