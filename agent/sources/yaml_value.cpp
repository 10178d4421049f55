// SPDX-License-Identifier: Apache-2.0
// YAML by yaml-cpp's events: its tree loader accepts duplicate keys and shares aliases unbounded.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

#include "agent/sources/builder.h"

namespace holdfast {
namespace {

class Events : public YAML::EventHandler {
 public:
  Events(const ParseLimits& limits, bool dry) : limits_(limits), builder_(limits, dry) {}

  std::vector<Value> documents;

  void OnDocumentStart(const YAML::Mark& mark) override {
    // At what it cannot read between two documents (`"a","b": 1`) yaml-cpp begins one document
    // after the other for ever.
    if (started_ && mark.pos == started_->pos) {
      throw ParseStop(line(mark), column(mark), "neither a value nor the end of the document");
    }
    started_ = mark;
    anchors_.clear();
    recordings_.clear();
  }
  void OnDocumentEnd() override { documents.push_back(builder_.take()); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    scalar(plain_scalar("", line(mark), column(mark)), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    Value value;
    if (tag == "?") {  // plain
      // YAML 1.2 has no merge; taking it for a common key would lose what it merges without a word.
      if (text == "<<" && builder_.expects_key()) {
        throw ParseStop(line(mark), column(mark), "merge keys ('<<') are not read; write them out");
      }
      value = plain_scalar(text, line(mark), column(mark));
    } else {
      value.type = Value::Type::string;
      value.text = text;
      value.line = line(mark);
      value.column = column(mark);
    }
    scalar(std::move(value), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) {
      throw ParseStop(line(mark), column(mark), "an alias inside its own anchor, or of none");
    }
    const std::size_t nodes = count_nodes(known->second);
    if (expanded_ += nodes; expanded_ > kMostExpanded) {
      throw ParseStop(line(mark), column(mark),
                      "aliases expand to more than " + std::to_string(kMostExpanded) + " values");
    }
    replay(Value(known->second));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Value::Type::sequence, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Value::Type::mapping, mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  static constexpr std::size_t kMostExpanded = 100'000;

  static int line(const YAML::Mark& mark) { return mark.line + 1; }
  static int column(const YAML::Mark& mark) { return mark.column + 1; }

  // Anchored nodes are built a second time, beside the document, to be there for their aliases.
  struct Recording {
    YAML::anchor_t anchor;
    Builder builder;
    int depth = 0;
  };

  void scalar(Value value, YAML::anchor_t anchor) {
    if (anchor) anchors_[anchor] = value;
    for (Recording& one : recordings_) one.builder.scalar(value);
    builder_.scalar(std::move(value));
  }
  void open(Value::Type type, const YAML::Mark& mark, YAML::anchor_t anchor) {
    builder_.open(type, line(mark), column(mark));
    if (anchor) recordings_.push_back({anchor, Builder(limits_), 0});
    for (Recording& one : recordings_) {
      one.builder.open(type, line(mark), column(mark));
      ++one.depth;
    }
  }
  void close() {
    builder_.close();
    for (Recording& one : recordings_) {
      one.builder.close();
      if (--one.depth == 0) anchors_[one.anchor] = one.builder.take();
    }
    while (!recordings_.empty() && recordings_.back().depth == 0) recordings_.pop_back();
  }
  void replay(Value value) {
    if (value.type != Value::Type::sequence && value.type != Value::Type::mapping) {
      scalar(std::move(value), 0);
      return;
    }
    YAML::Mark mark;
    mark.line = value.line - 1;
    mark.column = value.column - 1;
    open(value.type, mark, 0);
    for (Value& item : value.items) replay(std::move(item));
    for (auto& [key, member] : value.members) {
      scalar(std::move(key), 0);
      replay(std::move(member));
    }
    close();
  }

  const ParseLimits& limits_;
  Builder builder_;
  std::optional<YAML::Mark> started_;
  std::map<YAML::anchor_t, Value> anchors_;
  std::vector<Recording> recordings_;
  std::size_t expanded_ = 0;
};

struct Place {
  int line = 1;
  int column = 1;
};

// YAML forbids control characters; yaml-cpp lets them into names, and takes some for the end.
void refuse_control_characters(std::string_view text) {
  Place at;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) {
      throw ParseStop(at.line, at.column,
                      "control character " + std::to_string(byte) + "; the file may be damaged");
    }
    at = letter == '\n' ? Place{at.line + 1, 1} : Place{at.line, at.column + 1};
  }
}

// Files put one behind the other keep their marks of byte order: YAML 1.2 (9.1.1) allows one before
// each document, yaml-cpp knows the one at the start. Dropped in front of `---` and at the start of
// the line behind it.
std::string without_byte_order_marks(std::string_view text) {
  constexpr std::string_view kMark = "\n\xef\xbb\xbf", kBegin = "---";
  std::string result;
  std::size_t copied = 0;
  for (std::size_t at = text.find(kMark); at != std::string_view::npos;
       at = text.find(kMark, at + 1)) {
    const std::size_t line = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;  // npos + 1 is 0
    std::string_view before = text.substr(line, at - line);
    if (before.starts_with(kMark.substr(1))) before.remove_prefix(kMark.size() - 1);
    const std::string_view behind = text.substr(at + kMark.size());
    if (!before.starts_with(kBegin) && !behind.starts_with(kBegin)) continue;
    result += text.substr(copied, at + 1 - copied);
    copied = at + kMark.size();
  }
  return result += text.substr(copied);
}

}  // namespace

std::vector<Value> parse_yaml(std::string_view text, const ParseLimits& limits, bool dry) {
  refuse_control_characters(text);
  Events events(limits, dry);
  std::string whole = without_byte_order_marks(text);
  // yaml-cpp takes a quoted string that the end of the text cuts off for a complete one, so that a
  // lost quote would swallow all that follows. Inside a string it refuses a mark of document end.
  if (!whole.ends_with('\n')) whole += '\n';
  const auto lines = std::count(whole.begin(), whole.end(), '\n');
  whole += "...\n";
  try {
    std::istringstream stream(whole);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(events)) {
    }
  } catch (const YAML::Exception& error) {
    const bool past_end = error.mark.line >= lines;
    throw ParseStop(
        error.mark.line + 1, error.mark.column + 1,
        past_end ? "the text ends inside a string, list or mapping that is not closed" : error.msg);
  }
  return std::move(events.documents);
}

}  // namespace holdfast
