// SPDX-License-Identifier: Apache-2.0
// What is asked about endpoints in question, and what is found (design.md 4.2): the words between
// the guard and whoever looks for evidence.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/model/service.h"
#include "agent/model/time.h"

namespace holdfast {

// Of a held endpoint, by evidence (design.md 4.2; docs/guard.md has how one follows another).
enum class Verdict : std::uint8_t {
  unknown,
  alive,
  silent,  // it answered before and does not now, while others do: never final
  dead,    // it refuses: final after GuardSettings::refused_for
};
std::string_view to_string(Verdict verdict);  // as they are written here

// An endpoint that is held or doubted, for whoever looks for evidence.
struct ProbeTarget {
  IpAddress address;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  TimePoint since;  // in question; of several services the latest
  Identity identity = {};
  bool picked = false;  // new connects are sent to it
  Text node = {};
  Verdict verdict = Verdict::unknown;  // of several services the worst
  bool reached = false;                // a workload of this node has shaken hands with it

  bool operator==(const ProbeTarget&) const = default;
};

// What was learned of an endpoint.
struct Evidence {
  IpAddress address;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  Verdict verdict = Verdict::unknown;
  std::string words;
  bool withdraws = false;  // with unknown: what said that it is silent or dead says so no more
};

}  // namespace holdfast
