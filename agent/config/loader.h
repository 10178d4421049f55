// SPDX-License-Identifier: Apache-2.0
// Strict reading of a configuration: a table of keys a section; everything that is wrong is a
// problem with its position. The same tables say what is in force. Private to agent/config.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/sources/value.h"

namespace holdfast {

Value string_value(const std::string& text);  // "": null, for no key takes it
Value integer_value(std::int64_t number);
Value boolean_value(bool truth);

class Loader {
 public:
  Loader(const std::string& file, ConfigResult& result) : file_(file), result_(result) {}

  using Take = std::function<void(const Value&)>;
  // What a key does: takes the value that the file has, and says the one that is in force.
  struct Field {
    Take take;
    std::function<Value()> say;
  };
  struct Key {
    std::string name;
    Field field;
  };
  using Keys = std::vector<Key>;

  void section(const Value& value, const std::string& where, const Keys& keys);
  // Every key with its value, as a file would have it.
  static Value say(const Keys& keys);

  // `check` sees the section when its keys have been taken.
  Field section(const std::string& where, const Keys& keys, const Take& check = nullptr);
  Field text(std::string& into);
  Field path(std::string& into, bool or_auto = false);
  Field boolean(bool& into);
  // What follows from other keys (`in_force`), and may be said all the same.
  Field implied(bool& into, std::function<bool()> in_force);
  Field urls(std::vector<std::string>& into);  // https://HOST:PORT; in order

  template <class T>
  Field number(T& into, std::int64_t least, std::int64_t most, bool or_auto = false) {
    const auto take = [this, &into, least, most, or_auto](const Value& value) {
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
    return {take, [&into, or_auto] {
              return or_auto && into == T{} ? string_value("auto") : integer_value(into);
            }};
  }

  template <class Duration>  // of the unit that the key names
  Field duration(Duration& into, std::int64_t least, std::int64_t most) {
    const auto take = [this, &into, least, most](const Value& value) {
      std::int64_t count = into.count();
      number(count, least, most).take(value);
      into = Duration(count);
    };
    return {take, [&into] { return integer_value(into.count()); }};
  }

  void problem(const Value& at, std::string message) {
    result_.problems.push_back({file_, at.line, at.column, "", std::move(message)});
  }
  std::size_t problems() const { return result_.problems.size(); }

 private:
  // "did you mean", or what there is.
  static std::string hint(const std::string& name, const Keys& keys);

  const std::string& file_;
  ConfigResult& result_;
};

// One item of `sources`; what is wrong with it is a problem, and leaves it out.
void load_source(Loader& loader, const Value& value, std::vector<SourceConfig>& sources);
// The item that would make it.
Value say_source(Loader& loader, SourceConfig source);

}  // namespace holdfast
