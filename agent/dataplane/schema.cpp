// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "agent/dataplane/layout1.h"
#include "holdfast/abi/counters.h"
#include "holdfast/abi/endpoint.h"
#include "holdfast/abi/frontend.h"
#include "holdfast/abi/names.h"
#include "holdfast/abi/pins.h"
#include "holdfast/abi/pool.h"
#include "holdfast/abi/socket.h"

namespace holdfast {
namespace {

constexpr const char* kFirstLine = "holdfast layout 1";
constexpr std::uint32_t kLargestElement = 4096;

// Fields that sets of earlier versions lack: zero there.
constexpr std::pair<std::string_view, std::string_view> kAdded[] = {
    {"endpoint_stats", "handshake_at"}, {"pool_names", "traffic"}, {"pool_names", "tail"}};

bool added(std::string_view element, std::string_view field) {
  return std::find(std::begin(kAdded), std::end(kAdded), std::pair(element, field)) !=
         std::end(kAdded);
}

#define HF_FIELD_AS(name, type, field)               \
  Field {                                            \
    name, offsetof(type, field), sizeof(type::field) \
  }
#define HF_FIELD(type, field) HF_FIELD_AS(#field, type, field)

Schema make_own_schema() {
  Schema schema;
  auto& elements = schema.elements;
  elements["frontends_key"] = {sizeof(hf_frontend_key),
                               {HF_FIELD(hf_frontend_key, addr), HF_FIELD(hf_frontend_key, port),
                                HF_FIELD(hf_frontend_key, protocol)}};
  elements["frontends"] = {sizeof(std::uint32_t), {{"word", 0, sizeof(std::uint32_t)}}};
  elements["pools"] = {sizeof(hf_pool),
                       {HF_FIELD(hf_pool, word), HF_FIELD_AS("policy_2", hf_pool, policy)}};
  elements["slots"] = {sizeof(std::uint32_t), {{"endpoint", 0, sizeof(std::uint32_t)}}};
  elements["slot_line"] = {sizeof(hf_slot_line), {}};  // programs know how many slots are in one
  elements["slot_info"] = {sizeof(std::uint32_t), {{"info", 0, sizeof(std::uint32_t)}}};
  elements["endpoints"] = {sizeof(hf_endpoint),
                           {HF_FIELD(hf_endpoint, addr), HF_FIELD(hf_endpoint, port),
                            HF_FIELD(hf_endpoint, protocol), HF_FIELD(hf_endpoint, incarnation)}};
  elements["endpoint_stats"] = {
      sizeof(hf_endpoint_stats),
      {HF_FIELD(hf_endpoint_stats, connects), HF_FIELD(hf_endpoint_stats, closes),
       HF_FIELD(hf_endpoint_stats, established), HF_FIELD(hf_endpoint_stats, failures),
       HF_FIELD(hf_endpoint_stats, abandoned), HF_FIELD(hf_endpoint_stats, failure),
       HF_FIELD(hf_endpoint_stats, srtt_us), HF_FIELD(hf_endpoint_stats, handshake_at)}};
  elements["service_names"] = {
      sizeof(hf_service_name),
      {HF_FIELD(hf_service_name, generation), HF_FIELD(hf_service_name, name_space),
       HF_FIELD(hf_service_name, name), HF_FIELD(hf_service_name, source)}};
  elements["pool_names"] = {sizeof(hf_pool_name),
                            {HF_FIELD(hf_pool_name, service), HF_FIELD(hf_pool_name, port),
                             HF_FIELD(hf_pool_name, protocol), HF_FIELD(hf_pool_name, family),
                             HF_FIELD(hf_pool_name, port_name), HF_FIELD(hf_pool_name, traffic),
                             HF_FIELD(hf_pool_name, tail)}};
  elements["endpoint_names"] = {
      sizeof(hf_endpoint_name),
      {HF_FIELD(hf_endpoint_name, identity), HF_FIELD(hf_endpoint_name, node),
       HF_FIELD(hf_endpoint_name, zone), HF_FIELD(hf_endpoint_name, incarnation),
       HF_FIELD(hf_endpoint_name, base_connects), HF_FIELD(hf_endpoint_name, base_closes),
       HF_FIELD(hf_endpoint_name, base_established), HF_FIELD(hf_endpoint_name, base_failures),
       HF_FIELD(hf_endpoint_name, base_abandoned)}};
  elements["strings"] = {HF_STRING_CELL, {{"text", 0, HF_STRING_CELL}}};
  elements["meta"] = {sizeof(hf_meta),
                      {HF_FIELD(hf_meta, abi_version), HF_FIELD(hf_meta, complete),
                       HF_FIELD(hf_meta, generation), HF_FIELD(hf_meta, netns_cookie),
                       HF_FIELD(hf_meta, applied_at), HF_FIELD(hf_meta, grace_mode)}};
#define HF_STATE_FIELD(value, type, field) HF_FIELD(value, field),
#define HF_STATE(unused, storage, before, value, fields) \
  elements[#storage] = {sizeof(value), {fields(HF_STATE_FIELD, value)}};
  HF_STORAGES(HF_STATE, )
#undef HF_STATE
#undef HF_STATE_FIELD
#define NAME(symbol, name, help) name,
  schema.counters = {HF_COUNTERS(NAME)};
#undef NAME
  return schema;
}

Failure unreadable(const std::string& what) {
  return fail(Errc::incompatible, "layout of the pinned maps: " + what);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool parse_number(std::string_view text, std::uint32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number <= kLargestElement;
}

// "element NAME SIZE FIELD:OFFSET:SIZE ..."
Result<> parse_element(const std::vector<std::string_view>& words, Schema& schema) {
  ElementLayout layout;
  if (words.size() < 3 || !parse_number(words[2], layout.size)) {
    return unreadable("an element without a size");
  }
  for (std::size_t one = 3; one < words.size(); ++one) {
    const auto parts = split(words[one], ':');
    Field field;
    if (parts.size() != 3 || !parse_number(parts[1], field.offset) ||
        !parse_number(parts[2], field.size) || field.offset + field.size > layout.size) {
      return unreadable(fmt::format("'{}' of {} is no field", words[one], words[1]));
    }
    field.name = parts[0];
    layout.fields.push_back(std::move(field));
  }
  schema.elements.emplace(words[1], std::move(layout));
  return {};
}

// A storage that an earlier version did not know has no state to give. All know the sockets.
bool came_later(std::string_view element) {
#define HF_CAME_LATER(unused, storage, ...) \
  if (element == #storage) return element != "sockets";
  HF_STORAGES(HF_CAME_LATER, )
#undef HF_CAME_LATER
  return false;
}

Result<> require_own_fields(const Schema& schema) {
  for (const auto& [name, own] : own_schema().elements) {
    const auto found = schema.elements.find(name);
    if (found == schema.elements.end() && came_later(name)) continue;
    if (found == schema.elements.end()) return unreadable("nothing is said of " + name);
    for (const Field& field : own.fields) {
      const Field* theirs = found->second.find(field.name);
      if (!theirs && added(name, field.name)) continue;
      if (!theirs) return unreadable(name + " has no field '" + field.name + "'");
      if (theirs->size == field.size) continue;
      return unreadable(fmt::format("field '{}' of {} has {} bytes, this version reads {}",
                                    field.name, name, theirs->size, field.size));
    }
  }
  return {};
}

}  // namespace

const Field* ElementLayout::find(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [name](const Field& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

const Schema& own_schema() {
  static const Schema schema = make_own_schema();
  return schema;
}

std::string to_text(const Schema& schema) {
  std::string text = fmt::format("{}\n", kFirstLine);
  for (const auto& [name, element] : schema.elements) {
    text += fmt::format("element {} {}", name, element.size);
    for (const Field& field : element.fields) {
      text += fmt::format(" {}:{}:{}", field.name, field.offset, field.size);
    }
    text += '\n';
  }
  return text + fmt::format("counters {}\n", fmt::join(schema.counters, " "));
}

std::string own_text() {
  return to_text(layout1::with_former_names(own_schema()));
}

Result<Schema> parse_schema(std::string_view text) {
  Schema schema;
  const auto lines = split(text.substr(0, text.find('\0')), '\n');
  if (lines.empty() || lines[0] != kFirstLine) return unreadable("not described in a known way");
  for (const std::string_view line : lines) {
    const auto words = split(line, ' ');
    if (words.empty()) continue;
    if (words[0] == "counters") schema.counters.assign(words.begin() + 1, words.end());
    if (words[0] != "element") continue;
    if (auto parsed = parse_element(words, schema); !parsed) return tl::unexpected(parsed.error());
  }
  layout1::rename_fields(schema);
  if (auto good = require_own_fields(schema); !good) return tl::unexpected(good.error());
  return schema;
}

namespace {

struct Move {
  std::uint32_t from, to, size;
};

std::vector<Move> moves_between(const ElementLayout& from, const ElementLayout& to) {
  std::vector<Move> moves;
  for (const Field& field : to.fields) {
    if (const Field* theirs = from.find(field.name)) {
      moves.push_back({theirs->offset, field.offset, std::min(theirs->size, field.size)});
    }
  }
  return moves;
}

}  // namespace

void patch(const ElementLayout& from, const char* source, const ElementLayout& to, char* target) {
  for (const Move& move : moves_between(from, to)) {
    std::memcpy(target + move.to, source + move.from, move.size);
  }
}

void convert(const ElementLayout& from, const char* source, const ElementLayout& to, char* target,
             std::size_t count) {
  if (count == 0) return;
  if (from == to) {
    std::memcpy(target, source, count * to.size);
    return;
  }
  const std::vector<Move> moves = moves_between(from, to);
  std::memset(target, 0, count * to.size);
  for (std::size_t one = 0; one < count; ++one) {
    for (const Move& move : moves) std::memcpy(target + move.to, source + move.from, move.size);
    source += from.size;
    target += to.size;
  }
}

}  // namespace holdfast
