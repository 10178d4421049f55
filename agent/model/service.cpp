// SPDX-License-Identifier: Apache-2.0
#include "agent/model/service.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace holdfast {
namespace {

constexpr bool dash_at(std::size_t index) {
  return index == 8 || index == 13 || index == 18 || index == 23;
}

int hex_digit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  return -1;
}

// Lower case only, so that the text form gives back the text it came from (RFC 9562, 4).
bool parse_uuid(std::string_view text, std::array<std::uint8_t, 16>& bytes) {
  if (text.size() != 36) return false;
  std::size_t digit = 0;
  for (std::size_t index = 0; index < text.size(); ++index) {
    if (dash_at(index)) {
      if (text[index] != '-') return false;
      continue;
    }
    const int value = hex_digit(text[index]);
    if (value < 0) return false;
    bytes[digit / 2] = static_cast<std::uint8_t>(bytes[digit / 2] << 4 | value);
    ++digit;
  }
  return true;
}

}  // namespace

std::string_view to_string(FrontendKind kind) {
  switch (kind) {
    case FrontendKind::cluster_ip:
      return "ClusterIP";
    case FrontendKind::node_port:
      return "NodePort";
    case FrontendKind::external_ip:
      return "ExternalIP";
    case FrontendKind::load_balancer:
      return "LoadBalancer";
  }
  return "unknown";
}

Identity Identity::from_text(std::string_view text) {
  Identity identity;
  if (text.empty() || parse_uuid(text, identity.bytes)) return identity;
  XXH128_canonical_t canonical;  // big-endian on every machine
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(text.data(), text.size()));
  std::copy(std::begin(canonical.digest), std::end(canonical.digest), identity.bytes.begin());
  return identity;
}

std::string Identity::to_string() const {
  if (none()) return "";
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t index = 0; index < bytes.size(); ++index) {
    if (dash_at(text.size())) text += '-';
    text += kDigits[bytes[index] >> 4];
    text += kDigits[bytes[index] & 15];
  }
  return text;
}

std::string_view to_string(TrafficPolicy policy) {
  return policy == TrafficPolicy::local ? "local" : "cluster";
}

const Pool* counterpart(const Service* service, const Pool& pool) {
  if (!service) return nullptr;
  const auto found = std::find_if(service->pools.begin(), service->pools.end(),
                                  [&](const Pool& one) { return one.key() == pool.key(); });
  return found == service->pools.end() ? nullptr : &*found;
}

bool before_in_order(const Endpoint& a, const Endpoint& b) {
  return std::tie(a.address, a.port) < std::tie(b.address, b.port);
}

const Endpoint* find_endpoint(const Pool* pool, const Endpoint& like) {
  if (!pool) return nullptr;
  const auto found =
      std::lower_bound(pool->endpoints.begin(), pool->endpoints.end(), like, before_in_order);
  const bool there = found != pool->endpoints.end() && !before_in_order(like, *found);
  return there ? &*found : nullptr;
}

}  // namespace holdfast
