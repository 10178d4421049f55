// SPDX-License-Identifier: Apache-2.0
// What the model says, as the words of include/holdfast/abi/, and back. Pure. Texts are in the
// strings heap: their references in the name records are the caller's.
#pragma once

#include <cstdint>

#include "agent/dataplane/image.h"
#include "agent/model/service.h"

namespace holdfast {

hf_frontend_key frontend_key(const Frontend& frontend, Protocol protocol);
std::uint32_t frontend_word(const Frontend& frontend, std::uint32_t pool);
Frontend frontend_of(const hf_frontend_key& key, std::uint32_t word);
Protocol protocol_of(const hf_frontend_key& key);

// What makes an endpoint the same one: another identity at the same address is another endpoint.
struct EndpointKey {
  IpAddress address;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  Identity identity;

  bool operator==(const EndpointKey&) const = default;
};
EndpointKey key_of(const Endpoint& endpoint, Protocol protocol);
hf_endpoint endpoint_value(const EndpointKey& key, std::uint32_t incarnation);
hf_endpoint_name endpoint_name(const EndpointKey& key, std::uint32_t incarnation);
EndpointKey key_of(const hf_endpoint& value, const hf_endpoint_name& name);

// The two words of a pool, and the one of its name that says how far its slots go.
struct PoolWords {
  std::uint32_t service = 0;
  std::uint32_t first = 0;       // slot
  std::uint32_t selectable = 0;  // slots that new connects may pick
  std::uint32_t tail = 0;        // slots after these
  std::uint32_t generation = 0;  // 16 bits
  hf_selector selector = HF_SELECT_RANDOM;
  hf_no_endpoints no_endpoints = HF_EMPTY_REFUSE;

  std::uint32_t length() const { return selectable + tail; }
  bool operator==(const PoolWords&) const = default;
};
hf_pool pool_value(const PoolWords& words);
hf_pool_name pool_name(const Pool& pool, const PoolWords& words);
PoolWords words_of(const hf_pool& value, const hf_pool_name& name);
PoolWords words_of(const Image& image, std::uint32_t pool);  // of nothing: zeros
Pool pool_of(const hf_pool_name& name);  // what makes it the same pool: Pool::key()

std::uint32_t slot_info(const Endpoint& endpoint, hf_member_state state);
hf_member_state state_of(std::uint32_t slot_info);
// Weight, conditions, hold and doubt.
void set_conditions(Endpoint& endpoint, std::uint32_t slot_info);

}  // namespace holdfast
