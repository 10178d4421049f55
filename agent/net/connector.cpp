// SPDX-License-Identifier: Apache-2.0
#include "agent/net/connector.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::net {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// Too little for a handshake across a continent is no attempt at all.
constexpr milliseconds kLeastShare{250};

milliseconds since(steady_clock::time_point begun) {
  return std::chrono::ceil<milliseconds>(steady_clock::now() - begun);
}

}  // namespace

std::string to_string(const Connection::Peer& peer) {
  const std::string host = peer.address().to_string();
  return peer.address().is_v6() ? fmt::format("[{}]:{}", host, peer.port())
                                : fmt::format("{}:{}", host, peer.port());
}

milliseconds Connector::Budget::share(std::size_t attempts) const {
  return std::max(kLeastShare,
                  left / static_cast<milliseconds::rep>(std::max<std::size_t>(1, attempts)));
}

void Connector::Budget::spend(steady_clock::time_point begun) {
  left -= since(begun);
}

Connector::Connector(const asio::any_io_executor& loop, HttpStream::Prepare prepare,
                     HttpStream::Lookup lookup)
    : loop_(loop), prepare_(std::move(prepare)), names_(loop, std::move(lookup)) {}

Result<> Connector::prepare_tls(const Server& server, const TlsSettings& settings) {
  if (!server.tls || (tls_ && settings == settings_)) return {};
  auto made = share_tls(settings);
  if (!made) return Failure(made.error());
  tls_ = *made;
  settings_ = settings;
  return {};
}

asio::awaitable<Connector::Made> Connector::connect(Server server, TlsSettings settings,
                                                    Timeouts timeouts, Interrupt& interrupt) {
  const auto ready = prepare_tls(server, settings);
  if (!ready) co_return Failure(ready.error());
  const auto found = co_await names_.resolve(server.host, timeouts.resolve, interrupt);
  if (!found) co_return Failure(found.error());
  Budgets budgets{{timeouts.connect}, {timeouts.connect}, found->addresses.size()};
  Error failure{Errc::unavailable, 0, found->trouble};
  for (const auto& address : found->addresses) {
    auto connection = std::make_shared<Connection>(loop_);
    const Connection::Peer peer(address, server.port);
    const auto done = co_await attempt(connection, peer, server, timeouts, budgets, interrupt);
    if (interrupt.closed()) co_return fail(Errc::unavailable, "closed here");
    if (done) {
      if (server.tls && settings.verify) names_.verified(server.host, address);
      co_return connection;
    }
    connection->close();
    --budgets.attempts;
    if (done.error().code == Errc::denied) failure.code = Errc::denied;
    failure.what += (failure.what.empty() ? "" : "; ") + done.error().what;
    if (budgets.tcp.left <= milliseconds(0) || budgets.tls.left <= milliseconds(0)) break;
  }
  co_return Failure(std::move(failure));
}

asio::awaitable<Result<>> Connector::attempt(std::shared_ptr<Connection> connection,
                                             Connection::Peer peer, Server server,
                                             const Timeouts& timeouts, Budgets& budgets,
                                             Interrupt& interrupt) {
  const auto abort = [connection] { connection->close(); };
  const auto outcome = [&](const char* doing, steady_clock::time_point begun,
                           const Connection::Error& error) -> Result<> {
    if (!error && !interrupt.expired()) return {};
    const std::string context = fmt::format("{} {}", doing, to_string(peer));
    if (interrupt.expired())
      return fail(Errc::unavailable,
                  fmt::format("{}: no answer within {} ms", context, since(begun).count()));
    auto failure = connection->explain(error);
    failure.what += fmt::format(", after {} ms", since(begun).count());
    return within(context, std::move(failure));
  };

  Result<> done;
  {
    const auto begun = steady_clock::now();
    const auto step = interrupt.step(budgets.tcp.share(budgets.attempts), abort);
    const auto error = co_await connection->connect(peer, prepare_, timeouts.dead_peer);
    budgets.tcp.spend(begun);
    done = outcome("connect to", begun, error);
  }
  if (!done || !server.tls || interrupt.closed()) co_return done;
  const auto begun = steady_clock::now();
  const auto step = interrupt.step(budgets.tls.share(budgets.attempts), abort);
  const std::string name = settings_.server_name.empty() ? server.host : settings_.server_name;
  const auto error = co_await connection->handshake(tls_, name, settings_.verify);
  budgets.tls.spend(begun);
  co_return outcome("TLS with", begun, error);
}

}  // namespace holdfast::net
