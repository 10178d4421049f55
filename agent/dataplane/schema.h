// SPDX-License-Identifier: Apache-2.0
// How the elements of a set of maps are laid out: written into each set as text, so that a build
// of another layout, older or newer, reads it by the names of its fields. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace holdfast {

struct Field {
  std::string name;
  std::uint32_t offset = 0;
  std::uint32_t size = 0;

  bool operator==(const Field&) const = default;
};

// One kind of element; `frontends_key` is the key of `frontends`. Elements of `slots`, `slot_info`
// and `strings` are those of the flat run that the array is: a slot, a cell.
struct ElementLayout {
  std::uint32_t size = 0;
  std::vector<Field> fields;  // what is reserved, and padding, has none

  const Field* find(std::string_view name) const;
  bool operator==(const ElementLayout&) const = default;
};

struct Schema {
  std::map<std::string, ElementLayout> elements;  // by name of the map
  std::vector<std::string> counters;              // names, in the order of their ids

  const ElementLayout& of(const std::string& map) const { return elements.at(map); }
  bool operator==(const Schema&) const = default;
};

const Schema& own_schema();  // of include/holdfast/abi/ as this program was built with
std::string to_text(const Schema& schema);
std::string own_text();  // of own_schema(), so that it is read by earlier versions too
// incompatible: cannot be read by this program, and why. What is returned has every field that
// own_schema() has, within its element and of the same size; a storage that came later may be
// missing as a whole.
Result<Schema> parse_schema(std::string_view text);

// Copies one element's fields into another's; what `from` has not stays as it is.
void patch(const ElementLayout& from, const char* source, const ElementLayout& to, char* target);
// Copies `count` elements; zeros where `from` has no such field.
void convert(const ElementLayout& from, const char* source, const ElementLayout& to, char* target,
             std::size_t count);

}  // namespace holdfast
