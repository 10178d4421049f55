// SPDX-License-Identifier: Apache-2.0
// An HTTP/1.1 client over TLS or plain TCP, one connection, one request at a time: what a list and
// a watch need. Boost.Beast and OpenSSL are compiled behind it, once.
//
// Everything runs on the loop of the executor given; nothing here is thread-safe. No coroutine
// throws: failures are Results. After a failure or close() the next send() connects anew.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/result.h"

namespace holdfast::net {

struct Server {
  std::string host;  // a name or an address, IPv6 without brackets
  std::uint16_t port = 443;
  bool tls = true;

  std::string to_string() const;  // "https://10.0.0.1:6443"
  bool operator==(const Server&) const = default;
};

// "https://host[:port]", "http://...", "[v6]:port" forms; a path is an error.
Result<Server> parse_server(std::string_view url);

struct TlsSettings {
  std::string ca_pem;           // certificates to trust; "": the system's
  std::string client_cert_pem;  // with client_key_pem: a client certificate
  std::string client_key_pem;
  std::string server_name;  // verified instead of Server::host, and sent as SNI; "": the host
  bool verify = true;       // false only by the kubeconfig's insecure-skip-tls-verify

  bool operator==(const TlsSettings&) const = default;
};

struct Timeouts {
  std::chrono::milliseconds resolve{5'000};
  std::chrono::milliseconds connect{5'000};  // TCP and TLS, each, all addresses of a name together
  std::chrono::milliseconds head{10'000};    // from the request sent to the answer's head
  std::chrono::milliseconds idle{30'000};    // between two pieces of a body
  std::chrono::milliseconds body{60'000};    // the whole of a body, by read_all()
  // TCP_USER_TIMEOUT and keepalive: a half-open connection ends within about this time.
  std::chrono::milliseconds dead_peer{20'000};
};

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET";
  std::string target;  // path and query, encoded
  Headers headers;     // Host, User-Agent and Connection are added
  std::string body;
};

struct Head {
  unsigned status = 0;
  Headers headers;                                                  // names in lower case
  std::string_view header(std::string_view lower_case_name) const;  // "" when absent
};

class HttpStream {
 public:
  // `prepare` is called with each new socket before it connects (the agent's own sockets bypass
  // the hook, design.md 3).
  using Prepare = std::function<void(int fd)>;
  // Names to addresses; called on a thread of its own, may block. None: getaddrinfo.
  using Lookup =
      std::function<Result<std::vector<boost::asio::ip::address>>(const std::string& host)>;
  // Must not outlive the loop. May be destroyed while an operation is pending, which then ends as
  // by close().
  HttpStream(const boost::asio::any_io_executor& loop, Prepare prepare, Lookup lookup = nullptr);
  ~HttpStream();
  HttpStream(HttpStream&&) noexcept;
  HttpStream& operator=(HttpStream&&) noexcept;

  // Which server the next connection goes to, and how; another one than before closes this one.
  void use(const Server& server, const TlsSettings& tls, const Timeouts& timeouts);

  // Connects if need be (a kept-alive connection found dead is connected anew once), sends, and
  // reads the head. An unread body of the request before is dropped with its connection.
  // Errors: unavailable (cannot reach, timed out, closed, says what failed and how long it took),
  // denied (the certificate is not trusted, says why), invalid (not HTTP).
  boost::asio::awaitable<Result<Head>> send(Request request);

  // The next piece of the body as it arrives, at most 64 KiB; "" at its end. A stream closed
  // before the end of its body is unavailable, "truncated". `idle` replaces Timeouts::idle.
  boost::asio::awaitable<Result<std::string>> read(
      std::optional<std::chrono::milliseconds> idle = std::nullopt);

  // The whole body, up to `most` bytes (exhausted: it is longer).
  boost::asio::awaitable<Result<std::string>> read_all(std::size_t most);

  // Ends what is pending with unavailable, "closed here".
  void close();
  bool connected() const;
  std::uint64_t connections() const;  // made so far: tells whether send() connected anew
  std::string peer() const;           // "10.0.0.1:6443" of the connection; "" without one

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace holdfast::net
