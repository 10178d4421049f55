// SPDX-License-Identifier: Apache-2.0
// The daemon's log: one line an event, on stderr (systemd and Kubernetes collect it there).
// Only app/ and daemon/ log; libraries return errors. What is in a message may come from anybody: a
// line is printable and bounded (agent/base/text.h), so that nobody forges another or fills a disk.
#pragma once

#include <cstddef>
#include <string_view>

namespace holdfast::log {

// Of what one decision or one change did, so many are named; the rest is a number.
inline constexpr std::size_t kMostNamed = 100;

void info(std::string_view message);
void warn(std::string_view message);
void error(std::string_view message);

// Has `say` say the first of them; how many are left.
template <class Items, class Say>
std::size_t first(const Items& items, const Say& say, std::size_t most = kMostNamed) {
  std::size_t said = 0;
  for (auto item = items.begin(); item != items.end() && said < most; ++item, ++said) say(*item);
  return items.size() - said;
}

}  // namespace holdfast::log
