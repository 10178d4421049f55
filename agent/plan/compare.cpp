// SPDX-License-Identifier: Apache-2.0
// Desired against actual, and the operations that mend the difference.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agent/plan/inspect.h"

namespace holdfast {
namespace {

template <class T>
const T& at(const std::vector<T>& elements, std::size_t index) {
  static const T kZero{};
  return index < elements.size() ? elements[index] : kZero;
}

template <class T>
bool same(const T& a, const T& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

std::string text(const hf_frontend_key& key) {
  return format_host_port(IpAddress::from_abi(key.addr), __builtin_bswap16(key.port)) + "/" +
         std::string(to_string(static_cast<Protocol>(key.protocol)));
}

std::string text(const hf_pool& pool) {
  if (pool.word == 0) return "none";
  return fmt::format("slots {}+{} generation {}", hf_pool_first(pool.word),
                     hf_pool_count(pool.word), hf_pool_generation(pool.word));
}

std::string text(const hf_endpoint& endpoint) {
  if (endpoint.incarnation == 0) return "none";
  return fmt::format(
      "{} incarnation {}",
      format_host_port(IpAddress::from_abi(endpoint.addr), __builtin_bswap16(endpoint.port)),
      endpoint.incarnation);
}

std::string pool_text(const Image& image, std::uint32_t id) {
  const hf_service_name& name = at(image.service_names, at(image.pool_names, id).service);
  return fmt::format("pool {} ({}/{})", id, image.text(name.name_space), image.text(name.name));
}

// Walks what differs, in the order of mending: endpoints, slots, pools, frontends.
struct Walk {
  const Image& desired;
  const Image& actual;
  std::vector<Difference> found;
  Diff mend;

  void endpoints() {
    const std::size_t count = std::max(desired.endpoints.size(), actual.endpoints.size());
    for (std::uint32_t id = 1; id < count; ++id) {
      const hf_endpoint &want = at(desired.endpoints, id), &have = at(actual.endpoints, id);
      const bool unused = want.incarnation == 0 && have.incarnation == 0;
      if (unused || same(want, have)) continue;
      found.push_back({"endpoints", std::to_string(id), text(want), text(have)});
      mend.ops.emplace_back(op::PutEndpoint{id, want, at(desired.endpoint_names, id)});
    }
  }

  void slots() {
    for (std::uint32_t id = 1; id < desired.pools.size(); ++id) {
      const hf_pool& pool = desired.pools[id];
      const std::uint32_t first = hf_pool_first(pool.word);
      const std::uint32_t length = hf_pool_count(pool.word) + hf_policy_tail(pool.policy);
      op::PutSlots put{first, {}, {}};
      std::size_t wrong = 0;
      for (std::uint32_t slot = first; slot < first + length; ++slot) {
        put.slots.push_back(at(desired.slots, slot));
        put.infos.push_back(at(desired.slot_info, slot));
        wrong += at(desired.slots, slot) != at(actual.slots, slot);
        wrong += at(desired.slot_info, slot) != at(actual.slot_info, slot);
      }
      if (wrong == 0) continue;
      found.push_back({"slots", pool_text(desired, id), fmt::format("{} slots", length),
                       fmt::format("{} words differ", wrong)});
      mend.ops.emplace_back(std::move(put));
    }
  }

  void pools() {
    const std::size_t count = std::max(desired.pools.size(), actual.pools.size());
    for (std::uint32_t id = 1; id < count; ++id) {
      const hf_pool &want = at(desired.pools, id), &have = at(actual.pools, id);
      if (same(want, have)) continue;
      found.push_back(
          {"pools", pool_text(want.word ? desired : actual, id), text(want), text(have)});
      mend.ops.emplace_back(op::StorePool{id, want});
    }
  }

  void frontends() {
    std::vector<Op> deletes;
    for (const auto& [key, word] : desired.frontends) {
      const auto have = actual.frontends.find(key);
      if (have != actual.frontends.end() && have->second == word) continue;
      const bool missing = have == actual.frontends.end();
      found.push_back({"frontends", text(key), pool_text(desired, hf_frontend_pool(word)),
                       missing ? "none" : pool_text(actual, hf_frontend_pool(have->second))});
      if (missing) {
        mend.ops.emplace_back(op::InsertFrontend{key, word});
      } else {
        deletes.emplace_back(op::UpdateFrontend{key, word});
        deletes.emplace_back(op::Grace{});
      }
    }
    for (const auto& [key, word] : actual.frontends) {
      if (desired.frontends.contains(key)) continue;
      found.push_back({"frontends", text(key), "none", pool_text(actual, hf_frontend_pool(word))});
      deletes.emplace_back(op::DeleteFrontend{key});
    }
    std::move(deletes.begin(), deletes.end(), std::back_inserter(mend.ops));
  }

  void names() {
    const std::size_t services =
        std::max(desired.service_names.size(), actual.service_names.size());
    for (std::uint32_t id = 1; id < services; ++id) {
      const hf_service_name &want = at(desired.service_names, id),
                            &have = at(actual.service_names, id);
      if (same(want, have)) continue;
      found.push_back(
          {"service_names", std::to_string(id), desired.text(want.name), actual.text(have.name)});
      mend.ops.emplace_back(op::PutServiceName{id, want});
    }
    const std::size_t pools = std::max(desired.pool_names.size(), actual.pool_names.size());
    for (std::uint32_t id = 1; id < pools; ++id) {
      const hf_pool_name &want = at(desired.pool_names, id), &have = at(actual.pool_names, id);
      if (same(want, have)) continue;
      found.push_back({"pool_names", std::to_string(id), std::to_string(want.service),
                       std::to_string(have.service)});
      mend.ops.emplace_back(op::PutPoolName{id, want});
    }
  }
};

Walk walk(const Image& desired, const Image& actual) {
  Walk result{desired, actual, {}, {}};
  result.endpoints();
  result.names();
  result.slots();
  result.pools();
  result.frontends();
  if (!result.mend.empty()) result.mend.ops.emplace_back(op::Grace{});
  return result;
}

}  // namespace

std::vector<Difference> compare(const Image& desired, const Image& actual) {
  return walk(desired, actual).found;
}

Diff repair(const Image& desired, const Image& actual) {
  return walk(desired, actual).mend;
}

}  // namespace holdfast
