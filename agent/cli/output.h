// SPDX-License-Identifier: Apache-2.0
// One JSON value in, any format out. Data goes to stdout only through here.
#pragma once

#include <boost/json/value.hpp>
#include <iosfwd>
#include <string>
#include <vector>

namespace holdfast::cli {

enum class Format { table, wide, json, yaml, name };

// A column of a table: its heading and the key in each row. `wide`: only with -o wide.
struct Column {
  std::string heading;
  std::string key;
  bool wide = false;
};

struct Rendering {
  Format format = Format::table;
  bool headers = true;
};

// `rows` is an array of objects. `name_keys` are joined by "/" for -o name.
void print_rows(std::ostream& out, const Rendering& how, const boost::json::array& rows,
                const std::vector<Column>& columns, const std::vector<std::string>& name_keys);
// -o json and -o yaml show the value itself; false: the format asks for something for people.
bool print_document(std::ostream& out, const Rendering& how, const boost::json::value& value);
void print_json(std::ostream& out, const boost::json::value& value);  // two spaces, a line a value
void print_yaml(std::ostream& out, const boost::json::value& value);
std::string cell(const boost::json::value& value);  // what a table shows: printable

}  // namespace holdfast::cli
