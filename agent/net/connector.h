// SPDX-License-Identifier: Apache-2.0
// From a server's name to a connection: resolve, connect, verify; every address in turn. On the
// loop only; the caller keeps this object alive until the end.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "agent/base/result.h"
#include "agent/net/connection.h"
#include "agent/net/http_stream.h"
#include "agent/net/interrupt.h"
#include "agent/net/name_lookup.h"

namespace holdfast::net {

class Connector {
 public:
  using Made = Result<std::shared_ptr<Connection>>;

  Connector(const boost::asio::any_io_executor& loop, HttpStream::Prepare prepare,
            HttpStream::Lookup lookup);

  // Errors: denied when an address answered and was not trusted; else unavailable; each address
  // with its reason.
  boost::asio::awaitable<Made> connect(Server server, TlsSettings settings, Timeouts timeouts,
                                       Interrupt& interrupt);

 private:
  // What is left of one phase's time, which its remaining attempts share.
  struct Budget {
    std::chrono::milliseconds left;
    std::chrono::milliseconds share(std::size_t attempts) const;
    void spend(std::chrono::steady_clock::time_point since);
  };
  struct Budgets {
    Budget tcp, tls;
    std::size_t attempts;  // that remain
  };

  Result<> prepare_tls(const Server& server, const TlsSettings& settings);
  boost::asio::awaitable<Result<>> attempt(std::shared_ptr<Connection> connection,
                                           Connection::Peer peer, Server server,
                                           const Timeouts& timeouts, Budgets& budgets,
                                           Interrupt& interrupt);

  boost::asio::any_io_executor loop_;
  HttpStream::Prepare prepare_;
  NameLookup names_;
  TlsSettings settings_;  // what tls_ was made of
  std::shared_ptr<SharedTls> tls_;
};

std::string to_string(const Connection::Peer& peer);  // "10.0.0.1:6443", "[::1]:6443"

}  // namespace holdfast::net
