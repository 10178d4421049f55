// SPDX-License-Identifier: Apache-2.0
// Names to addresses without blocking the loop: getaddrinfo on a thread of its own for each name,
// which nobody waits for at the end (Asio's resolver is joined, and cannot be given up in time).
// Remembers the last good answer for when the resolver fails. On the loop only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/net/http_stream.h"
#include "agent/net/interrupt.h"

namespace holdfast::net {

class NameLookup {
 public:
  NameLookup(boost::asio::any_io_executor loop, HttpStream::Lookup lookup);

  struct Answer {
    std::vector<boost::asio::ip::address> addresses;  // not empty, in the order to try
    std::string trouble;  // why these are from before: what the resolver said; "": they are new
  };
  // An address is its own answer. The caller keeps this object alive until the end.
  boost::asio::awaitable<Result<Answer>> resolve(std::string host, std::chrono::milliseconds time,
                                                 Interrupt& interrupt);

  // A connection to this address of the host was made and its certificate verified: it is tried
  // last even when an answer of the resolver leaves it out.
  void verified(const std::string& host, const boost::asio::ip::address& address);

 private:
  struct Pending;
  struct Known {
    std::vector<boost::asio::ip::address> resolved;
    std::vector<boost::asio::ip::address> verified;  // none or one
    std::shared_ptr<Pending> pending;                // a look-up that was given up and still runs
  };

  boost::asio::awaitable<Result<Answer>> ask(std::string host, std::chrono::milliseconds time,
                                             Interrupt& interrupt);
  Result<std::shared_ptr<Pending>> start(const std::string& host);

  boost::asio::any_io_executor loop_;
  HttpStream::Lookup lookup_;
  std::map<std::string, Known> known_;  // by host
};

// getaddrinfo: blocks. Every address once, in its order.
Result<std::vector<boost::asio::ip::address>> system_lookup(const std::string& host);

}  // namespace holdfast::net
