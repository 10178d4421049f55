// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/cut.h"

#include <algorithm>

#include "agent/sources/cutters.h"

namespace holdfast {
namespace {

void shift(Value& value, const Piece& by) {
  if (value.line == 1) value.column += by.column - 1;
  value.line += by.line - 1;
  for (Value& item : value.items) shift(item, by);
  for (auto& [key, member] : value.members) {
    shift(key, by);
    shift(member, by);
  }
}

// What yaml-cpp makes of a last line without a colon depends on what follows; so another item does.
std::string with_an_item_behind(std::string_view item) {
  std::string text(item);
  if (!text.ends_with('\n')) text += '\n';
  text.append(item.find('-'), ' ');
  return text += "- k: v\n";
}

}  // namespace

std::vector<CutDocument> cut(std::string_view text) {
  constexpr std::string_view kByteOrder = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrder)) text.remove_prefix(kByteOrder.size());
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool json = first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
  return json ? cut_json(text) : cut_yaml(text);
}

ParseOutcome parse_piece(const Piece& piece, const std::string& file) {
  ParseOutcome outcome = parse_documents(piece.text, file, {});
  for (Value& document : outcome.documents) shift(document, piece);
  return outcome;
}

ParseOutcome parse_item(const Piece& item, const std::string& file) {
  ParseLimits limits;
  const bool json = item.text.starts_with('{');
  limits.depth -= json ? 2 : 1;  // the List around it; an item of YAML is parsed with its dash
  const std::string yaml = json ? "" : with_an_item_behind(item.text);
  ParseOutcome outcome = parse_documents(json ? item.text : yaml, file, limits);
  if (outcome.problem) return outcome;
  if (outcome.documents.size() == 1 && !json) {
    std::vector<Value> items = std::move(outcome.documents.front().items);
    if (!items.empty()) items.pop_back();
    outcome.documents = std::move(items);
  }
  for (Value& document : outcome.documents) shift(document, item);
  if (outcome.documents.size() != 1)
    outcome.problem = Problem{file, item.line, item.column, "", "not one item of a list"};
  return outcome;
}

}  // namespace holdfast
