// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>

#include "agent/admin/http.h"

namespace holdfast::admin {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

Result<Response> request_unix(const std::string& socket, const Request& request,
                              int timeout_seconds) {
  asio::io_context loop;
  asio::local::stream_protocol::socket stream(loop);
  beast::error_code error;
  if (socket.size() >= sizeof(sockaddr_un::sun_path))
    return fail(Errc::invalid, "admin socket path is too long: " + socket);
  stream.connect(socket, error);
  if (error) {
    auto failure = fail_errno(error.value(), "holdfastd does not answer on " + socket);
    failure.value().code = Errc::unavailable;
    return failure;
  }
  const timeval patience{timeout_seconds, 0};
  ::setsockopt(stream.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(stream.native_handle(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  http::request<http::string_body> message(http::string_to_verb(request.method), request.path, 11);
  message.set(http::field::host, "holdfastd");
  message.keep_alive(false);
  message.body() = request.body;
  message.prepare_payload();
  http::write(stream, message, error);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(boost::none);
  if (!error) http::read(stream, buffer, parser, error);
  if (error) {
    return fail(Errc::unavailable, "holdfastd on " + socket + ": " + error.message());
  }
  const auto type = parser.get()[http::field::content_type];
  return Response{parser.get().result_int(), std::string(type.data(), type.size()),
                  parser.get().body()};
}

}  // namespace holdfast::admin
