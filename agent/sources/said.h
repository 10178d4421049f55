// SPDX-License-Identifier: Apache-2.0
// The last value that a source said of each service, and what of the next word is news. A source
// says one service at a time, or all there is at once; the changes are the same. Pure.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "agent/model/service.h"
#include "agent/model/update.h"

namespace holdfast {

class Said {
 public:
  // nullptr: it is not said. Until the next word of it.
  const ServicePtr& of(const ServiceKey& key) const;
  // This is what there is of the service now, under its own key; nullptr: it is absent. nullopt:
  // that is no news. What equals the last value is the last value from here on.
  std::optional<ServiceChange> say(const ServiceKey& key, ServicePtr now);
  // This is all there is, in order of the keys, each key once: what is not in it is absent. In
  // order, absent ones last.
  std::vector<ServiceChange> say_all(std::vector<ServicePtr> all);

 private:
  struct Item {
    mutable ServicePtr value;  // a change of it leaves its key as it is
  };
  struct InOrder {
    using is_transparent = void;
    static const ServiceKey& key(const Item& item) { return item.value->key; }
    static const ServiceKey& key(const ServiceKey& one) { return one; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return key(a) < key(b);
    }
  };
  std::set<Item, InOrder> last_;
};

}  // namespace holdfast
