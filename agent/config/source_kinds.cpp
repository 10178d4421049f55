// SPDX-License-Identifier: Apache-2.0
// The kinds of sources: one row here, one in agent/app/sources.cpp.
#include <fmt/format.h>

#include <algorithm>

#include "agent/config/loader.h"

namespace holdfast {
namespace {

struct KindRow {
  std::string_view name;
  bool (*load)(Loader&, const Value&, SourceConfig&);  // nullptr: designed, not in this version
};

bool load_file(Loader& loader, const Value& value, SourceConfig& source) {
  FileSourceConfig file;
  loader.section(value, "file", {{"path", loader.path(file.path)}});
  if (file.path.empty() && value.find("path")) return false;  // told already
  if (file.path.empty()) {
    loader.problem(value, "file.path is missing: a file, or a directory of *.yaml and *.json");
    return false;
  }
  source.kind = file;
  return true;
}

bool looks_like_server(const std::string& url) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (url.starts_with(scheme) && url.size() > scheme.size()) return true;
  }
  return false;
}

bool load_kubernetes(Loader& loader, const Value& value, SourceConfig& source) {
  KubernetesSourceConfig kubernetes;
  bool in_cluster = false, good = true;
  std::int64_t silence = kubernetes.silence.count(), compare = kubernetes.compare_interval.count();
  const auto servers = [&](const Value& list) {
    if (list.type != Value::Type::sequence || list.items.empty()) {
      loader.problem(list, "servers must be a list of URLs");
      good = false;
      return;
    }
    for (const Value& item : list.items) {
      if (item.type == Value::Type::string && looks_like_server(item.text)) {
        kubernetes.servers.push_back(item.text);
      } else {
        loader.problem(item, fmt::format("expected https://HOST:PORT, not '{}'", item.text));
        good = false;
      }
    }
  };
  loader.section(value, "kubernetes",
                 {{"kubeconfig", loader.path(kubernetes.kubeconfig)},
                  {"in_cluster", loader.boolean(in_cluster)},
                  {"servers", servers},
                  {"silence_seconds", loader.number(silence, 5, 3600)},
                  {"compare_seconds", loader.number(compare, 5, 86400)}});
  if (in_cluster && !kubernetes.kubeconfig.empty()) {
    loader.problem(value, "kubeconfig and in_cluster exclude each other");
    return false;
  }
  kubernetes.silence = std::chrono::seconds(silence);
  kubernetes.compare_interval = std::chrono::seconds(compare);
  source.kind = kubernetes;
  return good;
}

constexpr KindRow kKinds[] = {
    {"file", load_file}, {"kubernetes", load_kubernetes}, {"xds", nullptr}, {"dns", nullptr}};

bool good_name(const std::string& name) {
  return !name.empty() && name.size() <= 63 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

}  // namespace

void load_source(Loader& loader, const Value& value, std::vector<SourceConfig>& sources) {
  SourceConfig source;
  int kinds = 0;
  bool good = true;
  std::vector<Loader::Key> keys = {{"name", loader.text(source.name)},
                                   {"role", [&](const Value& role) {
                                      if (role.text == "fallback")
                                        source.fallback = true;
                                      else
                                        loader.problem(role, "role must be fallback, or left out");
                                    }}};
  for (const KindRow& row : kKinds) {
    keys.push_back({std::string(row.name), [&](const Value& settings) {
                      ++kinds;
                      if (row.load) {
                        good = row.load(loader, settings, source) && good;
                      } else {
                        good = false;
                        loader.problem(
                            settings,
                            fmt::format("source kind {} is not in this version", row.name));
                      }
                    }});
  }
  loader.section(value, "a source", keys);
  if (value.type != Value::Type::mapping || !good) return;
  if (kinds != 1) {
    loader.problem(value, "a source needs exactly one kind: file, kubernetes");
  } else if (!good_name(source.name)) {
    loader.problem(value,
                   fmt::format("a source needs a name of a-z, 0-9 and '-', not '{}'", source.name));
  } else if (std::any_of(sources.begin(), sources.end(),
                         [&](const auto& one) { return one.name == source.name; })) {
    loader.problem(value, fmt::format("two sources are named '{}'", source.name));
  } else {
    sources.push_back(std::move(source));
  }
}

}  // namespace holdfast
