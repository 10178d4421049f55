// SPDX-License-Identifier: Apache-2.0
#include "agent/health/controls.h"

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kGroup = 4;              // controls asked at once
constexpr std::size_t kControlsOfOneNode = 2;  // of these
constexpr std::size_t kMostSaid = 256;         // remembered
constexpr std::size_t kMostFallen = 256;       // remembered
constexpr std::size_t kFallen = 2;  // so many endpoints, and no answer: it is not they, it is we
constexpr auto kAgain = 250ms;      // after the end of a round, while nothing answers

// Where no source names the nodes, each address counts as one.
bool same_node(const ProbeTarget& a, const ProbeTarget& b) {
  return a.node.get().empty() || b.node.get().empty() ? a.address == b.address : a.node == b.node;
}

}  // namespace

ProbeKey key_of(const ProbeTarget& target) {
  return {target.address, target.port, target.protocol};
}

ControlGroup::ControlGroup(std::string own_node, std::chrono::milliseconds timeout,
                           std::function<double()> chance)
    : own_node_(std::move(own_node)), timeout_(timeout), chance_(std::move(chance)) {}

bool ControlGroup::local(const ProbeTarget& target) const {
  return !own_node_.empty() && target.node.get() == own_node_;
}

void ControlGroup::set(const std::vector<ProbeTarget>& outside) {
  for (Family& one : families_) one.outside.clear();
  for (const ProbeTarget& target : outside) {
    // UDP may be silent and well.
    if (target.protocol != Protocol::tcp || local(target)) continue;
    family(target.address.is_v4()).outside.push_back(target);
  }
}

// Half of a timeout apart: whoever was probed in between hears of this round before its own ends.
std::optional<TimePoint> ControlGroup::due(const Family& family) const {
  if (family.wanted)
    return family.asked == TimePoint{} ? family.asked : family.asked + timeout_ / 2;
  if (family.reach.state == Reach::State::fails) return family.again;
  return std::nullopt;
}

std::optional<TimePoint> ControlGroup::due() const {
  const auto a = due(families_[0]), b = due(families_[1]);
  return a && b ? std::min(a, b) : a ? a : b;
}

std::vector<ProbeTarget> ControlGroup::choose(const Family& family,
                                              const std::vector<ProbeTarget>& alive) {
  std::vector<std::pair<double, const ProbeTarget*>> order;
  const auto add = [&](const ProbeTarget& one, int rank) {
    order.emplace_back(rank + chance_(), &one);
  };
  for (const ProbeTarget& one : family.outside) add(one, one.reached ? 0 : 2);
  for (const ProbeTarget& one : alive) add(one, 1);
  if (family.reach.state == Reach::State::fails) {
    for (const auto& [key, one] : family.fallen) add(one, 1);
  }
  std::sort(order.begin(), order.end());
  std::vector<ProbeTarget> chosen;
  for (const std::size_t of_one_node : {std::size_t{1}, kControlsOfOneNode}) {
    for (const auto& [rank, one] : order) {
      if (chosen.size() >= kGroup) break;
      std::size_t same = 0;
      bool twice = false;
      for (const ProbeTarget& other : chosen) {
        same += same_node(*one, other);
        twice = twice || key_of(*one) == key_of(other);
      }
      if (!twice && same < of_one_node) chosen.push_back(*one);
    }
  }
  return chosen;
}

std::vector<ProbeTarget> ControlGroup::ask(const std::vector<ProbeTarget>& alive, TimePoint now) {
  std::vector<ProbeTarget> result;
  for (const bool v4 : {true, false}) {
    Family& one = family(v4);
    const auto at = due(one);
    if (!at || *at > now) continue;
    std::vector<ProbeTarget> of_family;
    for (const ProbeTarget& target : alive) {
      if (target.address.is_v4() == v4 && target.protocol == Protocol::tcp && !local(target))
        of_family.push_back(target);
    }
    const auto chosen = choose(one, of_family);
    one.wanted = false;
    one.asked = now;
    one.again = now + timeout_ +
                std::chrono::duration_cast<TimePoint::duration>(kAgain * (0.75 + chance_() / 2));
    // Nobody is left to tell.
    if (chosen.empty() && one.reach.state == Reach::State::fails) one.reach = {{}, now, 0};
    result.insert(result.end(), chosen.begin(), chosen.end());
  }
  return result;
}

void ControlGroup::sent(const ProbeTarget& control, bool known_alive, TimePoint now) {
  Family& one = family(control.address.is_v4());
  prune(one, now);
  one.said.push_back({control, now, known_alive});
}

void ControlGroup::prune(Family& family, TimePoint now) {
  while (!family.said.empty() &&
         (family.said.size() >= kMostSaid || now - family.said.front().sent > 4 * timeout_ + 5s)) {
    family.said.pop_front();
  }
}

bool ControlGroup::heard(const ProbeTarget& target, TimePoint sent, Echo echo, bool known_alive,
                         bool counts, TimePoint now) {
  Family& one = family(target.address.is_v4());
  for (Asked& asked : one.said) {
    if (asked.sent != sent || key_of(asked.control) != key_of(target)) continue;
    asked.echo = echo;
    asked.known_alive = known_alive;
    counts = true;
  }
  if (echo == Echo::unheard || local(target)) return false;
  if (echo == Echo::none) {
    if (known_alive && counts && sent > one.answered) fall(one, target, now);
    return false;
  }
  one.answered = std::max(one.answered, sent);
  one.fallen.clear();
  if (one.reach.state == Reach::State::answers) return false;
  const bool again = one.reach.state == Reach::State::fails;
  one.reach = {Reach::State::answers, now, 0};
  if (again) one.returned = now;
  return again;
}

void ControlGroup::fall(Family& family, const ProbeTarget& target, TimePoint now) {
  if (family.fallen.size() < kMostFallen) family.fallen.emplace(key_of(target), target);
  if (family.fallen.size() < kFallen) return;
  if (family.reach.state != Reach::State::fails) {
    family.reach = {Reach::State::fails, now, 0};
    family.again = now;
  }
  family.reach.fallen = family.fallen.size();
}

void ControlGroup::keep(const std::function<bool(const ProbeKey&)>& known) {
  for (Family& one : families_) {
    std::erase_if(one.fallen, [&](const auto& item) {
      const bool outside =
          std::any_of(one.outside.begin(), one.outside.end(),
                      [&](const ProbeTarget& other) { return key_of(other) == item.first; });
      return !outside && !known(item.first);
    });
  }
}

ControlGroup::Tally ControlGroup::tally(const ProbeTarget& target, TimePoint since,
                                        TimePoint now) const {
  Tally result;
  for (const Asked& asked : family(target.address.is_v4()).said) {
    if (asked.sent < since || same_node(asked.control, target)) continue;
    const bool late = !asked.echo && now - asked.sent >= timeout_ / 2;
    if (asked.echo == Echo::answered) ++result.answered;
    if (asked.echo == Echo::refused) ++result.refused;
    if ((late || asked.echo == Echo::none) && asked.known_alive) ++result.failed;
  }
  return result;
}

}  // namespace holdfast
