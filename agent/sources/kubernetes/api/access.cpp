// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/api/access.h"

#include <fmt/format.h>

#include <charconv>

namespace holdfast::kubernetes {

Trouble ended(Ending ending, std::string what) {
  Trouble trouble;
  trouble.ending = ending;
  trouble.what = std::move(what);
  return trouble;
}

namespace {

namespace asio = boost::asio;

constexpr std::size_t kLongestError = 256 * 1024;

// A server's Retry-After in seconds (RFC 9110 10.2.3; the API never sends a date).
std::optional<std::chrono::seconds> retry_after(const net::Head& head) {
  const std::string_view text = head.header("retry-after");
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds == 0) return std::nullopt;
  return std::chrono::seconds(std::min(seconds, 3600u));
}

Ending ending_of(const ApiStatus& status) {
  switch (status.code) {
    case 410:
      return Ending::expired;
    case 401:
    case 403:
    case 404:
      return Ending::denied;
    case 429:
      return Ending::overloaded;
    default:
      return status.code >= 500 ? Ending::overloaded : Ending::broken;
  }
}

Trouble trouble_of(const Error& error) {
  const bool answered = error.code == Errc::invalid || error.code == Errc::exhausted;
  return ended(answered ? Ending::broken : Ending::unreachable, error.what);
}

}  // namespace

Attempt<> Access::refresh() {
  const auto read = credentials_.refresh(std::chrono::steady_clock::now());
  // A file half-way through its rotation: what was read before may still do.
  if (!credentials_.current()) return NoLuck(ended(Ending::denied, read.error().what));
  std::vector<net::Server> servers;
  for (const std::string& url : servers_) {
    auto server = net::parse_server(url);
    if (!server) return NoLuck(ended(Ending::denied, server.error().what));
    servers.push_back(std::move(*server));
  }
  route_.configure(servers.empty() ? credentials_.current()->servers : servers);
  return {};
}

bool Access::confirm() {
  if (foreign_.empty()) return false;
  cluster_ = std::exchange(foreign_, "");
  return true;
}

asio::awaitable<Attempt<net::Head>> Access::send(net::HttpStream& stream, const net::Server& server,
                                                 std::string target, const char* accept) {
  net::Request request;
  request.target = target;
  request.headers = {{"Accept", accept}};
  if (!credentials_.current()->token.empty())
    request.headers.emplace_back("Authorization", "Bearer " + credentials_.current()->token);
  ++requests_;
  auto head = co_await stream.send(std::move(request));
  if (!head) {
    route_.failed(server);
    co_return NoLuck(trouble_of(head.error()));
  }
  if (head->status == 200) co_return std::move(*head);
  const auto body = co_await stream.read_all(kLongestError);
  Trouble trouble;
  trouble.status = parse_status(head->status, body ? *body : std::string());
  trouble.ending = ending_of(trouble.status);
  trouble.retry_after = retry_after(*head);
  if (!trouble.retry_after) trouble.retry_after = trouble.status.retry_after;
  trouble.what = fmt::format("{} answers {} to {}: {}", server.to_string(), head->status,
                             target.substr(0, target.find('?')), trouble.status.message);
  if (head->status >= 500) route_.failed(server);
  if (head->status == 401) credentials_.rejected();
  co_return NoLuck(std::move(trouble));
}

asio::awaitable<Attempt<>> Access::identify(net::HttpStream& stream, const net::Server& server) {
  auto head = co_await send(stream, server, "/api/v1/namespaces/kube-system", kJson);
  if (!head) {
    // Without the permission, or in a cluster without that namespace, there is no identity.
    const unsigned code = head.error().status.code;
    if (code == 403 || code == 404) co_return Attempt<>();
    co_return NoLuck(std::move(head.error()));
  }
  const auto body = co_await stream.read_all(kLongestError);
  if (!body) co_return NoLuck(trouble_of(body.error()));
  const ParseOutcome parsed = parse_documents(*body, "");
  const Value* metadata = parsed.documents.empty() ? nullptr : parsed.documents[0].find("metadata");
  const Value* uid = metadata ? metadata->find("uid") : nullptr;
  if (!uid || uid->text.empty()) co_return Attempt<>();
  if (cluster_.empty()) cluster_ = uid->text;
  if (cluster_ == uid->text) {
    foreign_.clear();
    co_return Attempt<>();
  }
  if (foreign_.empty()) foreign_since_ = std::chrono::steady_clock::now();
  foreign_ = uid->text;
  route_.failed(server);
  co_return NoLuck(
      ended(Ending::foreign,
            fmt::format("{} is another cluster (namespace kube-system has uid {}, known is "
                        "{}); nothing it says is taken until it is confirmed",
                        server.to_string(), foreign_, cluster_)));
}

asio::awaitable<Attempt<net::Head>> Access::get(net::HttpStream& stream, std::string target,
                                                const char* accept) {
  if (auto ready = refresh(); !ready) co_return NoLuck(std::move(ready.error()));
  const auto candidate = route_.current();
  if (!candidate) co_return NoLuck(ended(Ending::unreachable, "no API server is configured"));
  asked_ = candidate->server.to_string();
  net::TlsSettings tls = credentials_.current()->tls;
  if (!candidate->server_name.empty()) tls.server_name = candidate->server_name;
  stream.use(candidate->server, tls, {});
  for (;;) {
    if (!stream.connected()) {
      if (auto known = co_await identify(stream, candidate->server); !known)
        co_return NoLuck(std::move(known.error()));
    }
    const std::uint64_t asked = stream.connections();
    auto head = co_await send(stream, candidate->server, target, accept);
    // A kept connection that had died was replaced on the way: whose the new one is, is not known.
    if (!head || stream.connections() == asked) co_return head;
    stream.close();
  }
}

asio::awaitable<Attempt<std::string>> Access::get_all(net::HttpStream& stream, std::string target,
                                                      const char* accept, std::size_t most) {
  auto head = co_await get(stream, std::move(target), accept);
  if (!head) co_return NoLuck(std::move(head.error()));
  auto body = co_await stream.read_all(most);
  if (!body) co_return NoLuck(ended(Ending::broken, body.error().what));
  co_return std::move(*body);
}

}  // namespace holdfast::kubernetes
