// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/allowance.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "agent/base/memory.h"

namespace holdfast {
namespace {

// Between two looks. What costs less, and adds nothing to what is there, is not looked at.
constexpr std::uint64_t kStep = std::uint64_t{1} << 20;
constexpr MapsRoom kBoundless = {std::numeric_limits<std::size_t>::max(),
                                 std::numeric_limits<std::size_t>::max(), 0};

Amount scaled(const Amount& amount, std::size_t whole, std::size_t part) {
  if (part == 0 || whole <= part) return amount;
  const double by = static_cast<double>(whole) / static_cast<double>(part);
  const auto grown = [&](std::size_t count) {
    return static_cast<std::size_t>(static_cast<double>(count) * by);
  };
  return {grown(amount.services), grown(amount.ports), grown(amount.endpoints)};
}

bool exceeds(const Amount& a, const Amount& b) {
  return a.services > b.services || a.ports > b.ports || a.endpoints > b.endpoints;
}

}  // namespace

Result<> may_read(const std::optional<MemoryRoom>& room, std::size_t bytes) {
  if (fits(room, bytes)) return {};
  Failure failure =
      fail(Errc::exhausted, refuse(*room, bytes, true).words + ", for its text alone");
  failure.value().sys = ENOMEM;
  return failure;
}

void MemoryGate::begin(const std::string& source) {
  const MapsRoom room = look_at_maps_();
  const std::lock_guard lock(mutex_);
  maps_ = room;
  sources_[source].fresh = {};
}

MemoryGate::ToCome MemoryGate::expect(const std::string& source, const Amount& all,
                                      const Amount& fresh) {
  const std::lock_guard lock(mutex_);
  sources_[source] = {all, fresh};
  Amount said, unpaid;
  for (const auto& [name, one] : sources_) {
    said += one.all;
    unpaid += one.fresh;
  }
  return {cost_to_come(fresh, maps_, said), cost_to_come(unpaid, maps_, said)};
}

Allowance::Allowance(MemoryGate* gate, std::string source, const Amount& kept)
    : gate_(gate), source_(std::move(source)), kept_(kept) {}

void Allowance::begin(std::size_t bytes, const Amount& before) {
  if (!gate_) return;
  before_ = before;
  text_ = text_fresh_ = {};
  bytes_ = bytes;
  done_ = 0;
  values_ = unlooked_ = 0;
  first_ = gate_->room();
}

bool Allowance::may_parse(std::size_t bytes) {
  values_ = cost_of_values(bytes);
  return unlooked_ + values_ < kStep || look();
}

void Allowance::parsed(std::size_t bytes, const Amount& amount) {
  done_ += bytes;
  text_ += amount;
  text_fresh_ += amount;
  values_ = 0;
  unlooked_ += cost_of_objects(amount) + cost_to_come(amount, kBoundless, {});
}

void Allowance::taken_over(std::size_t bytes, const Amount& amount) {
  done_ += bytes;
  text_ += amount;
}

void Allowance::once_more() {
  text_ = text_fresh_ = {};
  done_ = 0;
}

// A small change of what is there passes, however little is left: to refuse it would be worse.
bool Allowance::may_end() {
  return !exceeds(text_, before_) || look();
}

void Allowance::accept() {
  kept_ -= before_;
  kept_ += text_;
  fresh_ += text_fresh_;
  before_ = text_ = text_fresh_ = {};
  if (gate_) expect({}, {});
}

Refusal Allowance::give_up() {
  const MemoryGate::ToCome to_come =
      expect(scaled(text_, bytes_, done_), scaled(text_fresh_, bytes_, done_));
  const std::uint64_t needed =
      to_come.own + cost_of_objects(scaled(text_fresh_, bytes_, done_)) + values_;
  expect(before_, {});
  before_ = text_ = text_fresh_ = {};
  // Where other sources take it, it may be there when they are done.
  return refuse(first_.value_or(MemoryRoom{}), needed, to_come.own == to_come.all);
}

bool Allowance::worth_another_try(const Refusal& refusal) const {
  return !gate_ || fits(gate_->room(), refusal.needed);
}

bool Allowance::look() {
  if (!gate_) return true;
  unlooked_ = 0;
  const std::uint64_t needed = expect(text_, text_fresh_).all + values_;
  if (fits(gate_->room(), needed)) return true;
  give_back_memory();  // what the allocator holds and nobody uses is left as well
  return fits(gate_->room(), needed);
}

MemoryGate::ToCome Allowance::expect(const Amount& text, const Amount& fresh) {
  Amount all = kept_, to_pay = fresh_;
  all -= before_;
  all += text;
  to_pay += fresh;
  return gate_->expect(source_, all, to_pay);
}

}  // namespace holdfast
