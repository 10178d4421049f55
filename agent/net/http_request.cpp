// SPDX-License-Identifier: Apache-2.0
#include "agent/net/http_request.h"

#include <sys/utsname.h>

#include <algorithm>

namespace holdfast::net {

namespace {

std::string user_agent() {
  utsname system{};
  ::uname(&system);
  std::string machine = system.machine;
  // The names that other agents of a cluster send.
  if (machine == "x86_64") machine = "amd64";
  if (machine == "aarch64") machine = "arm64";
  return "holdfastd/" HOLDFAST_VERSION " (linux/" + machine + ")";
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// RFC 9110 5.6.2
bool is_token(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

std::string host_field(const Server& server) {
  const std::string url = server.to_string();
  std::string host = url.substr(url.find("://") + 3);
  const std::uint16_t usual = server.tls ? 443 : 80;
  return server.port == usual ? host.substr(0, host.rfind(':')) : host;
}

}  // namespace

Result<std::string> to_text(const Request& request, const Server& server) {
  if (!is_token(request.method)) return fail(Errc::invalid, "method '" + request.method + "'");
  const bool broken = std::any_of(request.target.begin(), request.target.end(),
                                  [](char c) { return is_control(c) || c == ' '; });
  if (request.target.empty() || request.target[0] != '/' || broken)
    return fail(Errc::invalid, "target '" + request.target + "': not an encoded path");
  static const std::string agent = user_agent();
  std::string text = request.method + " " + request.target +
                     " HTTP/1.1\r\nHost: " + host_field(server) + "\r\nUser-Agent: " + agent +
                     "\r\nConnection: keep-alive\r\n";
  for (const auto& [name, value] : request.headers) {
    // The value may be a secret (a token): it is not shown.
    if (!is_token(name) || std::any_of(value.begin(), value.end(), is_control))
      return fail(Errc::invalid, "header '" + name + "': a character that cannot be sent");
    text += name;
    text += ": ";
    text += value;
    text += "\r\n";
  }
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
      request.method == "PATCH")
    text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  return text + "\r\n" + request.body;
}

}  // namespace holdfast::net
