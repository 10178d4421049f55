// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "agent/net/http_stream.h"

namespace holdfast::net {

namespace {

std::string in_brackets(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

Failure bad(std::string_view url, const std::string& why) {
  return fail(Errc::invalid, "server '" + std::string(url) + "': " + why +
                                 "; expected https://HOST[:PORT], http://... or HOST:PORT");
}

}  // namespace

std::string Server::to_string() const {
  return (tls ? "https://" : "http://") + in_brackets(host) + ":" + std::to_string(port);
}

Result<Server> parse_server(std::string_view url) {
  const bool has_scheme = url.find("://") != std::string_view::npos;
  const std::string text = has_scheme ? std::string(url) : "https://" + std::string(url);
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) return bad(url, "not a URL");
  const boost::urls::url_view& view = *parsed;
  Server server;
  const std::string scheme(view.scheme());
  if (scheme != "https" && scheme != "http") return bad(url, "the scheme is " + scheme);
  server.tls = scheme == "https";
  if (view.has_userinfo()) return bad(url, "a user name does not belong here");
  const std::string path(view.encoded_path());
  if ((!path.empty() && path != "/") || view.has_query() || view.has_fragment())
    return bad(url, "a path does not belong here");
  server.host = view.host_address();  // without the brackets of IPv6
  if (server.host.empty()) return bad(url, "no host");
  server.port = server.tls ? 443 : 80;
  if (view.has_port()) {
    // Boost.URL's number is 0 for what does not fit 16 bits.
    if (view.port_number() == 0) return bad(url, "the port must be 1 to 65535");
    server.port = view.port_number();
  }
  return server;
}

std::string_view Head::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return "";
}

}  // namespace holdfast::net
