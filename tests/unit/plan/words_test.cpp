// SPDX-License-Identifier: Apache-2.0
// What the model says comes back from the words of the maps, and stands there in network order.
#include "agent/plan/words.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace holdfast {
namespace {

template <class T>
T any() {
  return *rc::gen::arbitrary<T>();
}

std::uint32_t below(std::uint32_t end) {
  return *rc::gen::inRange<std::uint32_t>(0, end);
}

IpAddress any_address() {
  IpAddress address = *IpAddress::parse("::ffff:0.0.0.0");
  const bool v4 = any<bool>();
  for (std::size_t at = v4 ? 12 : 0; at < address.bytes.size(); ++at) {
    address.bytes[at] = any<std::uint8_t>();
  }
  return address;
}

Protocol any_protocol() {
  return *rc::gen::element(Protocol::tcp, Protocol::udp, Protocol::sctp);
}

RC_GTEST_PROP(PlanWords, FrontendComesBack, ()) {
  Frontend frontend{any_address(), any<std::uint16_t>()};
  frontend.kind = *rc::gen::element(FrontendKind::cluster_ip, FrontendKind::node_port,
                                    FrontendKind::external_ip, FrontendKind::load_balancer);
  frontend.host_scope = any<bool>();
  const Protocol protocol = any_protocol();
  const std::uint32_t pool = below(1u << HF_FRONTEND_POOL_BITS);

  const hf_frontend_key key = frontend_key(frontend, protocol);
  const std::uint32_t word = frontend_word(frontend, pool);
  RC_ASSERT(frontend_of(key, word) == frontend);
  RC_ASSERT(protocol_of(key) == protocol);
  RC_ASSERT(hf_frontend_pool(word) == pool);
}

RC_GTEST_PROP(PlanWords, EndpointComesBack, ()) {
  Endpoint endpoint;
  endpoint.address = any_address();
  endpoint.port = any<std::uint16_t>();
  for (auto& byte : endpoint.identity.bytes) byte = any<std::uint8_t>();
  const EndpointKey key = key_of(endpoint, any_protocol());
  const auto incarnation = any<std::uint32_t>();

  const hf_endpoint value = endpoint_value(key, incarnation);
  const hf_endpoint_name name = endpoint_name(key, incarnation);
  RC_ASSERT(key_of(value, name) == key);
  RC_ASSERT(value.incarnation == incarnation);
  RC_ASSERT(name.incarnation == incarnation);
}

RC_GTEST_PROP(PlanWords, PoolComesBack, ()) {
  PoolWords words;
  words.service = below(1u << HF_POLICY_SERVICE_BITS);
  words.first = below(1u << HF_POOL_FIRST_BITS);
  words.selectable = below(1u << HF_POOL_COUNT_BITS);
  words.tail = below(1u << HF_POOL_COUNT_BITS);
  words.generation = any<std::uint16_t>();
  words.no_endpoints = *rc::gen::element(HF_EMPTY_REFUSE, HF_EMPTY_PASS, HF_EMPTY_UNREACHABLE);

  words.selector = static_cast<hf_selector>(below(HF_POLICY_SELECTOR_MASK + 1));

  const hf_pool value = pool_value(words);
  RC_ASSERT(words_of(value, pool_name({}, words)) == words);
  RC_ASSERT(hf_policy_check(value.policy) == (words.generation & 0xff));
}

RC_GTEST_PROP(PlanWords, PoolNameComesBack, ()) {
  Pool pool;
  pool.service_port = any<std::uint16_t>();
  pool.protocol = any_protocol();
  pool.family = *rc::gen::element<std::uint8_t>(4, 6);
  pool.traffic = *rc::gen::element(TrafficPolicy::cluster, TrafficPolicy::local);
  PoolWords words;
  words.service = any<std::uint32_t>();

  const hf_pool_name name = pool_name(pool, words);
  RC_ASSERT(pool_of(name) == pool);
  RC_ASSERT(name.service == words.service);
}

RC_GTEST_PROP(PlanWords, SlotInfoComesBack, ()) {
  Endpoint endpoint;
  endpoint.weight = static_cast<std::uint16_t>(below(1001));
  endpoint.ready = any<bool>();
  endpoint.serving = any<bool>();
  endpoint.terminating = any<bool>();
  endpoint.doubted = any<bool>();
  const auto state =
      *rc::gen::element(HF_MEMBER_ACTIVE, HF_MEMBER_DRAINING, HF_MEMBER_HELD, HF_MEMBER_UNUSED);
  endpoint.held = state == HF_MEMBER_HELD;

  const std::uint32_t info = slot_info(endpoint, state);
  RC_ASSERT(state_of(info) == state);
  Endpoint back;  // the opposite of it, so that each condition is one that was set
  back.ready = !endpoint.ready;
  back.serving = !endpoint.serving;
  back.terminating = !endpoint.terminating;
  back.doubted = !endpoint.doubted;
  back.held = !endpoint.held;
  set_conditions(back, info);
  RC_ASSERT(back == endpoint);
}

// Both directions could be wrong alike.
TEST(PlanWords, AreInNetworkOrder) {
  const Frontend frontend{*IpAddress::parse("10.96.0.1"), 0x1f90};
  const hf_frontend_key key = frontend_key(frontend, Protocol::tcp);
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&key);
  EXPECT_EQ(std::vector<std::uint8_t>(bytes + 10, bytes + sizeof key),
            (std::vector<std::uint8_t>{0xff, 0xff, 10, 96, 0, 1, 0x1f, 0x90, 6, 0}));
}

}  // namespace
}  // namespace holdfast
