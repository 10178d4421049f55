// SPDX-License-Identifier: Apache-2.0
// One TCP connection, with TLS or without: bytes in, bytes out. On the loop only. close() ends what
// is pending; after an error only close() is of use. Whoever waits keeps the object alive.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "agent/net/http_stream.h"
#include "agent/net/tls.h"

namespace holdfast::net {

// A context shared by the connections made with the same settings.
struct SharedTls;
Result<std::shared_ptr<SharedTls>> share_tls(const TlsSettings& settings);

class Connection {
 public:
  using Error = boost::system::error_code;
  using Peer = boost::asio::ip::tcp::endpoint;

  explicit Connection(const boost::asio::any_io_executor& loop);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  boost::asio::awaitable<Error> connect(Peer peer, const HttpStream::Prepare& prepare,
                                        std::chrono::milliseconds dead_peer);
  // `name`: what the certificate must be for, a name (also sent as SNI) or an address.
  boost::asio::awaitable<Error> handshake(std::shared_ptr<SharedTls> tls, std::string name,
                                          bool verify);

  boost::asio::awaitable<std::pair<Error, std::size_t>> read_some(boost::asio::mutable_buffer into);
  boost::asio::awaitable<Error> write(boost::asio::const_buffer from);
  void close();

  bool open() const;
  bool stale();  // closed by the peer, or it spoke unasked: a look, without waiting
  const Peer& peer() const { return peer_; }

  // What an error of this connection means: a Result's error, in words.
  holdfast::Error explain(const Error& error) const;

 private:
  struct Secure;

  boost::asio::ip::tcp::socket socket_;
  Peer peer_;
  std::unique_ptr<Secure> secure_;  // with TLS
  std::string refusal_;             // why its certificate was refused
};

// The peer closed, with or without saying so by TLS; or reset the connection.
bool is_end(const Connection::Error& error);
bool is_clean_end(const Connection::Error& error);

}  // namespace holdfast::net
