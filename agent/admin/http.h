// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 for the admin socket and the probes, behind two small types, so that Boost.Beast is
// compiled once. Requests and answers are small: bodies are bounded to 64 KiB in, any size out.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "agent/base/result.h"

namespace holdfast::admin {

struct Request {
  std::string method;  // "GET", "POST"
  std::string path;    // decoded, without the query
  std::string body;
  bool local = false;  // over the unix socket, which lets in its owner alone
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
};

using Handler = std::function<Response(const Request&)>;

// Serves on the loop it is given; at most 64 connections, each idle for at most 10 s.
class Server {
 public:
  Server(boost::asio::io_context& loop, Handler handler);
  ~Server();
  // Binds a unix socket with mode 0600, replacing a dead one left behind (exists: somebody
  // answers on it). The directory is created.
  Result<> listen_unix(const std::string& path);
  // "127.0.0.1:9464" or "[::1]:9464".
  Result<> listen_tcp(const std::string& address);
  void stop();

  struct State;  // private to agent/admin

 private:
  std::shared_ptr<State> state_;
};

// One blocking request over a unix socket, for the CLI. unavailable: nobody listens there.
Result<Response> request_unix(const std::string& socket, const Request& request,
                              int timeout_seconds);

}  // namespace holdfast::admin
