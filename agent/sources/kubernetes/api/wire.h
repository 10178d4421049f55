// SPDX-License-Identifier: Apache-2.0
// What goes over the wire between a client and the Kubernetes API: the kinds that are listed and
// watched, their requests, watch events and list pages. Pure. Sources: the API concepts page of the
// Kubernetes documentation, KEP-365 (pages), KEP-956 (bookmarks), KEP-3157 (streaming lists).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/model/service.h"
#include "agent/sources/value.h"

namespace holdfast::kubernetes {

enum class Kind : std::uint8_t { service, slice, node };
inline constexpr std::array<Kind, 3> kKinds = {Kind::service, Kind::slice, Kind::node};

struct KindRow {
  std::string_view name;      // "Service"
  std::string_view resource;  // "services", for messages
  std::string_view path;      // of the whole cluster
  unsigned page;              // objects a page of a list
};
const KindRow& row_of(Kind kind);

// A resourceVersion: opaque text that is handed back as it came; as a number (KEP-5504) it tells
// older from newer. 0: not a number, its order is not known.
struct Version {
  std::string text;
  std::uint64_t number = 0;

  static Version parse(std::string text);
  bool operator==(const Version& other) const { return text == other.text; }
};

// An object's name and version; what a metadata list tells of it.
struct ObjectRef {
  ServiceKey name;  // a Node's namespace is ""
  Version version;
};
ObjectRef ref_of(const Value& object);
// Of all it says, but its kind and apiVersion, which a list's items leave out: a version that lies
// is still seen.
std::uint64_t content_hash(const Value& object);

// A Status object: the API's errors, in an answer and inside a stream.
struct ApiStatus {
  unsigned code = 0;
  std::string reason, message;
  std::optional<std::chrono::seconds> retry_after;
  bool version_too_large = false;  // the server is not that far yet, or never will be
};

enum class EventType : std::uint8_t { added, modified, deleted, bookmark, error };

struct Event {
  EventType type = EventType::error;
  Value object;              // of added, modified, deleted
  Version version;           // of the object, or of the bookmark
  bool initial_end = false;  // the bookmark that ends a streaming list
  ApiStatus status;          // of error
};
// One line of a watch. invalid: it is not an event.
Result<Event> parse_event(std::string_view line);

struct Page {
  std::vector<Value> items;
  Version version;   // of the whole list
  std::string next;  // the token of the next page; "": this is the last
};
Result<Page> parse_page(std::string_view body);

// The Status in the body of an answer that is not 200; without one the code alone.
ApiStatus parse_status(unsigned code, std::string_view body);

// What is asked for. `node` is this node's name: of Nodes only the own one is listed.
std::string list_target(Kind kind, const std::string& node, unsigned limit, const std::string& next,
                        const std::string& version);
std::string watch_target(Kind kind, const std::string& node, const std::string& version,
                         bool initial_events, std::chrono::seconds timeout);
std::string object_target(Kind kind, const ServiceKey& name);

// Cuts a watch's body into lines. Keeps an unfinished line for the next piece.
class Lines {
 public:
  void add(std::string_view piece) { bytes_ += piece; }
  // nullopt: no whole line is there. exhausted: a line is longer than any object can be.
  Result<std::optional<std::string>> next();

 private:
  std::string bytes_;
  std::size_t begin_ = 0;     // of the next line
  std::size_t searched_ = 0;  // no line ends before
};

}  // namespace holdfast::kubernetes
