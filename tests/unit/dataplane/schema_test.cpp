// SPDX-License-Identifier: Apache-2.0
// Layouts as text, and elements from one to another.
#include "agent/dataplane/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>

#include "agent/dataplane/image.h"
#include "holdfast/abi/names.h"

namespace holdfast {
namespace {

// The own layout with a gap before each field of `element`, and the fields in the reverse order.
Schema changed(const std::string& element) {
  Schema schema = own_schema();
  ElementLayout& layout = schema.elements.at(element);
  std::reverse(layout.fields.begin(), layout.fields.end());
  std::uint32_t offset = 0;
  for (Field& field : layout.fields) {
    field.offset = offset + 4;
    offset = field.offset + field.size;
  }
  layout.size = (offset + 15) / 8 * 8;
  return schema;
}

// Sets of earlier versions have none of it: zero.
bool came_later(const Field& field) {
  return field.name == "traffic" || field.name == "handshake_at" || field.name == "tail";
}

TEST(Schema, TextIsReadBackAsItWas) {
  const auto read = parse_schema(to_text(own_schema()));
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(*read, own_schema());
  EXPECT_LT(own_text().size(), std::size_t{HF_LAYOUT_BYTES});
}

TEST(Schema, EveryOtherLayoutIsReadToo) {
  for (const auto& [name, layout] : own_schema().elements) {
    const auto read = parse_schema(to_text(changed(name)));
    ASSERT_TRUE(read) << name << ": " << read.error().what;
    EXPECT_EQ(*read, changed(name));
    EXPECT_NE(*read, own_schema());
  }
}

TEST(Schema, FieldsAndElementsOfALaterVersionAreIgnored) {
  Schema later = own_schema();
  ElementLayout& pools = later.elements.at("pools");
  pools.fields.push_back({"colour", pools.size, 8});
  pools.size += 8;
  later.elements["affinity"] = {24, {{"client", 0, 8}}};
  EXPECT_TRUE(parse_schema(to_text(later)));
}

TEST(Schema, AFieldThatIsMissingOrOfAnotherSizeIsIncompatible) {
  for (const auto& [name, layout] : own_schema().elements) {
    for (std::size_t field = 0; field < layout.fields.size(); ++field) {
      Schema lacking = own_schema(), wider = own_schema();
      auto& fields = lacking.elements.at(name).fields;
      fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(field));
      wider.elements.at(name).size += 8;
      wider.elements.at(name).fields[field].size += 1;
      const bool late = came_later(layout.fields[field]);
      EXPECT_EQ(parse_schema(to_text(lacking)).has_value(), late) << "earlier versions have none";
      for (const Schema& schema : {late ? wider : lacking, wider}) {
        const auto read = parse_schema(to_text(schema));
        ASSERT_FALSE(read) << name;
        EXPECT_EQ(read.error().code, Errc::incompatible);
        EXPECT_THAT(read.error().what, testing::HasSubstr("'" + layout.fields[field].name + "'"));
      }
    }
  }
}

TEST(Schema, FieldsOutsideTheirElementAreRefused) {
  EXPECT_FALSE(parse_schema(""));
  EXPECT_FALSE(parse_schema("holdfast layout 2\n"));
  EXPECT_FALSE(parse_schema("holdfast layout 1\nelement pools\n"));
  EXPECT_FALSE(parse_schema("holdfast layout 1\nelement pools 16 word:12:8\n"));
  EXPECT_FALSE(parse_schema("holdfast layout 1\nelement pools 16 word:4294967290:8\n"));
  EXPECT_FALSE(parse_schema("holdfast layout 1\nelement pools 16 word\n"));
}

RC_GTEST_PROP(Schema, NoTextEndsTheReader, (const std::string& text)) {
  (void)parse_schema(text);
}

RC_GTEST_PROP(Schema, ADamagedTextIsRefusedOrStaysWithinItsElements, ()) {
  std::string text = to_text(own_schema());
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
  text[at] = *rc::gen::arbitrary<char>();
  const auto read = parse_schema(text);
  if (!read) return;
  for (const auto& [name, own] : own_schema().elements) {
    for (const Field& field : own.fields) {
      const Field* theirs = read->of(name).find(field.name);
      if (!theirs && came_later(field)) continue;
      // Taken apart by the macro, an && without its own parentheses has no short cut.
      RC_ASSERT((theirs && theirs->offset + theirs->size <= read->of(name).size));
    }
  }
}

RC_GTEST_PROP(Convert, ThereAndBackKeepsEveryField, ()) {
  for (const auto& [name, own] : own_schema().elements) {
    const ElementLayout other = changed(name).of(name);
    const std::size_t count = *rc::gen::inRange<std::size_t>(1, 5);
    std::string bytes(own.size * count, '\0'), there(other.size * count, 'x'), back = bytes;
    for (std::size_t one = 0; one < count; ++one) {
      for (const Field& field : own.fields) {
        for (std::uint32_t byte = 0; byte < field.size; ++byte)
          bytes[one * own.size + field.offset + byte] = *rc::gen::arbitrary<char>();
      }
    }
    convert(own, bytes.data(), other, there.data(), count);
    convert(other, there.data(), own, back.data(), count);
    RC_ASSERT(back == bytes);
  }
}

TEST(Patch, LeavesWhatItsSourceDoesNotKnow) {
  const ElementLayout own{8, {{"known", 0, 4}}}, theirs{16, {{"unknown", 0, 4}, {"known", 8, 4}}};
  std::string target(16, 'u');
  patch(own, "knowPAD!", theirs, target.data());
  EXPECT_EQ(target, "uuuuuuuuknowuuuu");
}

TEST(Grown, DoublesWhatIsNeededWithinTheLimit) {
  const Capacity now = capacity_for(8, 16), limit = capacity_for(1000, 2000);
  Capacity needed = now;
  needed.pools = now.pools + 1;
  auto room = grown(now, needed, limit);
  ASSERT_TRUE(room);
  EXPECT_EQ(room->pools, 2 * needed.pools);
  needed.pools = limit.pools;
  room = grown(now, needed, limit);
  ASSERT_TRUE(room);
  EXPECT_EQ(room->pools, limit.pools);
  EXPECT_EQ(room->slots % HF_SLOTS_PER_LINE, 0u);
  needed.pools = limit.pools + 1;
  EXPECT_FALSE(grown(now, needed, limit));
}

TEST(Grown, NeverShrinks) {
  const Capacity now = capacity_for(1000, 2000);
  Capacity needed{};
  const auto room = grown(now, needed, capacity_for(8, 16));
  ASSERT_TRUE(room);
  EXPECT_EQ(*room, now);
}

// What a set says of an endpoint is the same over any number of moves, wherever counts fall.
RC_GTEST_PROP(CarryStats, TotalsAreTheSameOverMoves, ()) {
  Image image;
  image.endpoints.resize(2);
  image.endpoint_names.resize(2);
  image.stats.resize(2);
  image.endpoints[1].incarnation = 1;
  image.stats[1].connects = image.endpoint_names[1].base_connects = *rc::gen::arbitrary<__u32>();
  image.stats[1].closes = image.endpoint_names[1].base_closes = *rc::gen::arbitrary<__u32>();
  std::uint32_t connects = 0, closes = 0;
  const int moves = *rc::gen::inRange(1, 6);
  for (int move = 0; move < moves; ++move) {
    const auto more = *rc::gen::inRange<__u32>(0, 1000), ended = *rc::gen::inRange<__u32>(0, 1000);
    image.stats[1].connects += more;
    image.stats[1].closes += ended;
    connects += more;
    closes += ended;
    Image next = image;
    next.stats = begin_stats(image);
    next.stats[1].connects = 5;  // counted by the new programs before the bases are stored
    carry_stats(image, next);
    carry_stats(image, next);  // a crash in between: done again
    next.stats[1].connects -= 5;
    image = next;
  }
  RC_ASSERT(image.stats[1].connects - image.endpoint_names[1].base_connects == connects);
  RC_ASSERT(image.stats[1].closes - image.endpoint_names[1].base_closes == closes);
}

TEST(CarryStats, FreeIdsKeepNothing) {
  Image before;
  before.endpoints.resize(2);
  before.endpoint_names.resize(2);
  before.stats.resize(2);
  before.stats[1].connects = 7;
  Image after = before;
  carry_stats(before, after);
  EXPECT_EQ(after.endpoint_names[1].base_connects, 0u);
}

}  // namespace
}  // namespace holdfast
