// SPDX-License-Identifier: Apache-2.0
// holdfast.io/ annotations: one row each.
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "agent/sources/kubernetes/reader.h"

namespace holdfast::kubernetes {
namespace {

constexpr std::string_view kPrefix = "holdfast.io/";

std::optional<unsigned> number(const std::string& text, unsigned least, unsigned most) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return std::nullopt;
  }
  return value;
}

// Takes the value, or says "" when it was good and else what was expected.
using Take = std::string (*)(const std::string& value, Annotations& into);

std::string take_weight(const std::string& value, Annotations& into) {
  const auto weight = number(value, 0, 1000);
  if (!weight) return "an integer from 0 to 1000";
  into.weight = static_cast<std::uint16_t>(*weight);
  return "";
}
std::string take_no_endpoints(const std::string& value, Annotations& into) {
  if (value == "refuse")
    into.policy.no_endpoints = HF_EMPTY_REFUSE;
  else if (value == "pass")
    into.policy.no_endpoints = HF_EMPTY_PASS;
  else if (value == "unreachable")
    into.policy.no_endpoints = HF_EMPTY_UNREACHABLE;
  else
    return "refuse, pass or unreachable";
  return "";
}
std::string take_guard(const std::string& value, Annotations& into) {
  if (value == "hold")
    into.policy.guard = GuardMode::hold;
  else if (value == "trust")
    into.policy.guard = GuardMode::trust;
  else
    return "hold or trust";
  return "";
}
constexpr std::string_view kWithoutEffect =
    "\x01";  // a good value that this version does not act on

std::string only_default(const std::string& value, std::string_view usual,
                         std::string_view others) {
  if (value == usual) return "";
  const bool known = (" " + std::string(others) + " ").find(" " + value + " ") != std::string::npos;
  return known ? std::string(kWithoutEffect) : fmt::format("one of: {} {}", usual, others);
}
std::string take_selector(const std::string& value, Annotations&) {
  return only_default(value, "random", "hash least-loaded");
}
std::string take_end_connections(const std::string& value, Annotations&) {
  return only_default(value, "never", "udp all");
}
std::string take_eject(const std::string& value, Annotations&) {
  return only_default(value, "off", "on");
}
std::string take_seconds(const std::string& value, Annotations&) {
  return number(value, 0, 86400) ? std::string(kWithoutEffect) : "seconds from 0 to 86400";
}

struct Row {
  std::string_view key;
  Take take;
};
constexpr std::array<Row, 8> kRows = {{{"weight", take_weight},
                                       {"no-endpoints", take_no_endpoints},
                                       {"guard", take_guard},
                                       {"selector", take_selector},
                                       {"end-connections", take_end_connections},
                                       {"eject", take_eject},
                                       {"drain-seconds", take_seconds},
                                       {"connect-timeout", take_seconds}}};

}  // namespace

Annotations read_annotations(const Reader& reader, const Value& metadata, AnnotationsOf whose) {
  Annotations result;
  const Value* annotations = reader.member(metadata, "annotations", Value::Type::mapping);
  if (!annotations) return result;
  for (const auto& [key, value] : annotations->members) {
    if (!key.text.starts_with(kPrefix)) continue;
    const std::string_view name = std::string_view(key.text).substr(kPrefix.size());
    const Row* row = nullptr;
    for (const Row& one : kRows) {
      if (one.key == name) row = &one;
    }
    if (!row) {
      reader.reject(key, fmt::format("unknown annotation {}", key.text));
      continue;
    }
    if (whose == AnnotationsOf::slice && name != "weight") {
      reader.reject(key, fmt::format("{} belongs on the Service; here it has no effect", key.text));
      continue;
    }
    const std::string expected =
        value.type == Value::Type::string ? row->take(value.text, result) : "a quoted string";
    if (expected == kWithoutEffect) {
      reader.note(value,
                  fmt::format("{}: '{}' has no effect in this version", key.text, value.text));
    } else if (!expected.empty()) {
      reader.reject(value, fmt::format("{} must be {}, not '{}'; the default is used", key.text,
                                       expected, value.text));
    }
  }
  return result;
}

}  // namespace holdfast::kubernetes
