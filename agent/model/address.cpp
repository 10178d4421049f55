// SPDX-License-Identifier: Apache-2.0
#include "agent/model/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace holdfast {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_hex(char letter) {
  return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f') ||
         (letter >= 'A' && letter <= 'F');
}

// Numbers are decimal (of IPv6 hexadecimal) however many zeros they begin with, as kube-proxy reads
// the objects that still have some (KEP-4858: such addresses stay valid in objects that exist).
// inet_aton reads them as octal and inet_pton refuses them (RFC 6943, 3.1.1).
std::string without_leading_zeros(std::string_view text) {
  std::string result;
  bool in_number = false;  // past the zeros that lead it
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool more = at + 1 < text.size() && is_hex(text[at + 1]);
    if (!in_number && text[at] == '0' && more) continue;
    in_number = is_hex(text[at]);
    result += text[at];
  }
  return result;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated = without_leading_zeros(text);
  if (terminated.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  if (terminated.size() != std::strlen(terminated.c_str())) return std::nullopt;
  IpAddress result;
  if (inet_pton(AF_INET6, terminated.c_str(), result.bytes.data()) == 1) return result;
  std::copy(kMapped.begin(), kMapped.end(), result.bytes.begin());
  if (inet_pton(AF_INET, terminated.c_str(), result.bytes.data() + kMapped.size()) == 1) {
    return result;
  }
  return std::nullopt;
}

IpAddress IpAddress::from_abi(const hf_addr& address) {
  IpAddress result;
  static_assert(sizeof address == sizeof result.bytes);
  std::memcpy(result.bytes.data(), &address, sizeof address);
  return result;
}

hf_addr IpAddress::to_abi() const {
  hf_addr address;
  std::memcpy(&address, bytes.data(), sizeof address);
  return address;
}

bool IpAddress::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

bool IpAddress::is_unspecified() const {
  const auto first = is_v4() ? bytes.begin() + 12 : bytes.begin();
  return std::all_of(first, bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes[12] == 127;
  return bytes[15] == 1 &&
         std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_link_local() const {
  if (is_v4()) return bytes[12] == 169 && bytes[13] == 254;
  return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

bool IpAddress::is_multicast() const {
  return is_v4() ? (bytes[12] & 0xf0) == 0xe0 : bytes[0] == 0xff;
}

bool IpAddress::is_broadcast() const {
  return is_v4() && std::all_of(bytes.begin() + 12, bytes.end(),
                                [](std::uint8_t byte) { return byte == 255; });
}

// Connects to these belong to the host, the link or nobody: a service there would take them away in
// every network namespace. Kubernetes refuses most of them (ValidateNonSpecialIP).
std::string_view IpAddress::forbidden() const {
  if (is_unspecified()) return "is unspecified";
  if (is_loopback()) return "is a loopback address";
  if (is_link_local()) return "is link-local";
  if (is_multicast()) return "is multicast";
  if (is_broadcast()) return "is the broadcast address";
  return "";
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  if (is_v4()) return inet_ntop(AF_INET, bytes.data() + kMapped.size(), text, sizeof text);
  return inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
}

std::string_view to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp:
      return "TCP";
    case Protocol::udp:
      return "UDP";
    case Protocol::sctp:
      return "SCTP";
  }
  return "unknown";
}

std::optional<Protocol> parse_protocol(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  for (const Protocol protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp}) {
    if (upper == to_string(protocol)) return protocol;
  }
  return std::nullopt;
}

std::string format_host_port(const IpAddress& address, std::uint16_t port) {
  const std::string host = address.to_string();
  return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

}  // namespace holdfast
