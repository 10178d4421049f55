// SPDX-License-Identifier: Apache-2.0
// Sets of layout 1 are read by what their text says, and ours by versions of layout 1.
#include "agent/dataplane/layout1.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <sstream>
#include <string>

namespace holdfast::layout1 {
namespace {

// As the last version of layout 1 wrote it.
constexpr const char* kText =
    "holdfast layout 1\n"
    "element endpoint_names 56 identity:0:16 node:16:8 zone:24:8 incarnation:32:4 "
    "base_connects:36:4 base_closes:40:4 base_established:44:4 base_failures:48:4 "
    "base_abandoned:52:4\n"
    "element endpoint_stats 32 connects:0:4 closes:4:4 established:8:4 failures:12:4 "
    "abandoned:16:4 last_failure:20:4 srtt_us:24:4 handshake_at:28:4\n"
    "element endpoints 24 addr:0:16 port:16:2 flags:18:2 incarnation:20:4\n"
    "element frontends 4 word:0:4\n"
    "element frontends_key 20 addr:0:16 port:16:2 protocol:18:1\n"
    "element meta 40 abi_version:0:4 complete:4:4 generation:8:8 netns_cookie:16:8 "
    "applied_at:24:8 grace_mode:32:4\n"
    "element pool_names 24 service:0:4 port:4:2 protocol:6:1 family:7:1 port_name:8:8 "
    "traffic:16:4\n"
    "element pools 16 word:0:8 policy:8:8\n"
    "element service_names 32 generation:0:8 name_space:8:8 name:16:8 source:24:8\n"
    "element slot_info 4 info:0:4\n"
    "element slot_line 64\n"
    "element slots 4 endpoint:0:4\n"
    "element sockets 40 endpoint:0:4 incarnation:4:4 dialled:8:16 dialled_port:24:2 "
    "protocol:26:1 flags:27:1 service:28:4 dialled_at:32:8\n"
    "element strings 64 text:0:64\n"
    "counters miss redirected refused empty_passed other_protocol decided_before "
    "bypassed other_scope other_family bad_pool bad_slot bad_endpoint no_storage "
    "peer_translated peer_untouched stale_handle settled foreign_peer unsent "
    "kernel_socket\n";

// Its packing of a policy.
std::uint64_t policy_of(std::uint64_t service, std::uint64_t empty, std::uint64_t tail,
                        std::uint64_t generation) {
  return service | empty << 30 | tail << 34 | (generation & 0xff) << 56;
}

// Element and field -> offset and size, as any reader of layout 1 takes the text apart.
using Fields = std::map<std::string, std::pair<std::uint32_t, std::uint32_t>>;
Fields fields_of(const std::string& text) {
  Fields fields;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string element, size, field;
    words >> element;
    if (element != "element") continue;
    words >> element >> size;
    while (words >> field) {
      const auto offset = field.find(':'), end = field.rfind(':');
      fields[element + " " + field.substr(0, offset)] = {
          static_cast<std::uint32_t>(std::stoul(field.substr(offset + 1, end - offset - 1))),
          static_cast<std::uint32_t>(std::stoul(field.substr(end + 1)))};
    }
  }
  return fields;
}

struct Layout1 : testing::Test {
  Layout1() : set(parse_schema(kText).value()) {}
  template <class T>
  T read(const char* element, const std::string& bytes) const {
    T value{};
    convert(set.of(element), bytes.data(), own_schema().of(element),
            reinterpret_cast<char*>(&value), 1);
    return value;
  }
  static std::string put(std::string bytes, std::size_t offset, const auto& value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    return bytes;
  }

  Schema set;
};

TEST_F(Layout1, SetsAreReadAndAreNotOurs) {
  EXPECT_NE(set, own_schema());
  EXPECT_TRUE(has_tails_in_policies(set));
  EXPECT_FALSE(has_tails_in_policies(own_schema()));
}

TEST_F(Layout1, FlagsAreTheProtocol) {
  const std::string bytes = put(put(std::string(24, '\0'), 18, std::uint16_t{6}), 20, 9u);
  const auto endpoint = read<hf_endpoint>("endpoints", bytes);
  EXPECT_EQ(endpoint.protocol, 6u);
  EXPECT_EQ(endpoint.flags, 0u);
  EXPECT_EQ(endpoint.incarnation, 9u);
}

TEST_F(Layout1, LastFailureIsTheKindOfOne) {
  const auto stats = read<hf_endpoint_stats>("endpoint_stats", put(std::string(32, '\0'), 20, 2u));
  EXPECT_EQ(hf_failure_kind(stats.failure), HF_FAILURE_TIMED_OUT);
  EXPECT_EQ(hf_failures_in_row(stats.failure, 0), 0u);
}

TEST_F(Layout1, TheTailMovesFromThePolicyToTheName) {
  const std::uint64_t word = hf_pool_word(5, 3, 0x1234);
  const std::uint64_t policy = policy_of(1u << 20, HF_EMPTY_UNREACHABLE, 77, 0x1234);
  const std::string bytes = put(put(std::string(16, '\0'), 0, word), 8, policy);
  Image image;
  image.pools = {{}, read<hf_pool>("pools", bytes), {}};
  move_tails(image);
  EXPECT_EQ(image.pools[1].word, word);
  EXPECT_EQ(image.pools[1].policy,
            hf_pool_policy(1u << 20, HF_SELECT_RANDOM, HF_EMPTY_UNREACHABLE, 0x1234));
  ASSERT_EQ(image.pool_names.size(), 3u);
  EXPECT_EQ(hf_tail_of(word, image.pool_names[1].tail), 77u);
  EXPECT_EQ(image.pool_names[2].tail, 0u) << "a pool that is not in use";
}

TEST_F(Layout1, ATornPolicyHasNoTail) {
  Image image;
  image.pools = {{}, {hf_pool_word(5, 3, 2), policy_of(1, 0, 77, 1)}};
  move_tails(image);
  EXPECT_EQ(hf_tail_of(image.pools[1].word, image.pool_names[1].tail), 0u);
}

// Of the same size: that is what its reader asks for.
TEST_F(Layout1, ItsVersionsFindTheirFieldsInOurSets) {
  const Fields theirs = fields_of(kText), ours = fields_of(own_text());
  for (const auto& [field, place] : theirs) {
    ASSERT_TRUE(ours.contains(field)) << field;
    EXPECT_EQ(ours.at(field).second, place.second) << field;
  }
}

TEST_F(Layout1, ItsVersionsReadWhatIsMeant) {
  const Fields ours = fields_of(own_text());
  const auto at = [&](const char* field, const auto& element, auto& value) {
    std::memcpy(&value, reinterpret_cast<const char*>(&element) + ours.at(field).first,
                sizeof value);
  };
  hf_endpoint endpoint{};
  endpoint.protocol = 17;
  std::uint16_t flags = 0;
  at("endpoints flags", endpoint, flags);
  EXPECT_EQ(flags, 17u);

  const hf_pool pool{hf_pool_word(5, 3, 0x1234),
                     hf_pool_policy(1u << 20, HF_SELECT_RANDOM, HF_EMPTY_PASS, 0x1234)};
  std::uint64_t policy = 0;
  at("pools policy", pool, policy);
  EXPECT_EQ(policy, policy_of(1u << 20, HF_EMPTY_PASS, 0, 0x1234)) << "without a tail";

  hf_endpoint_stats stats{};
  stats.failure = hf_failure_word(HF_FAILURE_REFUSED, 0, 0, 0);
  std::uint32_t kind = 0;
  at("endpoint_stats last_failure", stats, kind);
  EXPECT_EQ(kind, HF_FAILURE_REFUSED);
}

TEST_F(Layout1, FormerNamesOfOurSetsAreNotReadBack) {
  EXPECT_NE(own_text(), to_text(own_schema()));
  EXPECT_EQ(parse_schema(own_text()).value(), own_schema());
}

}  // namespace
}  // namespace holdfast::layout1
