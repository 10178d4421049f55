// SPDX-License-Identifier: Apache-2.0
// What the tests of the client share: a loop, a stream, and awaiting on it.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/net/http_stream.h"
#include "test_server.h"

namespace holdfast::net {

using namespace std::chrono_literals;
namespace asio = boost::asio;

// Long enough never to strike unless the test is about it.
inline constexpr Timeouts kPatient{20s, 20s, 20s, 20s, 20s, 20s};

class Client : public testing::Test {
 protected:
  template <class T>
  T run(asio::awaitable<T> operation) {
    std::optional<T> result;
    asio::co_spawn(loop_, std::move(operation), [&](const std::exception_ptr& thrown, T value) {
      EXPECT_EQ(thrown, nullptr) << "no operation may throw";
      result = std::move(value);
    });
    loop_.restart();
    loop_.run();
    return std::move(*result);
  }

  struct Got {
    Result<Head> head = fail(Errc::internal, "");
    Result<std::string> body = fail(Errc::internal, "");
  };
  // The head, and the body when there is one.
  Got get(const std::string& target = "/", const Headers& headers = {}) {
    Got got;
    got.head = run(stream_.send({"GET", target, headers, ""}));
    if (got.head) got.body = run(stream_.read_all(64 << 20));
    return got;
  }

  // Names to these addresses, in this order.
  HttpStream::Lookup knowing(const std::vector<std::string>& addresses) {
    return [addresses](const std::string&) -> Result<std::vector<asio::ip::address>> {
      std::vector<asio::ip::address> list;
      for (const auto& one : addresses) list.push_back(asio::ip::make_address(one));
      return list;
    };
  }

  asio::io_context loop_;
  std::vector<int> prepared_;
  HttpStream stream_{loop_.get_executor(), [this](int fd) { prepared_.push_back(fd); }};
};

}  // namespace holdfast::net
