// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/api/route.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace holdfast::kubernetes {
namespace {

// In the certificate of every API server (kubeadm and the reference server put it there).
constexpr const char* kServerName = "kubernetes.default.svc";

}  // namespace

void Route::configure(std::vector<net::Server> servers) {
  if (servers == configured_) return;
  configured_ = std::move(servers);
  at_ = 0;
}

void Route::learn(std::vector<net::Server> servers) {
  if (servers.empty() || servers == learned_) return;
  const auto now = current();
  learned_ = std::move(servers);
  // Stay where we are: an index into a list that grew or shrank names another server.
  at_ = 0;
  for (std::size_t index = 0; now && index < size(); ++index) {
    at_ = index;
    if (current()->server == now->server) return;
  }
  at_ = 0;
}

std::optional<Candidate> Route::current() const {
  if (size() == 0) return std::nullopt;
  if (at_ < configured_.size()) return Candidate{configured_[at_], ""};
  return Candidate{learned_[at_ - configured_.size()], kServerName};
}

void Route::failed(const net::Server& server) {
  const auto now = current();
  if (now && now->server == server) at_ = (at_ + 1) % size();
}

std::string RouteMemory::to_json() const {
  boost::json::array list;
  for (const net::Server& server : servers) list.emplace_back(server.to_string());
  return boost::json::serialize(
      boost::json::object{{"cluster", cluster}, {"servers", std::move(list)}});
}

std::optional<RouteMemory> RouteMemory::from_json(const std::string& text) {
  boost::json::error_code error;
  const auto value = boost::json::parse(text, error);
  if (error || !value.is_object()) return std::nullopt;
  RouteMemory memory;
  const auto* cluster = value.as_object().if_contains("cluster");
  if (cluster && cluster->is_string()) memory.cluster = cluster->as_string().c_str();
  const auto* list = value.as_object().if_contains("servers");
  if (list && list->is_array()) {
    for (const auto& one : list->as_array()) {
      if (!one.is_string()) continue;
      if (auto server = net::parse_server(one.as_string().c_str()))
        memory.servers.push_back(std::move(*server));
    }
  }
  return memory;
}

}  // namespace holdfast::kubernetes
