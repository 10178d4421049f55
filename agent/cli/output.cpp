// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/output.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <ostream>

#include "agent/base/text.h"

namespace holdfast::cli {

namespace json = boost::json;

namespace {

// Of a terminal's concern: the library leaves DEL, C1 and what turns text around as they are.
std::string scalar(const json::value& value) {
  return printable_json(json::serialize(value));
}

void pretty(std::ostream& out, const json::value& value, const std::string& indent) {
  if (value.is_object() && !value.get_object().empty()) {
    out << "{\n";
    std::size_t left = value.get_object().size();
    for (const auto& member : value.get_object()) {
      out << indent << "  " << scalar(json::value(member.key())) << ": ";
      pretty(out, member.value(), indent + "  ");
      out << (--left ? ",\n" : "\n");
    }
    out << indent << "}";
  } else if (value.is_array() && !value.get_array().empty()) {
    out << "[\n";
    std::size_t left = value.get_array().size();
    for (const json::value& item : value.get_array()) {
      out << indent << "  ";
      pretty(out, item, indent + "  ");
      out << (--left ? ",\n" : "\n");
    }
    out << indent << "]";
  } else {
    out << scalar(value);
  }
}

bool nested(const json::value& value) {
  return (value.is_object() && !value.get_object().empty()) ||
         (value.is_array() && !value.get_array().empty());
}

// Scalars are written as JSON writes them: JSON is YAML.
void block(std::ostream& out, const json::value& value, const std::string& indent, bool in_list) {
  if (!nested(value)) {
    out << scalar(value) << "\n";
    return;
  }
  bool first = in_list;
  if (value.is_object()) {
    for (const auto& member : value.get_object()) {
      out << (first ? "" : indent) << std::string_view(member.key().data(), member.key().size())
          << ":";
      first = false;
      out << (nested(member.value()) ? "\n" : " ");
      if (nested(member.value()))
        block(out, member.value(), indent + "  ", false);
      else
        block(out, member.value(), "", false);
    }
    return;
  }
  for (const json::value& item : value.get_array()) {
    out << (first ? "" : indent) << "- ";
    first = false;
    block(out, item, indent + "  ", true);
  }
}

// Columns of the screen: UTF-8 continuation bytes take none.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
  }));
}

}  // namespace

bool print_document(std::ostream& out, const Rendering& how, const json::value& value) {
  if (how.format == Format::json) print_json(out, value);
  if (how.format == Format::yaml) print_yaml(out, value);
  return how.format == Format::json || how.format == Format::yaml;
}

void print_json(std::ostream& out, const json::value& value) {
  pretty(out, value, "");
  out << "\n";
}

void print_yaml(std::ostream& out, const json::value& value) {
  block(out, value, "", false);
}

std::string cell(const json::value& value) {
  if (value.is_string()) {
    return value.get_string().empty() ? "-" : printable(value.get_string(), kCellLimit);
  }
  if (value.is_null()) return "-";
  if (value.is_array()) {
    std::string text;
    for (const json::value& item : value.get_array())
      text += (text.empty() ? "" : ",") + cell(item);
    return text.empty() ? "-" : text;
  }
  if (value.is_object()) {  // an address and a port
    const auto& members = value.get_object();
    if (!members.contains("address")) return scalar(value);
    const std::string host = cell(members.at("address"));
    const json::value* served = members.if_contains("served");
    const bool unserved = served && *served == false;
    return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" +
           cell(members.at("port")) +
           (unserved ? "/" + cell(members.at("protocol")) + "(not served)" : "");
  }
  return scalar(value);
}

void print_rows(std::ostream& out, const Rendering& how, const json::array& rows,
                const std::vector<Column>& columns, const std::vector<std::string>& name_keys) {
  if (print_document(out, how, rows)) return;
  const auto get = [](const json::value& row, const std::string& key) {
    const json::value* found = row.get_object().if_contains(key);
    return found ? cell(*found) : "-";
  };
  if (how.format == Format::name) {
    for (const json::value& row : rows) {
      std::string name;
      for (const std::string& key : name_keys) name += (name.empty() ? "" : "/") + get(row, key);
      out << name << "\n";
    }
    return;
  }
  std::vector<std::vector<std::string>> lines;
  std::vector<std::string> heading;
  for (const Column& column : columns) {
    if (!column.wide || how.format == Format::wide) heading.push_back(column.heading);
  }
  if (how.headers) lines.push_back(heading);
  for (const json::value& row : rows) {
    lines.emplace_back();
    for (const Column& column : columns) {
      if (!column.wide || how.format == Format::wide) lines.back().push_back(get(row, column.key));
    }
  }
  std::vector<std::size_t> widths(heading.size());
  for (const auto& line : lines) {
    for (std::size_t column = 0; column < line.size(); ++column) {
      widths[column] = std::max(widths[column], width(line[column]));
    }
  }
  for (const auto& line : lines) {
    for (std::size_t column = 0; column < line.size(); ++column) {
      out << line[column];
      if (column + 1 < line.size())
        out << std::string(widths[column] - width(line[column]) + 2, ' ');
    }
    out << "\n";
  }
}

}  // namespace holdfast::cli
