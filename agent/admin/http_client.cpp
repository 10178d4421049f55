// SPDX-License-Identifier: Apache-2.0
#include <sys/un.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>

#include "agent/admin/http.h"

namespace holdfast::admin {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

// Connect, write, read, on a loop of its own: SO_RCVTIMEO is no use here, since Asio's blocking
// calls wait again after it strikes.
struct Exchange {
  explicit Exchange(const Request& request)
      : stream(loop), message(http::string_to_verb(request.method), request.path, 11) {
    message.set(http::field::host, "holdfastd");
    message.keep_alive(false);
    message.body() = request.body;
    message.prepare_payload();
    parser.body_limit(boost::none);
  }

  void start(const std::string& socket) {
    stream.async_connect(asio::local::stream_protocol::endpoint(socket),
                         [this](const beast::error_code& result) {
                           connected = !result;
                           error = result;
                           if (connected) write();
                         });
  }
  void write() {
    http::async_write(stream, message, [this](const beast::error_code& result, std::size_t) {
      error = result;
      if (!error) read();
    });
  }
  void read() {
    http::async_read(stream, buffer, parser, [this](const beast::error_code& result, std::size_t) {
      error = result;
      done = true;
    });
  }

  asio::io_context loop;
  asio::local::stream_protocol::socket stream;
  http::request<http::string_body> message;
  http::response_parser<http::string_body> parser;
  beast::flat_buffer buffer;
  beast::error_code error;
  bool connected = false;
  bool done = false;
};

}  // namespace

Result<Response> request_unix(const std::string& socket, const Request& request,
                              int timeout_seconds) {
  if (socket.size() >= sizeof(sockaddr_un::sun_path))
    return fail(Errc::invalid, "admin socket path is too long: " + socket);
  Exchange exchange(request);
  exchange.start(socket);
  exchange.loop.run_for(std::chrono::seconds(timeout_seconds));
  if (!exchange.done && !exchange.error) {
    return fail(Errc::unavailable, "holdfastd on " + socket + " did not answer within " +
                                       std::to_string(timeout_seconds) + " s");
  }
  if (!exchange.connected) {
    auto failure = fail_errno(exchange.error.value(), "holdfastd does not answer on " + socket);
    failure.value().code = Errc::unavailable;
    return failure;
  }
  if (exchange.error)
    return fail(Errc::unavailable, "holdfastd on " + socket + ": " + exchange.error.message());
  const auto& answer = exchange.parser.get();
  const auto type = answer[http::field::content_type];
  return Response{answer.result_int(), std::string(type.data(), type.size()), answer.body()};
}

}  // namespace holdfast::admin
