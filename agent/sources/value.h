// SPDX-License-Identifier: Apache-2.0
// A parsed YAML or JSON document with positions: what the strict loaders read.
// Bounded: depth 64, nodes and aliases limited, so that no input can exhaust memory or the stack.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/model/update.h"

namespace holdfast {

struct Member;

struct Value {
  enum class Type { null, boolean, integer, number, string, sequence, mapping };

  Type type = Type::null;
  int line = 0;    // from 1
  int column = 0;  // from 1
  bool boolean = false;
  std::int64_t integer = 0;
  std::string text;  // the scalar as written (unquoted), for every scalar type
  std::vector<Value> items;
  std::vector<Member> members;  // in order

  const Value* find(std::string_view key) const;  // nullptr: absent, or not a mapping
  bool is_null() const { return type == Type::null; }
};

struct Member {
  Value key;  // a string
  Value value;
};

std::string_view to_string(Value::Type type);

struct ParseLimits {
  std::size_t bytes = 256u << 20;
  std::size_t nodes = 40'000'000;
  int depth = 64;
};

// Every document of the text, or the first problem: bad syntax, a duplicate key, an undefined or
// over-used alias, too deep, not UTF-8. JSON is read as JSON when the text starts with '{' or '[',
// also when several values stand back to back, as kubectl reads them. YAML 1.2 core types: only
// true/false are booleans, `010` is a string.
struct ParseOutcome {
  std::vector<Value> documents;  // empty documents are left out
  std::optional<Problem> problem;
};
ParseOutcome parse_documents(std::string_view text, const std::string& file,
                             const ParseLimits& limits = {});
// The problem that parse_documents() would find, without the memory that the documents take.
std::optional<Problem> check_text(std::string_view text, const std::string& file,
                                  const ParseLimits& limits = {});

}  // namespace holdfast
