// SPDX-License-Identifier: Apache-2.0
// JSON by Boost.JSON's events. Its handlers get no positions, but they are called in the order of
// the text, so the position of each token is found by a scan that walks beside the parser.
#include <boost/json/basic_parser_impl.hpp>

#include "agent/sources/builder.h"

namespace holdfast {
namespace {

namespace json = boost::json;

// Finds where the next token starts; lines and columns count from 1, columns in bytes.
class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  // Skips white space and the separators that no event tells of.
  void to_token() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n,:").find(text_[at_]) != std::string_view::npos)
      step();
  }
  void skip_string() {
    step();
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\') step();
      step();
    }
    step();
  }
  void skip_plain() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n,:]}").find(text_[at_]) == std::string_view::npos)
      step();
  }
  void step() {
    if (at_ >= text_.size()) return;
    column_ = text_[at_] == '\n' ? 1 : column_ + 1;
    line_ += text_[at_] == '\n';
    ++at_;
  }
  void to_offset(std::size_t offset) {
    while (at_ < std::min(offset, text_.size())) step();
  }
  int line() const { return line_; }
  int column() const { return column_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  int column_ = 1;
};

struct Handler {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  Handler(std::string_view text, const ParseLimits& limits, bool dry)
      : scan(text), builder(limits, dry) {}

  Scan scan;
  Builder builder;
  std::string part;

  bool open(Value::Type type) {
    scan.to_token();
    builder.open(type, scan.line(), scan.column());
    scan.step();
    return true;
  }
  bool close() {
    scan.to_token();
    scan.step();
    builder.close();
    return true;
  }
  bool quoted(json::string_view last) {
    scan.to_token();
    Value value;
    value.type = Value::Type::string;
    value.line = scan.line();
    value.column = scan.column();
    value.text = std::move(part);
    value.text.append(last.data(), last.size());
    part.clear();
    scan.skip_string();
    builder.scalar(std::move(value));
    return true;
  }
  bool more(json::string_view piece) {
    part.append(piece.data(), piece.size());
    return true;
  }
  bool plain(std::string text) {
    scan.to_token();
    Value value = plain_scalar(std::move(text), scan.line(), scan.column());
    scan.skip_plain();
    builder.scalar(std::move(value));
    return true;
  }
  bool number(json::string_view last) {
    std::string text = std::move(part);
    part.clear();
    return plain(text.append(last.data(), last.size()));
  }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return open(Value::Type::mapping); }
  bool on_object_end(std::size_t, json::error_code&) { return close(); }
  bool on_array_begin(json::error_code&) { return open(Value::Type::sequence); }
  bool on_array_end(std::size_t, json::error_code&) { return close(); }
  bool on_key_part(json::string_view piece, std::size_t, json::error_code&) { return more(piece); }
  bool on_key(json::string_view last, std::size_t, json::error_code&) { return quoted(last); }
  bool on_string_part(json::string_view piece, std::size_t, json::error_code&) {
    return more(piece);
  }
  bool on_string(json::string_view last, std::size_t, json::error_code&) { return quoted(last); }
  bool on_number_part(json::string_view piece, json::error_code&) { return more(piece); }
  bool on_int64(std::int64_t, json::string_view last, json::error_code&) { return number(last); }
  bool on_uint64(std::uint64_t, json::string_view last, json::error_code&) { return number(last); }
  bool on_double(double, json::string_view last, json::error_code&) { return number(last); }
  bool on_bool(bool value, json::error_code&) { return plain(value ? "true" : "false"); }
  bool on_null(json::error_code&) { return plain("null"); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
};

}  // namespace

// Several values may stand back to back (`jq -c`, two lists in one file): kubectl reads them so.
std::vector<Value> parse_json(std::string_view text, const ParseLimits& limits, bool dry) {
  json::parse_options options;
  options.max_depth =
      static_cast<std::size_t>(limits.depth) + 1;  // the builder's own limit speaks first
  json::basic_parser<Handler> parser(options, text, limits, dry);
  std::vector<Value> documents;
  std::size_t at = 0;
  while (at != std::string_view::npos && at < text.size()) {
    json::error_code error;
    parser.reset();
    at += parser.write_some(false, text.data() + at, text.size() - at, error);
    if (error) {
      Scan scan(text);
      scan.to_offset(at);
      throw ParseStop(scan.line(), scan.column(), "JSON: " + error.message());
    }
    documents.push_back(parser.handler().builder.take());
    at = text.find_first_not_of(" \t\r\n", at);
  }
  return documents;
}

}  // namespace holdfast
