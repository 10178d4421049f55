// SPDX-License-Identifier: Apache-2.0
// A server for a test: real sockets, real TLS, one thread a connection, which runs what the test
// wants done with it. Ends all of them at destruction.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/fd.h"
#include "agent/net/http_stream.h"
#include "certificates.h"

namespace holdfast::net {

// The server's end of one connection. Blocking; every call ends when the server does.
class Peer {
 public:
  Peer(int fd, SSL* tls, const std::atomic<bool>& ending) : fd_(fd), tls_(tls), ending_(ending) {}

  std::string read_request();  // the head and Content-Length bytes; "" at the end
  bool send(const std::string& text);
  void send_close_notify();
  void reset();           // RST instead of FIN
  void wait_for_close();  // until the client closes
  bool ending() const { return ending_; }

 private:
  long receive(char* into, std::size_t size);

  int fd_;
  SSL* tls_;  // nullptr: plain
  const std::atomic<bool>& ending_;
};

struct TlsServing {
  Issued identity;
  std::string client_authority_pem;  // set: a client certificate is required
};

class TestServer {
 public:
  using Serve = std::function<void(Peer&)>;

  explicit TestServer(Serve serve, std::optional<TlsServing> tls = std::nullopt,
                      const std::string& address = "127.0.0.1");
  ~TestServer();

  std::uint16_t port() const { return port_; }
  Server as(const std::string& host) const { return {host, port_, context_ != nullptr}; }
  int connections() const { return connections_; }  // accepted so far, TLS or not
  std::string last_sni();                           // "": none was sent
  void stop();                                      // closes the listener and every connection

 private:
  void accept();
  void handle(int fd);

  Serve serve_;
  std::shared_ptr<SSL_CTX> context_;
  std::uint16_t port_ = 0;
  Fd listener_;
  std::atomic<int> connections_ = 0;
  std::atomic<bool> ending_ = false;
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::string sni_;
  std::thread acceptor_;
};

// "HTTP/1.1 200 OK" with a Content-Length.
std::string answer(const std::string& body, const std::string& more_headers = "");

}  // namespace holdfast::net
