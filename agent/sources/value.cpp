// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/value.h"

#include <charconv>

#include "agent/sources/builder.h"

namespace holdfast {

const Value* Value::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name.text == key) return &value;
  }
  return nullptr;
}

std::string_view to_string(Value::Type type) {
  switch (type) {
    case Value::Type::null:
      return "null";
    case Value::Type::boolean:
      return "a boolean";
    case Value::Type::integer:
      return "an integer";
    case Value::Type::number:
      return "a number";
    case Value::Type::string:
      return "a string";
    case Value::Type::sequence:
      return "a list";
    case Value::Type::mapping:
      return "a mapping";
  }
  return "unknown";
}

namespace {

bool is_integer(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  // A leading zero is octal to some readers and decimal to others: a string to us.
  if (text.empty() || (text[0] == '0' && text.size() > 1)) return false;
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_number(std::string_view text) {
  if (text.find_first_of("0123456789") == std::string_view::npos) return false;
  if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return false;
  double value = 0;
  if (text[0] == '+') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() &&
         !(text[0] == '0' && text.size() > 1 && text[1] != '.');
}

}  // namespace

Value plain_scalar(std::string text, int line, int column) {
  Value value;
  value.line = line;
  value.column = column;
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    value.type = Value::Type::null;
  } else if (text == "true" || text == "True" || text == "TRUE" || text == "false" ||
             text == "False" || text == "FALSE") {
    value.type = Value::Type::boolean;
    value.boolean = text[0] == 't' || text[0] == 'T';
  } else if (is_integer(text)) {
    const char* first = text.data() + (text[0] == '+');
    const auto [end, error] = std::from_chars(first, text.data() + text.size(), value.integer);
    value.type = error == std::errc() ? Value::Type::integer : Value::Type::number;
  } else {
    value.type = is_number(text) ? Value::Type::number : Value::Type::string;
  }
  value.text = std::move(text);
  return value;
}

std::size_t count_nodes(const Value& value) {
  std::size_t nodes = 1;
  for (const Value& item : value.items) nodes += count_nodes(item);
  for (const auto& [key, member] : value.members) nodes += 1 + count_nodes(member);
  return nodes;
}

bool Builder::expects_key() const {
  return !stack_.empty() && stack_.back().value.type == Value::Type::mapping &&
         !stack_.back().has_key;
}

void Builder::charge(std::size_t nodes, int line, int column) {
  nodes_ += nodes;
  if (nodes_ > limits_.nodes) {
    throw ParseStop(
        line, column,
        "too large: more than " + std::to_string(limits_.nodes) + " values, aliases expanded");
  }
}

void Builder::add(Value value) {
  if (stack_.empty()) {
    result_ = std::move(value);
    done_ = true;
    return;
  }
  Level& level = stack_.back();
  if (level.value.type == Value::Type::sequence) {
    if (!dry_) level.value.items.push_back(std::move(value));
  } else if (level.has_key) {
    if (!dry_) level.value.members.push_back({std::move(level.key), std::move(value)});
    level.has_key = false;
  } else {
    if (!value.items.empty() || !value.members.empty() || value.type == Value::Type::sequence ||
        value.type == Value::Type::mapping) {
      throw ParseStop(value.line, value.column, "a key must be a string");
    }
    if (!level.keys.insert(value.text).second) {
      throw ParseStop(value.line, value.column, "duplicate key '" + value.text + "'");
    }
    value.type = Value::Type::string;
    level.key = std::move(value);
    level.has_key = true;
  }
}

void Builder::scalar(Value value) {
  charge(1, value.line, value.column);
  add(std::move(value));
}

void Builder::open(Value::Type type, int line, int column) {
  charge(1, line, column);
  if (static_cast<int>(stack_.size()) >= limits_.depth) {
    throw ParseStop(line, column,
                    "nested deeper than " + std::to_string(limits_.depth) + " levels");
  }
  if (expects_key()) throw ParseStop(line, column, "a key must be a string");
  Level level;
  level.value.type = type;
  level.value.line = line;
  level.value.column = column;
  stack_.push_back(std::move(level));
}

void Builder::close() {
  Value value = std::move(stack_.back().value);
  stack_.pop_back();
  add(std::move(value));
}

Value Builder::take() {
  done_ = false;
  return std::exchange(result_, Value{});
}

namespace {

constexpr std::string_view kByteOrder = "\xef\xbb\xbf";  // UTF-8's mark of byte order

// What `kubectl get -o yaml > file` writes in PowerShell, say. "": nothing of the kind.
std::string other_encoding(std::string_view text) {
  const auto starts = [&](std::string_view with) { return text.starts_with(with); };
  using namespace std::string_view_literals;
  std::string found;
  if (starts("\xff\xfe\0\0"sv) || starts("\0\0\xfe\xff"sv)) {
    found = "UTF-32";
  } else if (starts("\xff\xfe") || starts("\xfe\xff")) {
    found = "UTF-16";
  }
  return found.empty() ? "" : "the file is " + found + "; only UTF-8 is read";
}

bool is_json(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

std::vector<Value> parse(std::string_view text, const ParseLimits& limits, bool dry) {
  if (text.size() > limits.bytes)
    throw ParseStop(0, 0, "longer than " + std::to_string(limits.bytes) + " bytes");
  if (const std::string why = other_encoding(text); !why.empty()) throw ParseStop(1, 1, why);
  if (text.starts_with(kByteOrder)) text.remove_prefix(kByteOrder.size());
  return is_json(text) ? parse_json(text, limits, dry) : parse_yaml(text, limits, dry);
}

}  // namespace

ParseOutcome parse_documents(std::string_view text, const std::string& file,
                             const ParseLimits& limits) {
  ParseOutcome outcome;
  try {
    for (Value& document : parse(text, limits, false)) {
      if (!document.is_null()) outcome.documents.push_back(std::move(document));
    }
  } catch (const ParseStop& stop) {
    outcome.documents.clear();
    outcome.problem = Problem{file, stop.line, stop.column, "", stop.what()};
  }
  return outcome;
}

std::optional<Problem> check_text(std::string_view text, const std::string& file,
                                  const ParseLimits& limits) {
  try {
    parse(text, limits, true);
    return std::nullopt;
  } catch (const ParseStop& stop) {
    return Problem{file, stop.line, stop.column, "", stop.what()};
  }
}

}  // namespace holdfast
