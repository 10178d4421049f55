// SPDX-License-Identifier: Apache-2.0
// Which API server is asked: the configured ones in order, then the ones learned from the endpoints
// of default/kubernetes. Needs no frontend of ours and no cluster DNS (design.md 4.14). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/model/update.h"
#include "agent/net/http_stream.h"

namespace holdfast::kubernetes {

struct Candidate {
  net::Server server;
  std::string server_name;  // verified against the certificate; "": as the configuration says
};

class Route {
 public:
  void configure(std::vector<net::Server> servers);
  // Kept until other ones are known: an API that is away has no endpoints to tell.
  void learn(std::vector<net::Server> servers);
  const std::vector<net::Server>& learned() const { return learned_; }

  std::optional<Candidate> current() const;  // nullopt: nothing is configured
  // The next one is tried, unless somebody moved on from `server` already.
  void failed(const net::Server& server);
  std::size_t size() const { return configured_.size() + learned_.size(); }

 private:
  std::vector<net::Server> configured_, learned_;
  std::size_t at_ = 0;
};

// What the snapshot keeps of the way to the API: one line of JSON.
struct RouteMemory {
  std::string cluster;  // uid of the namespace kube-system
  std::vector<net::Server> servers;

  std::string to_json() const;
  static std::optional<RouteMemory> from_json(const std::string& text);
};

}  // namespace holdfast::kubernetes
