// SPDX-License-Identifier: Apache-2.0
// The one translation unit with Asio's TLS.
#include "agent/net/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

namespace holdfast::net {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

struct SharedTls {
  explicit SharedTls(TlsContext made) : context(made.release()) {}
  ssl::context context;
};

Result<std::shared_ptr<SharedTls>> share_tls(const TlsSettings& settings) {
  auto made = make_tls_context(settings);
  if (!made) return Failure(made.error());
  return std::make_shared<SharedTls>(std::move(*made));
}

struct Connection::Secure {
  Secure(asio::ip::tcp::socket& socket, std::shared_ptr<SharedTls> shared)
      : tls(std::move(shared)), stream(socket, tls->context) {}

  std::shared_ptr<SharedTls> tls;
  ssl::stream<asio::ip::tcp::socket&> stream;
};

namespace {

// A peer that vanished without a word is noticed within about `dead_peer`: TCP_USER_TIMEOUT counts
// while data is unanswered, the probes while there is none.
void watch_peer(int fd, std::chrono::milliseconds dead_peer) {
  const auto set = [fd](int level, int option, int value) {
    // A kernel without one of these still has the timers of each phase.
    (void)::setsockopt(fd, level, option, &value, sizeof value);
  };
  constexpr int kProbes = 3;
  const int seconds =
      std::max(2, static_cast<int>(std::chrono::ceil<std::chrono::seconds>(dead_peer).count()));
  const int interval = std::max(1, seconds / (2 * kProbes));
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, std::max(1, seconds - kProbes * interval));
  set(IPPROTO_TCP, TCP_KEEPINTVL, interval);
  set(IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(dead_peer.count()));
  set(IPPROTO_TCP, TCP_NODELAY, 1);
}

bool is_address(const std::string& name) {
  boost::system::error_code error;
  asio::ip::make_address(name, error);
  return !error;
}

}  // namespace

Connection::Connection(const asio::any_io_executor& loop) : socket_(loop) {}
Connection::~Connection() = default;

asio::awaitable<Connection::Error> Connection::connect(Peer peer,
                                                       const HttpStream::Prepare& prepare,
                                                       std::chrono::milliseconds dead_peer) {
  peer_ = peer;
  Error error;
  socket_.open(peer.protocol(), error);
  if (error) co_return error;
  if (prepare) prepare(socket_.native_handle());
  watch_peer(socket_.native_handle(), dead_peer);
  const auto [result] = co_await socket_.async_connect(peer, kTuple);
  co_return result;
}

asio::awaitable<Connection::Error> Connection::handshake(std::shared_ptr<SharedTls> tls,
                                                         std::string name, bool verify) {
  secure_ = std::make_unique<Secure>(socket_, std::move(tls));
  auto& stream = secure_->stream;
  Error error;
  if (!is_address(name)) SSL_set_tlsext_host_name(stream.native_handle(), name.c_str());
  stream.set_verify_mode(verify ? ssl::verify_peer : ssl::verify_none, error);
  if (error) co_return error;
  if (verify) {
    stream.set_verify_callback(
        [this, name](bool chain_good, ssl::verify_context& context) {
          const bool good = ssl::host_name_verification(name)(chain_good, context);
          if (!good && refusal_.empty())
            refusal_ = refusal(context.native_handle(), chain_good, name);
          return good;
        },
        error);
  }
  if (error) co_return error;
  const auto [result] = co_await stream.async_handshake(ssl::stream_base::client, kTuple);
  co_return result;
}

asio::awaitable<std::pair<Connection::Error, std::size_t>> Connection::read_some(
    asio::mutable_buffer into) {
  if (secure_) {
    const auto [error, size] = co_await secure_->stream.async_read_some(into, kTuple);
    co_return std::make_pair(error, size);
  }
  const auto [error, size] = co_await socket_.async_read_some(into, kTuple);
  co_return std::make_pair(error, size);
}

asio::awaitable<Connection::Error> Connection::write(asio::const_buffer from) {
  if (secure_) {
    const auto [error, size] = co_await asio::async_write(secure_->stream, from, kTuple);
    co_return error;
  }
  const auto [error, size] = co_await asio::async_write(socket_, from, kTuple);
  co_return error;
}

void Connection::close() {
  Error ignored;
  socket_.close(ignored);
}

bool Connection::open() const {
  return socket_.is_open();
}

bool Connection::stale() {
  char byte = 0;
  const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got < 0) return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
  // Bytes without a question are no HTTP; within TLS they may be a ticket.
  return got == 0 || !secure_;
}

holdfast::Error Connection::explain(const Error& error) const {
  if (!refusal_.empty()) return {Errc::denied, 0, refusal_};
  if (error.category() == asio::error::get_ssl_category()) {
    const auto number = static_cast<unsigned long>(error.value());
    return {wants_client_certificate(number) ? Errc::denied : Errc::unavailable, 0,
            tls_words(number)};
  }
  if (is_end(error) && error != asio::error::connection_reset)
    return {Errc::unavailable, 0, "closed by the server"};
  if (error.category() != boost::system::system_category())
    return {Errc::unavailable, 0, error.message()};
  return {Errc::unavailable, error.value(),
          fail_errno(error.value(), "").value().what.substr(2)};  // without the ": "
}

bool is_end(const Connection::Error& error) {
  return is_clean_end(error) || error == ssl::error::stream_truncated ||
         error == asio::error::connection_reset || error == asio::error::broken_pipe;
}

bool is_clean_end(const Connection::Error& error) {
  return error == asio::error::eof;
}

}  // namespace holdfast::net
