// SPDX-License-Identifier: Apache-2.0
// What a guard tells of what it holds.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "agent/model/evidence.h"
#include "agent/model/hold_reason.h"
#include "agent/model/service.h"
#include "agent/model/time.h"

namespace holdfast {

enum class HoldState { open, rejected };

struct HeldEndpoint {
  IpAddress address;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  Verdict verdict = Verdict::unknown;
  std::string evidence;  // in words; "" when there is none
};

// A hold opened or ended.
struct HoldNews {
  std::string id;
  ServiceKey service;
  bool opened = false;
  HoldCause cause;  // of an opened one
};

// A hold younger than this is shown as pending: most end by themselves.
inline constexpr std::chrono::seconds kPendingHold{10};

// How much is held, without a word of it.
struct HoldSummary {
  std::size_t services = 0;
  std::size_t endpoints = 0;
  HoldCounts by_reason = {};  // services
  std::optional<TimePoint> oldest;
};

struct HoldName {
  std::string id;
  ServiceKey service;
};

// All that is held of one service. The id is a hash of source, namespace and name: it is stable
// over restarts and the same on every node.
struct Hold {
  std::string id;  // 8 lower-case hex digits
  std::string source;
  ServiceKey service;
  HoldState state = HoldState::open;  // rejected: kept by an operator's word, listed all the same
  bool whole_service = false;         // the service itself is absent, not only endpoints of it
  bool beyond_thresholds = false;     // no number of absences ends it
  std::size_t absences = 0;           // complete lists in which it was absent
  TimePoint since;
  HoldCause cause;
  std::vector<HeldEndpoint> endpoints;  // sorted by address, port, protocol
};

}  // namespace holdfast
