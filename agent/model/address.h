// SPDX-License-Identifier: Apache-2.0
// IpAddress: one form for both families, as in include/holdfast/abi/base.h.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "holdfast/abi/base.h"

namespace holdfast {

struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 as ::ffff:a.b.c.d

  // What inet_pton accepts, and leading zeros: "010.0.0.1" is 10.0.0.1. A v4-mapped IPv6 text gives
  // the same value as the IPv4 text.
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress from_abi(const hf_addr& address);

  hf_addr to_abi() const;
  bool is_v4() const;
  int family() const { return is_v4() ? 4 : 6; }
  bool is_unspecified() const;
  bool is_loopback() const;
  bool is_link_local() const;  // 169.254.0.0/16, fe80::/10
  bool is_multicast() const;   // 224.0.0.0/4, ff00::/8
  bool is_broadcast() const;   // 255.255.255.255
  // Why it can be neither a frontend nor an endpoint: "is a loopback address"; "": it can be.
  std::string_view forbidden() const;
  std::string to_string() const;  // RFC 5952; IPv4 dotted; no brackets

  auto operator<=>(const IpAddress&) const = default;
};

enum class Protocol : std::uint8_t { tcp = 6, udp = 17, sctp = 132 };

std::string_view to_string(Protocol protocol);  // "TCP", "UDP", "SCTP", as in Kubernetes
std::optional<Protocol> parse_protocol(std::string_view text);  // any case

// A port as it is in socket addresses and in include/holdfast/abi/, and back. Ports are in host
// order everywhere else.
constexpr std::uint16_t net_port(std::uint16_t host) {
  return std::endian::native == std::endian::little ? __builtin_bswap16(host) : host;
}
constexpr std::uint16_t host_port(std::uint16_t net) {
  return net_port(net);
}

// "1.2.3.4:80", "[::1]:80".
std::string format_host_port(const IpAddress& address, std::uint16_t port);

}  // namespace holdfast
