// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/words.h"

#include <algorithm>

namespace holdfast {

hf_frontend_key frontend_key(const Frontend& frontend, Protocol protocol) {
  hf_frontend_key key{};
  key.addr = frontend.address.to_abi();
  key.port = net_port(frontend.port);
  key.protocol = static_cast<__u8>(protocol);
  return key;
}

std::uint32_t frontend_word(const Frontend& frontend, std::uint32_t pool) {
  return hf_frontend_word(pool, static_cast<std::uint32_t>(frontend.kind),
                          frontend.host_scope ? HF_FRONTEND_HOST_SCOPE : 0);
}

Frontend frontend_of(const hf_frontend_key& key, std::uint32_t word) {
  return {IpAddress::from_abi(key.addr), host_port(key.port),
          static_cast<FrontendKind>(hf_frontend_kind_of(word)),
          (word & HF_FRONTEND_HOST_SCOPE) != 0};
}

Protocol protocol_of(const hf_frontend_key& key) {
  return static_cast<Protocol>(key.protocol);
}

EndpointKey key_of(const Endpoint& endpoint, Protocol protocol) {
  return {endpoint.address, endpoint.port, protocol, endpoint.identity};
}

hf_endpoint endpoint_value(const EndpointKey& key, std::uint32_t incarnation) {
  hf_endpoint value{};
  value.addr = key.address.to_abi();
  value.port = net_port(key.port);
  value.protocol = static_cast<__u8>(key.protocol);
  value.incarnation = incarnation;
  return value;
}

hf_endpoint_name endpoint_name(const EndpointKey& key, std::uint32_t incarnation) {
  hf_endpoint_name name{};
  std::copy(key.identity.bytes.begin(), key.identity.bytes.end(), std::begin(name.identity));
  name.incarnation = incarnation;
  return name;
}

EndpointKey key_of(const hf_endpoint& value, const hf_endpoint_name& name) {
  Identity identity;
  std::copy(std::begin(name.identity), std::end(name.identity), identity.bytes.begin());
  return {IpAddress::from_abi(value.addr), host_port(value.port),
          static_cast<Protocol>(value.protocol), identity};
}

hf_pool pool_value(const PoolWords& words) {
  hf_pool value{};
  value.word = hf_pool_word(words.first, words.selectable, words.generation);
  value.policy =
      hf_pool_policy(words.service, words.selector, words.no_endpoints, words.generation);
  return value;
}

PoolWords words_of(const hf_pool& value, const hf_pool_name& name) {
  PoolWords words;
  words.service = hf_policy_service(value.policy);
  words.first = hf_pool_first(value.word);
  words.selectable = hf_pool_count(value.word);
  words.tail = hf_tail_of(value.word, name.tail);
  words.generation = hf_pool_generation(value.word);
  words.selector = static_cast<hf_selector>(hf_policy_selector(value.policy));
  words.no_endpoints = static_cast<hf_no_endpoints>(hf_policy_empty(value.policy));
  return words;
}

PoolWords words_of(const Image& image, std::uint32_t pool) {
  if (pool >= image.pools.size()) return {};
  const bool named = pool < image.pool_names.size();
  return words_of(image.pools[pool], named ? image.pool_names[pool] : hf_pool_name{});
}

hf_pool_name pool_name(const Pool& pool, const PoolWords& words) {
  hf_pool_name name{};
  name.service = words.service;
  name.tail = hf_tail_word(words.tail, words.generation);
  name.port = net_port(pool.service_port);
  name.protocol = static_cast<__u8>(pool.protocol);
  name.family = pool.family;
  name.traffic = static_cast<__u32>(pool.traffic);
  return name;
}

Pool pool_of(const hf_pool_name& name) {
  Pool pool;
  pool.service_port = host_port(name.port);
  pool.protocol = static_cast<Protocol>(name.protocol);
  pool.family = name.family;
  pool.traffic = static_cast<TrafficPolicy>(name.traffic);
  return pool;
}

std::uint32_t slot_info(const Endpoint& endpoint, hf_member_state state) {
  std::uint32_t info = endpoint.weight & HF_SLOT_WEIGHT_MASK;
  if (endpoint.ready) info |= HF_SLOT_READY;
  if (endpoint.serving) info |= HF_SLOT_SERVING;
  if (endpoint.terminating) info |= HF_SLOT_TERMINATING;
  if (endpoint.doubted) info |= HF_SLOT_DOUBTED;
  return info | static_cast<std::uint32_t>(state) << HF_SLOT_STATE_SHIFT;
}

hf_member_state state_of(std::uint32_t slot_info) {
  return static_cast<hf_member_state>(slot_info >> HF_SLOT_STATE_SHIFT & 7);
}

void set_conditions(Endpoint& endpoint, std::uint32_t slot_info) {
  endpoint.weight = slot_info & HF_SLOT_WEIGHT_MASK;
  endpoint.ready = slot_info & HF_SLOT_READY;
  endpoint.serving = slot_info & HF_SLOT_SERVING;
  endpoint.terminating = slot_info & HF_SLOT_TERMINATING;
  endpoint.doubted = slot_info & HF_SLOT_DOUBTED;
  endpoint.held = state_of(slot_info) == HF_MEMBER_HELD;
}

}  // namespace holdfast
