// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/reader.h"

#include <fmt/format.h>

namespace holdfast::kubernetes {

const Value* Reader::member(const Value& parent, std::string_view key, Value::Type type) const {
  const Value* value = parent.find(key);
  if (!value || value->is_null()) return nullptr;
  if (value->type == type) return value;
  problem(*value,
          fmt::format("{} must be {}, not {}", key, to_string(type), to_string(value->type)));
  return nullptr;
}

bool Reader::typed(const Value& parent, std::string_view key, Value::Type type) const {
  const Value* value = parent.find(key);
  return !value || value->is_null() || member(parent, key, type);
}

std::string Reader::text(const Value& parent, std::string_view key) const {
  const Value* value = member(parent, key, Value::Type::string);
  return value ? value->text : "";
}

std::optional<bool> Reader::boolean(const Value& parent, std::string_view key) const {
  const Value* value = member(parent, key, Value::Type::boolean);
  return value ? std::optional<bool>(value->boolean) : std::nullopt;
}

std::optional<std::uint16_t> Reader::port(const Value& value, std::string_view what) const {
  if (value.type == Value::Type::integer && value.integer >= 1 && value.integer <= 65535) {
    return static_cast<std::uint16_t>(value.integer);
  }
  problem(value, fmt::format("{} must be an integer from 1 to 65535, not '{}'", what, value.text));
  return std::nullopt;
}

std::optional<IpAddress> Reader::address(const Value& value, std::string_view what) const {
  if (value.type == Value::Type::string) {
    if (auto parsed = IpAddress::parse(value.text)) return parsed;
  }
  problem(value, fmt::format("{} must be an IP address, not '{}'", what, value.text));
  return std::nullopt;
}

std::optional<IpAddress> Reader::frontend(const Value& value, std::string_view what) const {
  const auto parsed = address(value, what);
  if (!parsed) return std::nullopt;
  const std::string_view why = parsed->forbidden();
  if (why.empty()) return parsed;
  reject(value, fmt::format("{} {} {}; it is left out", what, parsed->to_string(), why));
  return std::nullopt;
}

std::optional<Protocol> Reader::protocol(const Value& parent) const {
  const Value* value = member(parent, "protocol", Value::Type::string);
  if (!value) return Protocol::tcp;
  const auto protocol = parse_protocol(value->text);
  if (!protocol)
    problem(*value, fmt::format("protocol must be TCP, UDP or SCTP, not '{}'", value->text));
  return protocol;
}

bool Reader::name(const Value& at, const std::string& name, std::string_view what) const {
  const auto alphanumeric = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
  };
  bool good = !name.empty() && name.size() <= 253 && alphanumeric(name.front()) &&
              alphanumeric(name.back());
  for (const char letter : name)
    good = good && (alphanumeric(letter) || letter == '-' || letter == '.');
  if (!good) {
    problem(at,
            fmt::format("{} must be lower-case letters, digits, '-' or '.' (RFC 1123), not '{}'",
                        what, name));
  }
  return good;
}

}  // namespace holdfast::kubernetes
