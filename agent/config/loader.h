// SPDX-License-Identifier: Apache-2.0
// Strict reading of a configuration: a table of keys a section; everything that is wrong is a
// problem with its position. Private to agent/config.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/sources/value.h"

namespace holdfast {

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

  template <class Duration>  // of the unit that the key names
  Take duration(Duration& into, std::int64_t least, std::int64_t most) {
    return [this, &into, least, most](const Value& value) {
      std::int64_t count = into.count();
      number(count, least, most)(value);
      into = Duration(count);
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
  // "did you mean", or what there is.
  static std::string hint(const std::string& name, const std::vector<Key>& keys);

  const std::string& file_;
  ConfigResult& result_;
};

// One item of `sources`; what is wrong with it is a problem, and leaves it out.
void load_source(Loader& loader, const Value& value, std::vector<SourceConfig>& sources);

}  // namespace holdfast
