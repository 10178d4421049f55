// SPDX-License-Identifier: Apache-2.0
// The way to the API that the kinds of one source share: which server, as whom, and whether it is
// the cluster we know. One loop, one thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "agent/net/http_stream.h"
#include "agent/sources/kubernetes/api/backoff.h"
#include "agent/sources/kubernetes/api/credentials.h"
#include "agent/sources/kubernetes/api/route.h"
#include "agent/sources/kubernetes/api/wire.h"

namespace holdfast::kubernetes {

// Why a request or a stream ended, in words and as what decides the wait.
struct Trouble {
  Ending ending = Ending::clean;
  std::string what;  // "" for a clean end
  std::optional<std::chrono::seconds> retry_after;
  ApiStatus status{};  // of an answer that was not 200
};
// Never by braces in a co_return: GCC 12 destroys such an aggregate's members twice.
Trouble ended(Ending ending, std::string what);
template <class T = void>
using Attempt = tl::expected<T, Trouble>;
using NoLuck = tl::unexpected<Trouble>;

class Access {
 public:
  // `servers`: asked instead of the ones that the credentials name; none: those.
  Access(CredentialsOrigin origin, std::vector<std::string> servers)
      : credentials_(std::move(origin)), servers_(std::move(servers)) {}

  // Sends a GET on `stream`, connecting it to the server of the day; a new connection is asked for
  // its cluster first. Returns once the head of a 200 is there.
  boost::asio::awaitable<Attempt<net::Head>> get(net::HttpStream& stream, std::string target,
                                                 const char* accept);
  // The same, and the whole body.
  boost::asio::awaitable<Attempt<std::string>> get_all(net::HttpStream& stream, std::string target,
                                                       const char* accept, std::size_t most);

  Route& route() { return route_; }
  const Route& route() const { return route_; }

  // Identity: the uid of namespace kube-system (design.md 4.10). "": not known.
  const std::string& cluster() const { return cluster_; }
  void remember_cluster(std::string uid) { cluster_ = std::move(uid); }
  // The uid of a cluster that answered in place of the known one; "": none does.
  const std::string& foreign() const { return foreign_; }
  TimePoint foreign_since() const { return foreign_since_; }
  bool confirm();  // takes the foreign one for ours; false: there is none

  std::uint64_t requests() const { return requests_; }
  // The server asked last, or where the way to one is read from.
  std::string asked() const { return asked_.empty() ? credentials_.origin().to_string() : asked_; }

 private:
  Attempt<> refresh();
  boost::asio::awaitable<Attempt<net::Head>> send(net::HttpStream& stream,
                                                  const net::Server& server, std::string target,
                                                  const char* accept);
  boost::asio::awaitable<Attempt<>> identify(net::HttpStream& stream, const net::Server& server);

  CredentialReader credentials_;
  std::vector<std::string> servers_;
  Route route_;
  std::string cluster_, foreign_, asked_;
  TimePoint foreign_since_;
  std::uint64_t requests_ = 0;
};

// managedFields are up to half of an object's bytes, and nothing here reads them. Servers that do
// not know the parameter ignore it; one that minds it has the plain type to choose.
inline constexpr const char* kJson =
    "application/json;drop=metadata.managedFields, application/json";
inline constexpr const char* kMetadataList =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1;drop=metadata.managedFields, "
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

}  // namespace holdfast::kubernetes
