// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/file/file_text.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <unordered_map>
#include <utility>

#include "agent/sources/cut.h"
#include "agent/sources/kubernetes/amount.h"
#include "agent/sources/value.h"

namespace holdfast {
namespace {

// What a piece is read as, beside its bytes.
enum class Role : std::uint64_t { document = 1, item = 2 };

class TextReader {
 public:
  TextReader(std::string_view text, const std::string& path, const std::vector<Entry>& before,
             const std::stop_token& stop, Allowance* allowance)
      : text_(text), path_(path), before_(before), stop_(stop), allowance_(allowance) {
    known_.reserve(before.size());
    for (std::size_t index = before.size(); index-- > 0;) {
      if (before[index].hash) known_.emplace(before[index].hash, index);
    }
  }

  Reading read() {
    for (const CutDocument& document : cut(text_)) {
      if (!(document.items.empty() ? take(document.whole, Role::document, "") : list(document)))
        return whole();
      if (ended()) break;
    }
    if (allowance_ && !ended()) reading_.refused = !allowance_->may_end();
    return std::move(reading_);
  }

 private:
  bool ended() const { return reading_.stopped || reading_.refused; }

  // False: a piece does not parse.
  bool list(const CutDocument& document) {
    const ParseOutcome frame = parse_documents(document.frame, path_);
    if (frame.problem || frame.documents.size() != 1) return false;
    const Value* items = frame.documents[0].find("items");
    if (!items || items->type != Value::Type::sequence || !items->items.empty()) return false;
    const auto implied = kubernetes::kind_of_items(frame.documents[0]);
    if (!implied) return take(document.whole, Role::document, "");
    for (const Piece& item : document.items) {
      if (!take(item, Role::item, *implied)) return false;
      if (ended()) break;
    }
    return true;
  }

  bool take(const Piece& piece, Role role, const std::string& implied) {
    reading_.stopped = stop_.stop_requested();
    if (reading_.stopped) return true;
    std::uint64_t hash =
        XXH3_64bits_withSeed(implied.data(), implied.size(), static_cast<std::uint64_t>(role));
    hash = XXH3_64bits_withSeed(piece.text.data(), piece.text.size(), hash) | 1;
    Reading::Part part;
    if (const auto known = known_.find(hash); known != known_.end()) {
      part.from = known->second;
      known_.erase(known);
      if (allowance_)
        allowance_->taken_over(piece.text.size(),
                               kubernetes::amount_of(before_[*part.from].objects));
    } else {
      reading_.refused = allowance_ && !allowance_->may_parse(piece.text.size());
      if (reading_.refused) return true;
      const ParseOutcome parsed =
          role == Role::item ? parse_item(piece, path_) : parse_piece(piece, path_);
      if (parsed.problem) return false;
      part.entry = decoded(parsed.documents, implied);
      part.entry.hash = hash;
      if (allowance_)
        allowance_->parsed(piece.text.size(), kubernetes::amount_of(part.entry.objects));
    }
    part.entry.line = piece.line;
    part.entry.column = piece.column;
    reading_.parts.push_back(std::move(part));
    return true;
  }

  Entry decoded(const std::vector<Value>& documents, const std::string& implied) const {
    Entry entry;
    for (const Value& document : documents)
      kubernetes::decode(document, path_, entry.objects, entry.problems, implied);
    return entry;
  }

  // Cut in the wrong place, or a problem: what it is and where the whole text says. Only a text
  // without one is worth the memory of all its values.
  Reading whole() {
    reading_ = {};
    Reading reading;
    reading.problem = check_text(text_, path_);
    if (reading.problem) return reading;
    if (allowance_) {
      allowance_->once_more();
      reading.refused = !allowance_->may_parse(text_.size());
      if (reading.refused) return reading;
    }
    const ParseOutcome parsed = parse_documents(text_, path_);
    reading.problem = parsed.problem;
    for (const Value& document : parsed.documents) {
      Entry& entry = reading.parts.emplace_back().entry;
      entry = decoded({document}, "");
      if (allowance_)
        allowance_->parsed(text_.size() / parsed.documents.size(),
                           kubernetes::amount_of(entry.objects));
    }
    if (allowance_ && !reading.problem) reading.refused = !allowance_->may_end();
    return reading;
  }

  std::string_view text_;
  const std::string& path_;
  const std::vector<Entry>& before_;
  const std::stop_token& stop_;
  Allowance* allowance_;
  std::unordered_multimap<std::uint64_t, std::size_t> known_;
  Reading reading_;
};

}  // namespace

void Entry::move_to(int to_line, int to_column) {
  if (line == to_line && column == to_column) return;
  const auto move = [&](auto& place) {
    if (place.line == 0) return;
    if (place.line == line) place.column += to_column - column;
    place.line += to_line - line;
  };
  for (auto& one : objects.services) move(one.place);
  for (auto& one : objects.nodes) move(one.place);
  for (auto& one : objects.slices) {
    move(one.place);
    for (auto& endpoint : one.endpoints) {
      auto place = endpoint.place();
      move(place);
      endpoint.stands_at(place);
    }
  }
  if (objects.nameless) move(*objects.nameless);
  for (Problem& one : problems) move(one);
  line = to_line;
  column = to_column;
}

Reading read_text(std::string_view text, const std::string& path, const std::vector<Entry>& before,
                  const std::stop_token& stop, Allowance* allowance) {
  return TextReader(text, path, before, stop, allowance).read();
}

}  // namespace holdfast
