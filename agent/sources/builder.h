// SPDX-License-Identifier: Apache-2.0
// Builds a Value from events, within the limits, refusing duplicate keys. Private to agent/sources.
#pragma once

#include <stdexcept>
#include <string>
#include <unordered_set>
#include <vector>

#include "agent/sources/value.h"

namespace holdfast {

// Ends a parse; caught in parse_documents() and never leaves this folder.
struct ParseStop : std::runtime_error {
  ParseStop(int at_line, int at_column, const std::string& message)
      : std::runtime_error(message), line(at_line), column(at_column) {}
  int line;
  int column;
};

class Builder {
 public:
  // `dry`: checks everything and keeps nothing of what it has checked.
  explicit Builder(const ParseLimits& limits, bool dry = false) : limits_(limits), dry_(dry) {}

  void scalar(Value value);
  void open(Value::Type type, int line, int column);  // sequence or mapping
  void close();
  // Nodes in total, so that an alias costs what it expands to.
  void charge(std::size_t nodes, int line, int column);
  bool empty() const { return stack_.empty() && !done_; }
  bool expects_key() const;
  Value take();

 private:
  void add(Value value);

  struct Level {
    Value value;
    bool has_key = false;
    Value key;
    std::unordered_set<std::string> keys;
  };
  const ParseLimits& limits_;
  const bool dry_;
  std::vector<Level> stack_;
  Value result_;
  bool done_ = false;
  std::size_t nodes_ = 0;
};

// The YAML 1.2 core schema's type of a plain scalar; `text` is stored as written.
Value plain_scalar(std::string text, int line, int column);
std::size_t count_nodes(const Value& value);

// `dry`: the documents are empty shells.
std::vector<Value> parse_yaml(std::string_view text, const ParseLimits& limits, bool dry = false);
std::vector<Value> parse_json(std::string_view text, const ParseLimits& limits, bool dry = false);

}  // namespace holdfast
