// SPDX-License-Identifier: Apache-2.0
// The strict loader: a table of keys per section.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "agent/config/config.h"
#include "agent/sources/value.h"

namespace holdfast {
namespace {

// Distance by single edits, for "did you mean".
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t column = 0; column <= b.size(); ++column) row[column] = column;
  for (std::size_t line = 1; line <= a.size(); ++line) {
    std::size_t diagonal = row[0];
    row[0] = line;
    for (std::size_t column = 1; column <= b.size(); ++column) {
      const std::size_t change = diagonal + (a[line - 1] != b[column - 1]);
      diagonal = row[column];
      row[column] = std::min({row[column] + 1, row[column - 1] + 1, change});
    }
  }
  return row[b.size()];
}

class Loader {
 public:
  Loader(const std::string& file, ConfigResult& result) : file_(file), result_(result) {}

  using Take = std::function<void(const Value&)>;
  struct Key {
    std::string name;
    Take take;
  };

  void section(const Value& value, const std::string& where, const std::vector<Key>& keys) {
    if (value.is_null()) return;
    if (value.type != Value::Type::mapping) {
      problem(value, fmt::format("{} must be a mapping, not {}", where, to_string(value.type)));
      return;
    }
    for (const auto& [name, member] : value.members) {
      const auto key =
          std::find_if(keys.begin(), keys.end(),
                       [&, &text = name.text](const Key& one) { return one.name == text; });
      if (key != keys.end()) {
        key->take(member);
      } else {
        problem(name,
                fmt::format("unknown key '{}' in {}{}", name.text, where, hint(name.text, keys)));
      }
    }
  }

  Take text(std::string& into) {
    return [this, &into](const Value& value) {
      if (value.type != Value::Type::string || value.text.empty()) {
        problem(value, fmt::format("expected a string, not '{}'", value.text));
      } else {
        into = value.text;
      }
    };
  }
  Take path(std::string& into, bool or_auto = false) {
    return [this, &into, or_auto](const Value& value) {
      if (value.type != Value::Type::string || value.text.empty()) {
        problem(value, fmt::format("expected a string, not '{}'", value.text));
      } else if (value.text[0] != '/' && !(or_auto && value.text == "auto")) {
        problem(value, fmt::format("expected an absolute path{}, not '{}'",
                                   or_auto ? " or auto" : "", value.text));
      } else {
        into = value.text;
      }
    };
  }

  template <class T>
  Take number(T& into, std::int64_t least, std::int64_t most, bool or_auto = false) {
    return [this, &into, least, most, or_auto](const Value& value) {
      if (or_auto && value.text == "auto") {
        into = T{};
      } else if (value.type != Value::Type::integer || value.integer < least ||
                 value.integer > most) {
        problem(value, fmt::format("expected an integer from {} to {}{}, not '{}'", least, most,
                                   or_auto ? " or auto" : "", value.text));
      } else {
        into = T(value.integer);
      }
    };
  }

  Take boolean(bool& into) {
    return [this, &into](const Value& value) {
      if (value.type == Value::Type::boolean)
        into = value.boolean;
      else
        problem(value, fmt::format("expected true or false, not '{}'", value.text));
    };
  }

  void problem(const Value& at, std::string message) {
    result_.problems.push_back({file_, at.line, at.column, "", std::move(message)});
  }

 private:
  static std::string hint(const std::string& name, const std::vector<Key>& keys) {
    std::string nearest;
    std::size_t best = 3;
    std::string all;
    for (const Key& key : keys) {
      all += (all.empty() ? "" : ", ") + key.name;
      if (const std::size_t far = distance(name, key.name); far < best) {
        best = far;
        nearest = key.name;
      }
    }
    return nearest.empty() ? "; expected one of: " + all : "; did you mean '" + nearest + "'?";
  }

  const std::string& file_;
  ConfigResult& result_;
};

// A kind of source: one row here, one in agent/app/sources.cpp.
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

constexpr KindRow kKinds[] = {
    {"file", load_file}, {"kubernetes", nullptr}, {"xds", nullptr}, {"dns", nullptr}};

bool good_name(const std::string& name) {
  return !name.empty() && name.size() <= 63 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

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
    loader.problem(value, "a source needs exactly one kind: file");
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

void check_listen(Loader& loader, const Value& value, std::string& into) {
  const std::string& text = value.text;
  const auto colon = text.rfind(':');
  std::string host = colon == std::string::npos ? "" : text.substr(0, colon);
  // IPv6 in brackets and only so: "::1:9464" is an address itself.
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  const bool good_host = IpAddress::parse(host) && brackets == (host.find(':') != host.npos);
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string::npos;
  if (text == "none") {
    into.clear();
  } else if (digits && std::stoi(port) <= 65535 && good_host) {
    into = text;
  } else {
    loader.problem(value, fmt::format("expected ADDRESS:PORT or none, not '{}'", text));
  }
}

void load_all(Loader& loader, const Value& root, Config& config) {
  std::int64_t window = config.guard.accident_window.count();
  std::int64_t settle = config.guard.last_ready_settle.count();
  loader.section(
      root, "the configuration",
      {{"node",
        [&](const Value& v) {
          loader.section(
              v, "node",
              {{"name", loader.text(config.node_name)}, {"zone", loader.text(config.node_zone)}});
        }},
       {"dataplane",
        [&](const Value& v) {
          loader.section(
              v, "dataplane",
              {{"cgroup", loader.path(config.cgroup, true)},
               {"bpffs", loader.path(config.bpffs)},
               {"capacity", [&](const Value& c) {
                  loader.section(
                      c, "dataplane.capacity",
                      {{"services", loader.number(config.capacity_services, 1, 1 << 20, true)},
                       {"endpoints", loader.number(config.capacity_endpoints, 1, 1 << 22, true)}});
                }}});
        }},
       {"state_dir", loader.path(config.state_dir)},
       {"admin",
        [&](const Value& v) {
          loader.section(
              v, "admin",
              {{"socket", loader.path(config.admin_socket)},
               {"listen", [&](const Value& l) { check_listen(loader, l, config.admin_listen); }}});
        }},
       {"guard",
        [&](const Value& v) {
          loader.section(
              v, "guard",
              {{"enabled", loader.boolean(config.guard.enabled)},
               {"accident_window_seconds", loader.number(window, 1, 3600)},
               {"accident_services", loader.number(config.guard.accident_services, 1, 1 << 20)},
               {"accident_nodes", loader.number(config.guard.accident_nodes, 1, 1 << 20)},
               {"last_ready_settle_ms", loader.number(settle, 0, 60000)}});
        }},
       {"sources", [&](const Value& v) {
          if (v.type != Value::Type::sequence) {
            loader.problem(v, "sources must be a list");
            return;
          }
          for (const Value& item : v.items) load_source(loader, item, config.sources);
        }}});
  config.guard.accident_window = std::chrono::seconds(window);
  config.guard.last_ready_settle = std::chrono::milliseconds(settle);
}

}  // namespace

ConfigResult parse_config(const std::string& text, const std::string& file) {
  ConfigResult result;
  ParseLimits limits;
  limits.bytes = 1 << 20;
  const ParseOutcome parsed = parse_documents(text, file, limits);
  if (parsed.problem) result.problems.push_back(*parsed.problem);
  Loader loader(file, result);
  if (parsed.documents.size() > 1)
    loader.problem(parsed.documents[1], "a configuration is one document");
  if (!parsed.documents.empty()) load_all(loader, parsed.documents[0], result.config);
  // The embedded default needs no cluster.
  if (result.config.sources.empty() && result.problems.empty()) {
    result.config.sources.push_back({"file", false, FileSourceConfig{"/etc/holdfast/catalog.d"}});
  }
  return result;
}

}  // namespace holdfast
