// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/said.h"

#include <iterator>
#include <utility>

namespace holdfast {
namespace {

ServiceChange change_to(const ServiceKey& key, ServicePtr now) {
  ServiceChange change;
  change.key = key;
  change.now = std::move(now);
  return change;
}

}  // namespace

const ServicePtr& Said::of(const ServiceKey& key) const {
  static const ServicePtr kNothing;
  const auto known = last_.find(key);
  return known == last_.end() ? kNothing : known->value;
}

std::optional<ServiceChange> Said::say(const ServiceKey& key, ServicePtr now) {
  const auto known = last_.find(key);
  const bool news = known == last_.end() ? now != nullptr : !now || *known->value != *now;
  if (!news) return std::nullopt;
  ServiceChange change = change_to(key, now);
  if (known == last_.end())
    last_.insert(Item{std::move(now)});
  else if (now)
    known->value = std::move(now);
  else
    last_.erase(known);
  return change;
}

std::vector<ServiceChange> Said::say_all(std::vector<ServicePtr> all) {
  std::vector<ServiceChange> changes, absent;
  auto known = last_.begin();
  const auto absent_until = [&](const ServiceKey* key) {
    while (known != last_.end() && (!key || known->value->key < *key)) {
      absent.push_back(change_to(known->value->key, nullptr));
      known = last_.erase(known);
    }
  };
  for (ServicePtr& now : all) {
    absent_until(&now->key);
    if (known == last_.end() || known->value->key != now->key) {
      changes.push_back(change_to(now->key, now));
      last_.emplace_hint(known, Item{std::move(now)});
      continue;
    }
    if (*known->value != *now) {
      changes.push_back(change_to(now->key, now));
      known->value = std::move(now);
    }
    ++known;
  }
  absent_until(nullptr);
  changes.insert(changes.end(), std::make_move_iterator(absent.begin()),
                 std::make_move_iterator(absent.end()));
  return changes;
}

}  // namespace holdfast
