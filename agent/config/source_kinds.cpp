// SPDX-License-Identifier: Apache-2.0
// The kinds of sources: one row here, one in agent/app/sources.cpp.
#include <fmt/format.h>

#include <algorithm>

#include "agent/config/loader.h"

namespace holdfast {
namespace {

using Keys = Loader::Keys;

// Each kind: its name in the file, its keys, and what they must be together.
template <class Kind>
constexpr const char* kName = nullptr;
template <>
constexpr const char* kName<FileSourceConfig> = "file";
template <>
constexpr const char* kName<KubernetesSourceConfig> = "kubernetes";

Keys keys_of(Loader& loader, FileSourceConfig& file) {
  return {{"path", loader.path(file.path)}};
}

void check(Loader& loader, const Value& value, const FileSourceConfig& file) {
  if (file.path.empty() && !value.find("path"))
    loader.problem(value, "file.path is missing: a file, or a directory of *.yaml and *.json");
}

bool looks_like_server(const std::string& url) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (url.starts_with(scheme) && url.size() > scheme.size()) return true;
  }
  return false;
}

Loader::Field servers(Loader& loader, std::vector<std::string>& into) {
  const auto take = [&](const Value& list) {
    if (list.type != Value::Type::sequence || list.items.empty()) {
      loader.problem(list, "servers must be a list of URLs");
      return;
    }
    for (const Value& item : list.items) {
      if (item.type == Value::Type::string && looks_like_server(item.text))
        into.push_back(item.text);
      else
        loader.problem(item, fmt::format("expected https://HOST:PORT, not '{}'", item.text));
    }
  };
  return {take, [&into] {
            Value list;
            if (into.empty()) return list;
            list.type = Value::Type::sequence;
            for (const std::string& one : into) list.items.push_back(string_value(one));
            return list;
          }};
}

// Without a kubeconfig the source is in its cluster: the key says no more, and so is only checked.
Loader::Field in_cluster(Loader& loader, const KubernetesSourceConfig& kubernetes) {
  const auto take = [&loader](const Value& value) {
    bool said = false;
    loader.boolean(said).take(value);
  };
  return {take, [&] { return boolean_value(kubernetes.kubeconfig.empty()); }};
}

Keys keys_of(Loader& loader, KubernetesSourceConfig& kubernetes) {
  return {{"kubeconfig", loader.path(kubernetes.kubeconfig)},
          {"in_cluster", in_cluster(loader, kubernetes)},
          {"servers", servers(loader, kubernetes.servers)},
          {"silence_seconds", loader.duration(kubernetes.silence, 5, 3600)},
          {"compare_seconds", loader.duration(kubernetes.compare_interval, 5, 86400)}};
}

void check(Loader& loader, const Value& value, const KubernetesSourceConfig& kubernetes) {
  const Value* inside = value.find("in_cluster");
  if (inside && inside->boolean && !kubernetes.kubeconfig.empty())
    loader.problem(value, "kubeconfig and in_cluster exclude each other");
}

template <class Kind>
void load(Loader& loader, const Value& value, SourceConfig& source) {
  Kind kind;
  loader.section(value, kName<Kind>, keys_of(loader, kind));
  check(loader, value, kind);
  source.kind = kind;
}

struct KindRow {
  std::string_view name;
  void (*load)(Loader&, const Value&, SourceConfig&);  // nullptr: designed, not in this version
};

constexpr KindRow kKinds[] = {{kName<FileSourceConfig>, load<FileSourceConfig>},
                              {kName<KubernetesSourceConfig>, load<KubernetesSourceConfig>},
                              {"xds", nullptr},
                              {"dns", nullptr}};

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

}  // namespace

void load_source(Loader& loader, const Value& value, std::vector<SourceConfig>& sources) {
  SourceConfig source;
  int kinds = 0;
  bool good = true;
  Keys keys = common_keys(loader, source);
  for (const KindRow& row : kKinds) {
    const auto take = [&](const Value& settings) {
      ++kinds;
      const std::size_t before = loader.problems();
      if (row.load)
        row.load(loader, settings, source);
      else
        loader.problem(settings, fmt::format("source kind {} is not in this version", row.name));
      good = good && loader.problems() == before;
    };
    keys.push_back({std::string(row.name), {take, nullptr}});
  }
  loader.section(value, "a source", keys);
  if (value.type != Value::Type::mapping) return;
  if (kinds != 1) {
    loader.problem(value, "a source needs exactly one kind: file, kubernetes");
  } else if (!good_name(source.name)) {
    loader.problem(value,
                   fmt::format("a source needs a name of a-z, 0-9 and '-', not '{}'", source.name));
  } else if (std::any_of(sources.begin(), sources.end(),
                         [&](const auto& one) { return one.name == source.name; })) {
    loader.problem(value, fmt::format("two sources are named '{}'", source.name));
  } else if (good) {
    sources.push_back(std::move(source));
  }
}

Value say_source(Loader& loader, SourceConfig source) {
  Keys keys = common_keys(loader, source);
  const auto add = [&]<class Kind>(Kind& kind) {
    const std::string name = kName<Kind>;
    keys.push_back({name, loader.section(name, keys_of(loader, kind))});
  };
  std::visit(add, source.kind);
  return Loader::say(keys);
}

}  // namespace holdfast
