// SPDX-License-Identifier: Apache-2.0
// YAML by its lines. A `---` in the first column always ends a document (YAML 1.2, 9.1.2: no scalar
// may hold one). Items are cut only where they are laid out as every writer of Lists does: `items:`
// alone on its line, a dash for each item, all in one column. Whatever reaches over such a border
// (a quotation, a bracket, an alias) leaves a piece that does not parse.
#include <optional>

#include "agent/sources/cutters.h"

namespace holdfast {
namespace {

class Lines {
 public:
  explicit Lines(std::string_view text, int line = 1) : text_(text), line_(line) {}

  // The next line, without its end; false: there is none.
  bool next() {
    if (end_ >= text_.size()) return false;
    begin_ = end_;
    const std::size_t end = text_.find('\n', begin_);
    end_ = end == std::string_view::npos ? text_.size() : end + 1;
    number_ = line_++;
    now_ = text_.substr(begin_, (end == std::string_view::npos ? end_ : end) - begin_);
    return true;
  }
  std::string_view now() const { return now_; }
  std::size_t begin() const { return begin_; }
  int number() const { return number_; }

  // Blank, or a comment.
  bool says_nothing() const {
    const std::size_t at = now_.find_first_not_of(" \t\r");
    return at == std::string_view::npos || now_[at] == '#';
  }
  // The spaces it begins with.
  std::size_t indent() const { return std::min(now_.find_first_not_of(' '), now_.size()); }

 private:
  std::string_view text_, now_;
  std::size_t begin_ = 0, end_ = 0;
  int line_, number_ = 0;
};

bool blank(std::string_view text) {
  return text.find_first_not_of(" \t\r") == std::string_view::npos;
}

bool begins_document(std::string_view line) {
  constexpr std::string_view kByteOrder = "\xef\xbb\xbf";
  if (line.starts_with(kByteOrder)) line.remove_prefix(kByteOrder.size());
  if (!line.starts_with("---")) return false;
  return line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r';
}

bool is_dash(std::string_view line, std::size_t indent) {
  if (indent >= line.size() || line[indent] != '-') return false;
  return indent + 1 == line.size() || line[indent + 1] == ' ' || line[indent + 1] == '\r';
}

// A document as a mapping with items, line by line.
class ListCutter {
 public:
  explicit ListCutter(CutDocument& document)
      : document_(document), lines_(document.whole.text, document.whole.line) {}

  void cut() {
    if (find_items() && take_items()) {
      close(at_end_ ? text().size() : lines_.begin());
      document_.frame = std::string(text().substr(0, head_)) + "items: []\n";
      if (!at_end_) document_.frame += text().substr(lines_.begin());
    } else {
      document_.items.clear();
    }
  }

 private:
  std::string_view text() const { return document_.whole.text; }

  // Ends of documents, directives and tabs for indentation are left to the parser.
  bool plain() const {
    const std::string_view line = lines_.now();
    const std::size_t indent = lines_.indent();
    return !line.starts_with("...") && !line.starts_with('%') &&
           (indent == line.size() || line[indent] != '\t');
  }

  bool find_items() {
    for (bool first = true; lines_.next(); first = false) {
      const std::string_view line = lines_.now();
      if (begins_document(line) && !(first && blank(line.substr(line.find("---") + 3))))
        return false;
      if (!begins_document(line) && !plain()) return false;
      if (!line.starts_with("items:") || !blank(line.substr(6))) continue;
      head_ = lines_.begin();
      while (lines_.next()) {
        if (lines_.says_nothing()) continue;
        column_ = lines_.indent();
        return is_dash(lines_.now(), column_);
      }
      return false;
    }
    return false;
  }

  // From the first item to the line behind the last.
  bool take_items() {
    open();
    while (lines_.next()) {
      if (lines_.says_nothing() || lines_.indent() > column_) continue;
      if (!plain()) return false;
      if (lines_.indent() == column_ && is_dash(lines_.now(), column_)) {
        close(lines_.begin());
        open();
      } else if (lines_.indent() == 0) {
        return rest_is_plain();
      } else {
        return false;
      }
    }
    at_end_ = true;
    return true;
  }

  bool rest_is_plain() const {
    Lines rest(text().substr(lines_.begin()));
    while (rest.next()) {
      if (rest.now().starts_with("...") || rest.now().starts_with('%')) return false;
    }
    return true;
  }

  void open() {
    begin_ = lines_.begin();
    document_.items.push_back({{}, lines_.number(), 1});
  }
  void close(std::size_t end) { document_.items.back().text = text().substr(begin_, end - begin_); }

  CutDocument& document_;
  Lines lines_;
  std::size_t head_ = 0, column_ = 0, begin_ = 0;
  bool at_end_ = false;
};

}  // namespace

std::vector<CutDocument> cut_yaml(std::string_view text) {
  std::vector<CutDocument> result;
  Lines lines(text);
  std::size_t begin = 0;
  int number = 1;
  const auto add = [&](std::size_t end) {
    if (end == begin) return;
    CutDocument document;
    document.whole = {text.substr(begin, end - begin), number, 1};
    ListCutter(document).cut();
    result.push_back(std::move(document));
  };
  while (lines.next()) {
    if (!begins_document(lines.now())) continue;
    add(lines.begin());
    begin = lines.begin();
    number = lines.number();
  }
  add(text.size());
  return result;
}

}  // namespace holdfast
