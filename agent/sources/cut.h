// SPDX-License-Identifier: Apache-2.0
// Cuts a text into pieces that can be parsed each alone: so a large catalog is read one object at a
// time, and what did not change is not read again. Looks at lines and brackets only; parses
// nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/sources/value.h"

namespace holdfast {

// A part of a text, and where its first byte stands there.
struct Piece {
  std::string_view text;
  int line = 1;
  int column = 1;
};

struct CutDocument {
  Piece whole;
  // If it looks like a mapping with a list `items`: itself without them, and each of them. The
  // frame says whether it is a List at all; its positions past `items` are not those of the text.
  std::string frame;
  std::vector<Piece> items;
};

// The documents of a text: YAML between its `---` lines, JSON values back to back. Where each piece
// parses, they say together what the whole text says; where one does not, the whole decides: a
// quotation may reach over what looked like a border.
std::vector<CutDocument> cut(std::string_view text);

// The documents of a piece, with the positions of the whole text.
ParseOutcome parse_piece(const Piece& piece, const std::string& file);
// The one value of an item; a problem also if it is not exactly one.
ParseOutcome parse_item(const Piece& item, const std::string& file);

}  // namespace holdfast
