// SPDX-License-Identifier: Apache-2.0
// What a source tells the guard: not only what is there, but how it knows.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/service.h"
#include "agent/model/time.h"
#include "agent/model/vantage.h"

namespace holdfast {

// Something wrong with one object or one file; the rest of the input goes on.
struct Problem {
  enum class Kind : std::uint8_t {
    error,  // it cannot be read, or is left out
    note,   // it is good, and asks for what is not honoured
  };

  std::string file;
  int line = 0;        // from 1; 0: not known
  int column = 0;      // from 1
  std::string object;  // "Service default/song", "EndpointSlice ...", "" for the whole file
  std::string message;
  Kind kind = Kind::error;

  std::string to_string() const;  // "catalog.yaml:3:7: Service default/song: ..."
  auto operator<=>(const Problem&) const = default;
};

std::string_view to_string(Problem::Kind kind);  // "error", "note"
std::size_t notes_in(const std::vector<Problem>& problems);

// How a source knows what it says.
enum class Basis : std::uint8_t {
  event,  // it saw the change happen
  list,   // it asked for all there is: what is absent, or not ready any more, explains nothing
};

struct EndpointAddress {
  IpAddress address;
  std::uint16_t port = 0;

  auto operator<=>(const EndpointAddress&) const = default;
};

struct ServiceChange {
  ServiceKey key;
  ServicePtr now;          // nullptr: the source does not list it any more
  bool explained = false;  // an event explains every removal in this change
  Basis basis = Basis::event;
  // Without `explained`: the endpoints whose removal an event explains all the same (they were
  // seen terminating, or a modified slice dropped them while a ready one stays). Sorted.
  std::vector<EndpointAddress> explained_endpoints = {};
};

struct NodeChange {
  std::string name;
  std::optional<Node> now;  // nullopt: not said any more
};

// Who has an address now, of services or of none (a headless slice): an address whose owner
// changed leaves every hold (design.md 4.4).
struct AddressClaim {
  IpAddress address;
  std::uint16_t port = 0;  // 0: the claim names no port
  Identity identity;
};

// A part of the source that cannot be trusted: its absences explain nothing.
struct Doubt {
  std::string origin;  // file; "" for the whole source
  std::string reason;  // "file vanished", "file has no objects", "line 3, column 1: ..."

  auto operator<=>(const Doubt&) const = default;
};

// One answer of a source. A removal (of a service or of an endpoint) is explained if its change is
// marked so, or its origin is in `confirmed_origins`. A source without parts (origin "") explains
// by its changes alone.
struct SourceUpdate {
  std::string source;
  std::string revision;   // for status only
  bool complete = false;  // with this update the source has said all it knows in this life
  // This update ends a complete list: what it held back is absent once more (design.md 4.3).
  bool list = false;
  std::vector<AddressClaim> claims = {};
  std::vector<NodeChange> nodes = {};  // of whatever node
  // When the changes were triggered, as the control plane noted it (RFC 3339): what the network
  // programming latency counts from.
  std::vector<std::string> trigger_times = {};
  TimePoint received = {};  // when its last bytes were read; the epoch: not known
  std::vector<ServiceChange> changes;
  std::set<std::string> confirmed_origins;  // read whole, parsed, not empty
  std::vector<Doubt> doubts;                // replaces the doubts of the update before
  std::vector<Problem> problems;            // replaces the problems of the update before
};

}  // namespace holdfast
