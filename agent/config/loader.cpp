// SPDX-License-Identifier: Apache-2.0
#include "agent/config/loader.h"

#include <algorithm>
#include <utility>

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

Value scalar(Value::Type type, std::string text) {
  Value value;
  value.type = type;
  value.text = std::move(text);
  return value;
}

bool looks_like_server(const std::string& url) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (url.starts_with(scheme) && url.size() > scheme.size()) return true;
  }
  return false;
}

}  // namespace

Value string_value(const std::string& text) {
  return text.empty() ? Value{} : scalar(Value::Type::string, text);
}

Value integer_value(std::int64_t number) {
  Value value = scalar(Value::Type::integer, std::to_string(number));
  value.integer = number;
  return value;
}

Value boolean_value(bool truth) {
  Value value = scalar(Value::Type::boolean, truth ? "true" : "false");
  value.boolean = truth;
  return value;
}

void Loader::section(const Value& value, const std::string& where, const Keys& keys) {
  if (value.is_null()) return;
  if (value.type != Value::Type::mapping) {
    problem(value, fmt::format("{} must be a mapping, not {}", where, to_string(value.type)));
    return;
  }
  for (const auto& [name, member] : value.members) {
    const auto key = std::find_if(keys.begin(), keys.end(), [&, &text = name.text](const Key& one) {
      return one.name == text;
    });
    if (key != keys.end()) {
      key->field.take(member);
    } else {
      problem(name,
              fmt::format("unknown key '{}' in {}{}", name.text, where, hint(name.text, keys)));
    }
  }
}

Value Loader::say(const Keys& keys) {
  Value mapping;
  mapping.type = Value::Type::mapping;
  for (const Key& key : keys) mapping.members.push_back({string_value(key.name), key.field.say()});
  return mapping;
}

Loader::Field Loader::section(const std::string& where, const Keys& keys, const Take& check) {
  const auto take = [this, where, keys, check](const Value& value) {
    section(value, where, keys);
    if (check) check(value);
  };
  return {take, [keys] { return say(keys); }};
}

Loader::Field Loader::text(std::string& into) {
  const auto take = [this, &into](const Value& value) {
    if (value.type != Value::Type::string || value.text.empty()) {
      problem(value, fmt::format("expected a string, not '{}'", value.text));
    } else {
      into = value.text;
    }
  };
  return {take, [&into] { return string_value(into); }};
}

Loader::Field Loader::path(std::string& into, bool or_auto) {
  const auto take = [this, &into, or_auto](const Value& value) {
    if (value.type != Value::Type::string || value.text.empty()) {
      problem(value, fmt::format("expected a string, not '{}'", value.text));
    } else if (value.text[0] != '/' && !(or_auto && value.text == "auto")) {
      problem(value, fmt::format("expected an absolute path{}, not '{}'", or_auto ? " or auto" : "",
                                 value.text));
    } else {
      into = value.text;
    }
  };
  return {take, [&into] { return string_value(into); }};
}

Loader::Field Loader::boolean(bool& into) {
  const auto take = [this, &into](const Value& value) {
    if (value.type == Value::Type::boolean)
      into = value.boolean;
    else
      problem(value, fmt::format("expected true or false, not '{}'", value.text));
  };
  return {take, [&into] { return boolean_value(into); }};
}

Loader::Field Loader::implied(bool& into, std::function<bool()> in_force) {
  return {boolean(into).take,
          [in_force = std::move(in_force)] { return boolean_value(in_force()); }};
}

Loader::Field Loader::urls(std::vector<std::string>& into) {
  const auto take = [this, &into](const Value& list) {
    if (list.type != Value::Type::sequence || list.items.empty()) {
      problem(list, "expected a list of URLs");
      return;
    }
    for (const Value& item : list.items) {
      if (item.type == Value::Type::string && looks_like_server(item.text))
        into.push_back(item.text);
      else
        problem(item, fmt::format("expected https://HOST:PORT, not '{}'", item.text));
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

std::string Loader::hint(const std::string& name, const Keys& keys) {
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

}  // namespace holdfast
