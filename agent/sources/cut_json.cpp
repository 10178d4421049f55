// SPDX-License-Identifier: Apache-2.0
// JSON by its brackets and strings. What is not well formed is cut somewhere, and does not parse;
// the parser says what is wrong with the whole.
#include "agent/sources/cutters.h"

namespace holdfast {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

class Cutter {
 public:
  explicit Cutter(std::string_view text) : text_(text) {}

  std::vector<CutDocument> cut() {
    std::vector<CutDocument> result;
    for (skip_space(); at_ < text_.size(); skip_space()) {
      CutDocument document;
      if (text_[at_] != '{' && text_[at_] != '[') {  // alone it would be read as YAML
        document.whole = {text_, 1, 1};
        return {document};
      }
      const Mark begin = mark();
      if (!object(document)) {
        document.items.clear();
        document.frame.clear();
      }
      document.whole = piece(begin, at_);
      result.push_back(std::move(document));
    }
    return result;
  }

 private:
  struct Mark {
    std::size_t at;
    int line, column;
  };

  // Lines are counted once over the whole text, up to where a piece begins.
  Mark mark() {
    while (counted_ < at_) {
      const std::size_t end = text_.substr(counted_, at_ - counted_).find('\n');
      if (end == std::string_view::npos) {
        counted_ = at_;
      } else {
        line_begin_ = counted_ += end + 1;
        ++line_;
      }
    }
    return {at_, line_, static_cast<int>(at_ - line_begin_) + 1};
  }
  Piece piece(const Mark& from, std::size_t end) const {
    return {text_.substr(from.at, end - from.at), from.line, from.column};
  }

  void skip_space() { at_ = std::min(text_.find_first_not_of(kSpace, at_), text_.size()); }
  bool take(char letter) {
    if (at_ >= text_.size() || text_[at_] != letter) return false;
    ++at_;
    return true;
  }

  // From a quote to behind the one that ends it; the text between.
  std::string_view string() {
    const std::size_t begin = ++at_;
    while ((at_ = text_.find_first_of("\"\\", at_)) != std::string_view::npos) {
      if (text_[at_] == '"') return text_.substr(begin, at_++ - begin);
      at_ += 2;
      if (at_ > text_.size()) break;
    }
    at_ = text_.size();
    return text_.substr(std::min(begin, at_));
  }

  // To behind the bracket that closes the one here, or to the end.
  void value() {
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char letter = text_[at_];
      if (letter == '"') {
        string();
        if (depth == 0) return;
        continue;
      }
      ++at_;
      if (letter == '{' || letter == '[') ++depth;
      if ((letter == '}' || letter == ']') && (depth == 0 || --depth == 0)) return;
    }
  }

  // A value of the text. True: an object with a list `items` of objects, cut. False: the end of the
  // value all the same.
  bool object(CutDocument& document) {
    const std::size_t begin = at_;
    bool cut = false;
    if (take('{')) {
      for (skip_space(); at_ < text_.size() && text_[at_] == '"'; skip_space()) {
        const std::string_view key = string();
        skip_space();
        if (!take(':')) return to_end(begin);
        skip_space();
        if (key == "items" && at_ < text_.size() && text_[at_] == '[') {
          if (cut || !items(document, begin)) return to_end(begin);
          cut = true;
        } else {
          member();
        }
        skip_space();
        if (!take(',')) break;
      }
      if (cut && take('}')) {
        document.frame += text_.substr(frame_, at_ - frame_);
        return true;
      }
    }
    return to_end(begin);
  }
  bool to_end(std::size_t begin) {
    at_ = begin;
    value();
    return false;
  }

  void member() {
    if (at_ >= text_.size()) return;
    const char first = text_[at_];
    if (first == '{' || first == '[' || first == '"') return value();
    at_ = std::min(text_.find_first_of(",}", at_), text_.size());
  }

  bool items(CutDocument& document, std::size_t begin) {
    take('[');
    document.frame = text_.substr(begin, at_ - begin);
    for (skip_space(); at_ < text_.size() && text_[at_] == '{'; skip_space()) {
      const Mark from = mark();
      value();
      document.items.push_back(piece(from, at_));
      skip_space();
      if (at_ < text_.size() && text_[at_] == ']') break;
      if (!take(',')) return false;
      skip_space();
      if (at_ >= text_.size() || text_[at_] != '{') return false;
    }
    frame_ = at_;
    return take(']');
  }

  std::string_view text_;
  std::size_t at_ = 0, counted_ = 0, line_begin_ = 0, frame_ = 0;
  int line_ = 1;
};

}  // namespace

std::vector<CutDocument> cut_json(std::string_view text) {
  return Cutter(text).cut();
}

}  // namespace holdfast
