// SPDX-License-Identifier: Apache-2.0
// One item of `sources`: what all kinds have, and the section of its own kind. The kinds are those
// of SourceKindConfig.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "agent/config/loader.h"

namespace holdfast {
namespace {

using Keys = Loader::Keys;

// Designed (design.md 2), and not in this version.
constexpr std::array<std::string_view, 2> kToCome = {"xds", "dns"};

template <class Do, std::size_t... Index>
void for_each_kind(const Do& act, std::index_sequence<Index...> /*all*/) {
  (act(std::variant_alternative_t<Index, SourceKindConfig>{}), ...);
}

template <class Do>
void for_each_kind(const Do& act) {
  for_each_kind(act, std::make_index_sequence<std::variant_size_v<SourceKindConfig>>{});
}

std::string all_kinds() {
  std::string names;
  for_each_kind(
      [&](const auto& kind) { names += (names.empty() ? "" : ", ") + std::string(kind.kKind); });
  return names;
}

bool good_name(const std::string& name) {
  return !name.empty() && name.size() <= 63 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

Loader::Field role(Loader& loader, bool& fallback) {
  const auto take = [&](const Value& value) {
    if (value.text == "fallback")
      fallback = true;
    else
      loader.problem(value, "role must be fallback, or left out");
  };
  return {take, [&] { return string_value(fallback ? "fallback" : ""); }};
}

Keys common_keys(Loader& loader, SourceConfig& source) {
  return {{"name", loader.text(source.name)}, {"role", role(loader, source.fallback)}};
}

// What is being read of one item.
struct Item {
  Loader& loader;
  SourceConfig source = {};
  int kinds = 0;
  bool good = true;

  template <class Kind>
  void take(const Value& settings) {
    ++kinds;
    Kind kind;
    const std::size_t before = loader.problems();
    loader.section(settings, Kind::kKind, kind.keys(loader));
    if (loader.problems() == before && !kind.problem().empty())
      loader.problem(settings, kind.problem());
    good = good && loader.problems() == before;
    source.kind = kind;
  }

  void take_to_come(std::string_view kind, const Value& settings) {
    ++kinds;
    loader.problem(settings, fmt::format("source kind {} is not in this version", kind));
    good = false;
  }
};

Keys keys_of(Item& item) {
  Keys keys = common_keys(item.loader, item.source);
  for_each_kind([&]<class Kind>(const Kind& /*kind*/) {
    keys.push_back(
        {Kind::kKind, {[&item](const Value& settings) { item.take<Kind>(settings); }, nullptr}});
  });
  for (const std::string_view kind : kToCome) {
    keys.push_back(
        {std::string(kind),
         {[&item, kind](const Value& settings) { item.take_to_come(kind, settings); }, nullptr}});
  }
  return keys;
}

}  // namespace

void load_source(Loader& loader, const Value& value, std::vector<SourceConfig>& sources) {
  Item item{loader};
  loader.section(value, "a source", keys_of(item));
  if (value.type != Value::Type::mapping) return;
  const std::string& name = item.source.name;
  if (item.kinds != 1) {
    loader.problem(value, "a source needs exactly one kind: " + all_kinds());
  } else if (!good_name(name)) {
    loader.problem(value, fmt::format("a source needs a name of a-z, 0-9 and '-', not '{}'", name));
  } else if (std::any_of(sources.begin(), sources.end(),
                         [&](const auto& one) { return one.name == name; })) {
    loader.problem(value, fmt::format("two sources are named '{}'", name));
  } else if (item.good) {
    sources.push_back(std::move(item.source));
  }
}

Value say_source(Loader& loader, SourceConfig source) {
  Keys keys = common_keys(loader, source);
  std::visit(
      [&](auto& kind) {
        keys.push_back({kind.kKind, loader.section(kind.kKind, kind.keys(loader))});
      },
      source.kind);
  return Loader::say(keys);
}

}  // namespace holdfast
