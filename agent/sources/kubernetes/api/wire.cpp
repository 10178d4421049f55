// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/api/wire.h"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <charconv>

namespace holdfast::kubernetes {
namespace {

constexpr std::size_t kLongestLine = std::size_t{16} << 20;  // etcd refuses objects over 1.5 MiB

constexpr KindRow kRows[] = {
    {"Service", "services", "/api/v1/services", 500},
    {"EndpointSlice", "endpointslices", "/apis/discovery.k8s.io/v1/endpointslices", 250},
    {"Node", "nodes", "/api/v1/nodes", 500},
};

const Value* at(const Value* value, std::string_view key) {
  return value ? value->find(key) : nullptr;
}

std::string text_at(const Value* value, std::string_view key) {
  const Value* found = at(value, key);
  return found && !found->is_null() ? found->text : std::string();
}

std::string encoded(std::string_view text) {
  return boost::urls::encode({text.data(), text.size()}, boost::urls::unreserved_chars);
}

// Selected by the server: Services of another proxy (stack.md: the label every proxy honours) and
// other nodes are none of our business.
std::string selector_of(Kind kind, const std::string& node) {
  switch (kind) {
    case Kind::service:
      return "labelSelector=" + encoded("!service.kubernetes.io/service-proxy-name");
    case Kind::node:
      return "fieldSelector=" + encoded("metadata.name=" + node);
    case Kind::slice:
      break;  // headless ones too: they tell who has an address
  }
  return "";
}

class Query {
 public:
  Query(Kind kind, const std::string& node) : text_(row_of(kind).path) {
    if (const std::string selector = selector_of(kind, node); !selector.empty()) add(selector);
  }
  void add(std::string_view parameter) {
    text_ += separator_;
    text_ += parameter;
    separator_ = '&';
  }
  void add(std::string_view name, const std::string& value) {
    add(fmt::format("{}={}", name, encoded(value)));
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  char separator_ = '?';
};

ApiStatus status_of(const Value* object) {
  ApiStatus status;
  const Value* code = at(object, "code");
  if (code && code->type == Value::Type::integer)
    status.code = static_cast<unsigned>(code->integer);
  status.reason = text_at(object, "reason");
  status.message = text_at(object, "message");
  const Value* details = at(object, "details");
  const Value* retry = at(details, "retryAfterSeconds");
  if (retry && retry->type == Value::Type::integer && retry->integer > 0)
    status.retry_after = std::chrono::seconds(std::min<std::int64_t>(retry->integer, 3600));
  if (const Value* causes = at(details, "causes")) {
    for (const Value& cause : causes->items) {
      if (text_at(&cause, "reason") == "ResourceVersionTooLarge") status.version_too_large = true;
    }
  }
  return status;
}

std::optional<EventType> event_type(std::string_view text) {
  if (text == "ADDED") return EventType::added;
  if (text == "MODIFIED") return EventType::modified;
  if (text == "DELETED") return EventType::deleted;
  if (text == "BOOKMARK") return EventType::bookmark;
  if (text == "ERROR") return EventType::error;
  return std::nullopt;
}

Result<Value> one_document(std::string_view text, const char* what) {
  ParseOutcome parsed = parse_documents(text, "");
  if (parsed.problem) {
    return fail(Errc::invalid, fmt::format("{} is not JSON: {}", what, parsed.problem->message));
  }
  if (parsed.documents.size() != 1 || parsed.documents[0].type != Value::Type::mapping) {
    return fail(Errc::invalid, fmt::format("{} is not one JSON object", what));
  }
  return std::move(parsed.documents[0]);
}

// Moves a member's value out of a document that is not needed any more.
Value take_member(Value& parent, std::string_view key) {
  for (Member& member : parent.members) {
    if (member.key.text == key) return std::move(member.value);
  }
  return {};
}

}  // namespace

const KindRow& row_of(Kind kind) {
  return kRows[static_cast<std::size_t>(kind)];
}

Version Version::parse(std::string text) {
  Version version{std::move(text), 0};
  const char* end = version.text.data() + version.text.size();
  const auto [stopped, error] = std::from_chars(version.text.data(), end, version.number);
  if (error != std::errc() || stopped != end) version.number = 0;
  return version;
}

ObjectRef ref_of(const Value& object) {
  const Value* metadata = object.find("metadata");
  return {{text_at(metadata, "namespace"), text_at(metadata, "name")},
          Version::parse(text_at(metadata, "resourceVersion"))};
}

namespace {

std::uint64_t hash_of(const Value& value, std::uint64_t seed) {
  const auto type = static_cast<unsigned char>(value.type);
  std::uint64_t hash = XXH3_64bits_withSeed(&type, 1, seed);
  hash = XXH3_64bits_withSeed(value.text.data(), value.text.size(), hash);
  for (const Value& item : value.items) hash = hash_of(item, hash);
  for (const Member& member : value.members) {
    hash = XXH3_64bits_withSeed(member.key.text.data(), member.key.text.size(), hash);
    hash = hash_of(member.value, hash);
  }
  return hash;
}

}  // namespace

std::uint64_t content_hash(const Value& object) {
  std::uint64_t hash = 0;
  for (const Member& member : object.members) {
    if (member.key.text != "kind" && member.key.text != "apiVersion")
      hash = hash_of(member.value, hash);
  }
  return hash;
}

Result<Event> parse_event(std::string_view line) {
  auto document = one_document(line, "a watch event");
  if (!document) return tl::unexpected(document.error());
  const auto type = event_type(text_at(&*document, "type"));
  if (!type) return fail(Errc::invalid, "a watch event has no known type");
  Event event;
  event.type = *type;
  event.object = take_member(*document, "object");
  if (event.object.type != Value::Type::mapping)
    return fail(Errc::invalid, "a watch event has no object");
  if (event.type == EventType::error) {
    event.status = status_of(&event.object);
    return event;
  }
  event.version = ref_of(event.object).version;
  if (event.version.text.empty())
    return fail(Errc::invalid, "a watch event's object has no resourceVersion");
  const Value* annotations = at(event.object.find("metadata"), "annotations");
  event.initial_end = event.type == EventType::bookmark &&
                      text_at(annotations, "k8s.io/initial-events-end") == "true";
  return event;
}

Result<Page> parse_page(std::string_view body) {
  auto document = one_document(body, "a list");
  if (!document) return tl::unexpected(document.error());
  const Value* metadata = document->find("metadata");
  Page page;
  page.version = Version::parse(text_at(metadata, "resourceVersion"));
  page.next = text_at(metadata, "continue");
  if (page.version.text.empty()) return fail(Errc::invalid, "a list has no resourceVersion");
  Value items = take_member(*document, "items");
  if (items.type != Value::Type::sequence && !items.is_null())
    return fail(Errc::invalid, "a list's items are no sequence");
  page.items = std::move(items.items);
  return page;
}

ApiStatus parse_status(unsigned code, std::string_view body) {
  ApiStatus status;
  if (const auto document = one_document(body, "an answer")) status = status_of(&*document);
  status.code = code;
  if (status.message.empty()) status.message = fmt::format("HTTP status {}", code);
  return status;
}

std::string list_target(Kind kind, const std::string& node, unsigned limit, const std::string& next,
                        const std::string& version) {
  Query query(kind, node);
  if (limit) query.add("limit", std::to_string(limit));
  if (!next.empty()) query.add("continue", next);
  if (next.empty() && !version.empty()) query.add("resourceVersion", version);
  return query.take();
}

std::string watch_target(Kind kind, const std::string& node, const std::string& version,
                         bool initial_events, std::chrono::seconds timeout) {
  Query query(kind, node);
  query.add("watch=true&allowWatchBookmarks=true");
  if (initial_events) query.add("sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
  if (!version.empty()) query.add("resourceVersion", version);
  query.add("timeoutSeconds", std::to_string(timeout.count()));
  return query.take();
}

std::string object_target(Kind kind, const ServiceKey& name) {
  const std::string_view path = row_of(kind).path;
  if (kind == Kind::node) return fmt::format("{}/{}", path, name.name);
  const auto slash = path.rfind('/');
  return fmt::format("{}/namespaces/{}{}/{}", path.substr(0, slash), name.name_space,
                     path.substr(slash), name.name);
}

Result<std::optional<std::string>> Lines::next() {
  const std::size_t end = bytes_.find('\n', std::max(begin_, searched_));
  if (end == std::string::npos) {
    bytes_.erase(0, begin_);
    begin_ = 0;
    searched_ = bytes_.size();
    if (bytes_.size() > kLongestLine)
      return fail(Errc::exhausted, "a watch event is longer than any object may be");
    return std::optional<std::string>();
  }
  std::string line = bytes_.substr(begin_, end - begin_);
  begin_ = searched_ = end + 1;
  return std::optional<std::string>(std::move(line));
}

}  // namespace holdfast::kubernetes
