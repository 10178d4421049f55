// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <list>
#include <type_traits>

#include "agent/admin/http.h"
#include "agent/base/fd.h"

namespace holdfast::admin {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using local = asio::local::stream_protocol;

namespace {

constexpr std::size_t kMostConnections = 64;
constexpr std::size_t kLongestBody = 64 * 1024;
constexpr auto kIdle = std::chrono::seconds(10);
constexpr auto kPause = std::chrono::milliseconds(100);

}  // namespace

struct Server::State : std::enable_shared_from_this<Server::State> {
  State(asio::io_context& on, Handler handle) : loop(on), handler(std::move(handle)) {}

  asio::io_context& loop;
  Handler handler;
  std::list<local::acceptor> unix_acceptors;
  std::list<tcp::acceptor> tcp_acceptors;
  std::size_t connections = 0;
  bool stopped = false;
  std::string unix_path;

  Response answer(const http::request<http::string_body>& request, bool over_unix) const {
    const auto target = boost::urls::parse_origin_form(
        boost::core::string_view(request.target().data(), request.target().size()));
    if (!target) return {400, "application/json", "{\"error\": \"bad request target\"}\n"};
    const auto method = request.method_string();
    return handler({std::string(method.data(), method.size()), std::string(target->path()),
                    request.body(), over_unix});
  }
};

namespace {

Response too_long() {
  return {413, "application/json", "{\"error\": \"the request is longer than 64 KiB\"}\n"};
}

// One connection, kept alive between requests. Owns itself through its pending operations.
template <class Protocol>
class Session : public std::enable_shared_from_this<Session<Protocol>> {
 public:
  Session(typename Protocol::socket socket, std::shared_ptr<Server::State> server)
      : stream_(std::move(socket)), server_(std::move(server)) {
    ++server_->connections;
  }
  ~Session() { --server_->connections; }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void read() {
    parser_.emplace();
    parser_->body_limit(kLongestBody);
    stream_.expires_after(kIdle);
    http::async_read(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](const beast::error_code& error, std::size_t) {
          if (self->server_->stopped) return;
          if (!error) self->respond(self->server_->answer(self->parser_->get(), kOverUnix), true);
          if (error == http::error::body_limit) self->respond(too_long(), false);
        });
  }

 private:
  static constexpr bool kOverUnix = std::is_same_v<Protocol, local>;

  void respond(const Response& answer, bool go_on) {
    const auto& request = parser_->get();
    response_ = {};
    response_.version(request.version());
    response_.result(answer.status);
    response_.set(http::field::content_type, answer.content_type);
    response_.keep_alive(go_on && request.keep_alive());
    response_.body() = answer.body;
    response_.prepare_payload();
    http::async_write(
        stream_, response_,
        [self = this->shared_from_this()](const beast::error_code& error, std::size_t) {
          if (!error && self->response_.keep_alive()) self->read();
        });
  }

  beast::basic_stream<Protocol> stream_;
  std::shared_ptr<Server::State> server_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

template <class Protocol, class Acceptor>
void accept(Acceptor& acceptor, const std::shared_ptr<Server::State>& server) {
  acceptor.async_accept(
      [&acceptor, server](const beast::error_code& error, typename Protocol::socket socket) {
        if (server->stopped || error == asio::error::operation_aborted) return;
        // Above the bound the connection is closed at once: nobody can fill the table of
        // descriptors.
        if (!error && server->connections < kMostConnections)
          std::make_shared<Session<Protocol>>(std::move(socket), server)->read();
        if (!error) return accept<Protocol>(acceptor, server);
        // Out of descriptors, say: asking again at once would spin.
        auto pause = std::make_shared<asio::steady_timer>(server->loop, kPause);
        pause->async_wait([&acceptor, server, pause](const beast::error_code&) {
          if (!server->stopped) accept<Protocol>(acceptor, server);
        });
      });
}

bool somebody_answers(const std::string& path) {
  // A stuck owner with a full backlog says EAGAIN; without NONBLOCK we would hang with it.
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno == EAGAIN;
}

Failure failed(const std::string& what, const beast::error_code& error) {
  return fail_errno(error.value(), what);
}

template <class Protocol, class Acceptor>
Result<> listen(Acceptor& acceptor, const typename Protocol::endpoint& endpoint,
                const std::string& what) {
  beast::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if constexpr (std::is_same_v<Protocol, tcp>)
    acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return failed("listen on " + what, error);
  return {};
}

}  // namespace

Server::Server(asio::io_context& loop, Handler handler)
    : state_(std::make_shared<State>(loop, std::move(handler))) {}

Server::~Server() {
  stop();
}

Result<> Server::listen_unix(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path))
    return fail(Errc::invalid, "admin socket path is too long: " + path);
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) return fail_errno(error.value(), "make the directory of the admin socket " + path);
  if (somebody_answers(path))
    return fail(Errc::exists, "another daemon answers on the admin socket " + path);
  struct stat there {};
  if (::lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode))
      return fail(Errc::exists, "admin socket " + path + ": something else is there");
    ::unlink(path.c_str());
  }
  auto& acceptor = state_->unix_acceptors.emplace_back(state_->loop);
  const mode_t before = ::umask(0177);  // never, not for a moment, open to others
  auto listening = listen<local>(acceptor, local::endpoint(path), path);
  ::umask(before);
  if (!listening) return listening;
  state_->unix_path = path;
  accept<local>(acceptor, state_);
  return {};
}

Result<> Server::listen_tcp(const std::string& address) {
  const auto colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  beast::error_code error;
  const auto ip = asio::ip::make_address(host, error);
  if (colon == std::string::npos || error)
    return fail(Errc::invalid, "listen address must be ADDRESS:PORT, not " + address);
  const char* const end = address.data() + address.size();
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(address.data() + colon + 1, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end || port == 0)
    return fail(Errc::invalid, "listen address needs a port of 1 to 65535, not " + address);
  auto& acceptor = state_->tcp_acceptors.emplace_back(state_->loop);
  if (auto listening = listen<tcp>(acceptor, tcp::endpoint(ip, port), address); !listening)
    return listening;
  accept<tcp>(acceptor, state_);
  return {};
}

void Server::stop() {
  if (std::exchange(state_->stopped, true)) return;
  beast::error_code ignored;
  for (auto& acceptor : state_->unix_acceptors) acceptor.close(ignored);
  for (auto& acceptor : state_->tcp_acceptors) acceptor.close(ignored);
  if (!state_->unix_path.empty()) ::unlink(state_->unix_path.c_str());
}

}  // namespace holdfast::admin
