// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/layout1.h"

#include <algorithm>
#include <bit>
#include <cstddef>

namespace holdfast::layout1 {
namespace {

constexpr bool kLittleEndian = std::endian::native == std::endian::little;

// `field` in the low bytes of what was `former`.
struct Renamed {
  const char* element;
  const char* field;
  std::uint32_t size;
  const char* former;
  std::uint32_t former_size;

  std::uint32_t low_bytes() const { return kLittleEndian ? 0 : former_size - size; }
};

constexpr Renamed kRenamed[] = {{"endpoints", "protocol", 1, "flags", 2},
                                {"pools", "policy_2", 8, "policy", 8},
                                {"endpoint_stats", "failure", 4, "last_failure", 4}};

// What follows the protocol is 0, and so both are the 16-bit word that they were.
static_assert(offsetof(hf_endpoint, flags) == offsetof(hf_endpoint, protocol) + 1);

constexpr int kTailShift = 34;

}  // namespace

void rename_fields(Schema& schema) {
  for (const Renamed& one : kRenamed) {
    const auto element = schema.elements.find(one.element);
    if (element == schema.elements.end()) continue;
    std::vector<Field>& fields = element->second.fields;
    const bool ours = element->second.find(one.field) != nullptr;
    const auto former = std::find_if(fields.begin(), fields.end(), [&](const Field& field) {
      return field.name == one.former && field.size == one.former_size;
    });
    if (former == fields.end()) continue;
    if (ours) {
      fields.erase(former);
    } else {
      *former = {one.field, former->offset + one.low_bytes(), one.size};
    }
  }
}

Schema with_former_names(const Schema& own) {
  Schema both = own;
  for (const Renamed& one : kRenamed) {
    // Where the bytes are in the other order it would be a word of another value.
    if (!kLittleEndian && one.size != one.former_size) continue;
    ElementLayout& element = both.elements.at(one.element);
    element.fields.push_back({one.former, element.find(one.field)->offset, one.former_size});
  }
  return both;
}

bool has_tails_in_policies(const Schema& schema) {
  return schema.of("pool_names").find("tail") == nullptr;
}

void move_tails(Image& image) {
  if (image.pool_names.size() < image.pools.size()) image.pool_names.resize(image.pools.size());
  for (std::size_t id = 0; id < image.pools.size(); ++id) {
    hf_pool& pool = image.pools[id];
    if (pool.word == 0) continue;
    const __u64 policy = pool.policy, check = hf_policy_check(policy);
    // With the policy's own check: where that is of another moment than the word, the tail is too.
    image.pool_names[id].tail = hf_tail_word(policy >> kTailShift, check);
    pool.policy = hf_pool_policy(hf_policy_service(policy), hf_policy_selector(policy),
                                 hf_policy_empty(policy), check);
  }
}

}  // namespace holdfast::layout1
