// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/endpoint_index.h"

#include <cstring>

#include "agent/base/memory.h"

namespace holdfast {
namespace {

EndpointKey key_in(const Image& shadow, std::uint32_t id) {
  return key_of(shadow.endpoints[id], shadow.endpoint_names[id]);
}

}  // namespace

std::size_t EndpointKeyHash::operator()(const EndpointKey& key) const {
  hf_frontend_key flat{};
  flat.addr = key.address.to_abi();
  flat.port = key.port;
  flat.protocol = static_cast<__u8>(key.protocol);
  std::size_t identity = 0;
  std::memcpy(&identity, key.identity.bytes.data(), sizeof identity);
  return FrontendKeyHash{}(flat) ^ identity;
}

std::size_t EndpointIndex::Hash::operator()(std::uint32_t id) const {
  return EndpointKeyHash{}(key_in(*shadow, id));
}

bool EndpointIndex::Equal::operator()(std::uint32_t a, std::uint32_t b) const {
  return a == b || key_in(*shadow, a) == key_in(*shadow, b);
}

bool EndpointIndex::Equal::operator()(std::uint32_t id, const EndpointKey& key) const {
  return key_in(*shadow, id) == key;
}

std::optional<std::uint32_t> EndpointIndex::find(const EndpointKey& key) const {
  if (const auto known = ids_.find(key); known != ids_.end()) return *known;
  if (const auto known = promised_.find(key); known != promised_.end()) return known->second;
  return std::nullopt;
}

void EndpointIndex::add_in_place(std::uint32_t id) {
  if (const auto known = ids_.find(id); known != ids_.end()) ids_.erase(known);
  ids_.insert(id);
}

void EndpointIndex::remove(std::uint32_t id) {
  if (const auto known = ids_.find(id); known != ids_.end() && *known == id) ids_.erase(known);
}

const EndpointKey& EndpointIndex::promise(const EndpointKey& key, std::uint32_t id) {
  return promised_.emplace(key, id).first->first;
}

void EndpointIndex::keep_promises() {
  for (const auto& [key, id] : promised_) ids_.insert(id);
  release(promised_);
}

}  // namespace holdfast
