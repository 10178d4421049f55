// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/range_allocator.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <vector>

namespace holdfast {
namespace {

TEST(RangeAllocator, NeverGivesElementZero) {
  RangeAllocator ranges(3);
  EXPECT_EQ(ranges.allocate(1), 1u);
  EXPECT_EQ(ranges.allocate(1), 2u);
  EXPECT_EQ(ranges.allocate(1), std::nullopt);
  EXPECT_FALSE(ranges.reserve(0, 1));
  EXPECT_EQ(ranges.used(), 2u);
}

TEST(RangeAllocator, WithoutRoomGivesNothing) {
  for (const std::uint32_t capacity : {0u, 1u}) {
    RangeAllocator ranges(capacity);
    EXPECT_EQ(ranges.allocate(1), std::nullopt);
  }
  RangeAllocator ranges(8);
  EXPECT_EQ(ranges.allocate(8), std::nullopt);
  EXPECT_EQ(ranges.allocate(0), std::nullopt);
  EXPECT_EQ(ranges.used(), 0u);
}

TEST(RangeAllocator, FillsTheSmallestHoleThatFits) {
  RangeAllocator ranges(100);
  ASSERT_TRUE(ranges.reserve(5, 10));   // 1-4 free
  ASSERT_TRUE(ranges.reserve(17, 80));  // 15-16, 97-99 free
  EXPECT_EQ(ranges.allocate(2), 15u);
  EXPECT_EQ(ranges.allocate(3), 97u);
  EXPECT_EQ(ranges.allocate(4), 1u);
}

TEST(RangeAllocator, ReservesOnlyWhatIsWhollyFree) {
  RangeAllocator ranges(10);
  ASSERT_TRUE(ranges.reserve(4, 3));
  EXPECT_FALSE(ranges.reserve(3, 2));
  EXPECT_FALSE(ranges.reserve(6, 2));
  EXPECT_FALSE(ranges.reserve(5, 1));
  EXPECT_FALSE(ranges.reserve(9, 2));
  EXPECT_FALSE(ranges.reserve(0xffffffff, 2)) << "no overflow";
  EXPECT_TRUE(ranges.reserve(2, 0));
  EXPECT_EQ(ranges.used(), 3u);
  EXPECT_TRUE(ranges.reserve(7, 3));
}

// Against a bitmap: what is given is free and not zero, of the smallest hole that fits and the
// lowest of equal ones; nothing is refused that would fit; what is freed joins its neighbours.
class Model {
 public:
  explicit Model(std::uint32_t capacity) : taken_(capacity, false) {
    if (capacity > 0) taken_[0] = true;
  }
  bool free(std::uint32_t first, std::uint32_t length) const {
    if (first + length > taken_.size()) return false;
    for (std::uint32_t at = first; at < first + length; ++at) {
      if (taken_[at]) return false;
    }
    return true;
  }
  void set(std::uint32_t first, std::uint32_t length, bool to) {
    for (std::uint32_t at = first; at < first + length; ++at) taken_[at] = to;
    used_ = to ? used_ + length : used_ - length;
  }
  std::optional<std::uint32_t> best(std::uint32_t length) const {
    std::optional<std::uint32_t> best;
    std::uint32_t shortest = 0;
    for (std::uint32_t at = 0; at < taken_.size();) {
      std::uint32_t end = at;
      while (end < taken_.size() && !taken_[end]) ++end;
      if (end - at >= length && (!best || end - at < shortest)) {
        best = at;
        shortest = end - at;
      }
      at = end + 1;
    }
    return best;
  }
  std::uint32_t used() const { return used_; }

 private:
  std::vector<bool> taken_;
  std::uint32_t used_ = 0;
};

RC_GTEST_PROP(RangeAllocator, EqualsABitmap, ()) {
  const auto capacity = *rc::gen::inRange<std::uint32_t>(1, 80);
  RangeAllocator ranges(capacity);
  Model model(capacity);
  std::map<std::uint32_t, std::uint32_t> given;
  for (int steps = *rc::gen::inRange(0, 120); steps > 0; --steps) {
    const auto length = *rc::gen::inRange<std::uint32_t>(1, 12);
    const int what = *rc::gen::inRange(0, 5);
    if (what < 2) {
      const auto first = ranges.allocate(length);
      RC_ASSERT(first == model.best(length));
      if (!first) continue;
      model.set(*first, length, true);
      given[*first] = length;
    } else if (what == 2) {
      const auto first = *rc::gen::inRange<std::uint32_t>(0, capacity + 2);
      const bool reserved = ranges.reserve(first, length);
      RC_ASSERT(reserved == model.free(first, length));
      if (!reserved) continue;
      model.set(first, length, true);
      given[first] = length;
    } else if (!given.empty()) {
      const auto one =
          std::next(given.begin(), *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(given)));
      ranges.free(one->first, one->second);
      model.set(one->first, one->second, false);
      given.erase(one);
    }
    RC_ASSERT(ranges.used() == model.used());
  }
}

}  // namespace
}  // namespace holdfast
