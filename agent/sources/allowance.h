// SPDX-License-Identifier: Apache-2.0
// Whether what a source is about to take in fits into the memory that is left. What does not is
// refused, as an input that cannot be read: what was said last stays. The kernel would kill the
// daemon instead, and each daemon after it that meets the same input.
//
// What has been read shows in the memory that is left; what it will cost later, in the stages that
// follow and in the maps, is estimated from what it is made of. So a long input is looked at again
// and again while it is read, and ends where it ceases to fit. Used from threads of sources.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "agent/base/result.h"
#include "agent/sources/memory_cost.h"

namespace holdfast {

// Of a text that is not in memory yet. Errc::exhausted, ENOMEM.
Result<> may_read(const std::optional<MemoryRoom>& room, std::size_t bytes);

// One for all sources of the daemon.
class MemoryGate {
 public:
  using Look = std::function<std::optional<MemoryRoom>()>;
  // `maps` is asked on the loop only.
  MemoryGate(Look look, std::function<MapsRoom()> maps)
      : look_(std::move(look)), look_at_maps_(std::move(maps)) {}

  std::optional<MemoryRoom> room() const { return look_(); }
  // On the loop, before a source reads: what it said before is in the catalog and the maps by now,
  // or what is yet to come of it is little.
  void begin(const std::string& source);
  struct ToCome {
    std::uint64_t own = 0, all = 0;  // of the source; of all sources
  };
  // What a source says in all, and what of it the stages that follow have yet to pay for.
  ToCome expect(const std::string& source, const Amount& all, const Amount& fresh);

 private:
  struct Said {
    Amount all, fresh;
  };
  Look look_;
  std::function<MapsRoom()> look_at_maps_;
  std::mutex mutex_;
  std::map<std::string, Said> sources_;
  MapsRoom maps_;
};

// One reading of one source: of one text after the other.
class Allowance {
 public:
  // `kept`: what the source said at the end of the reading before. No gate: all fits.
  Allowance(MemoryGate* gate, std::string source, const Amount& kept);

  // A text of so many bytes follows (0: nobody knows), in the place of what said `before`.
  void begin(std::size_t bytes, const Amount& before);
  // False: it does not fit, and is to be given up.
  bool may_parse(std::size_t bytes);
  void parsed(std::size_t bytes, const Amount& amount);
  void taken_over(std::size_t bytes, const Amount& amount);
  bool may_end();
  // What was parsed of it so far counts for nothing: it is parsed once more from its begin.
  void once_more();

  void accept();
  Refusal give_up();
  // What was refused so, and is the same still.
  bool worth_another_try(const Refusal& refusal) const;

 private:
  bool look();
  MemoryGate::ToCome expect(const Amount& text, const Amount& fresh);

  MemoryGate* gate_;
  std::string source_;
  Amount kept_, fresh_;                // without the text in hand
  Amount before_, text_, text_fresh_;  // of it
  std::size_t bytes_ = 0, done_ = 0;
  std::uint64_t values_ = 0;    // of the piece in hand
  std::uint64_t unlooked_ = 0;  // that was added since the last look
  std::optional<MemoryRoom> first_;
};

}  // namespace holdfast
