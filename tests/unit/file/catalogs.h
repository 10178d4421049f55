// SPDX-License-Identifier: Apache-2.0
// Texts of catalogs, and short ways to say what a set of files told.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "agent/sources/file/file_set.h"

namespace holdfast::test {

inline std::string service(const std::string& name, const std::string& address) {
  return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name +
         "}\nspec: {clusterIP: " + address + ", ports: [{port: 80}]}\n---\n";
}
inline std::string slice(const std::string& of, const std::vector<std::string>& addresses) {
  std::string endpoints;
  for (const std::string& one : addresses)
    endpoints += (endpoints.empty() ? "{addresses: [" : ", {addresses: [") + one + "]}";
  return "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: " + of +
         "-1, labels: {kubernetes.io/service-name: " + of +
         "}}\naddressType: IPv4\nports: [{port: 8080}]\nendpoints: [" + endpoints + "]\n---\n";
}
inline const std::string kSong =
    service("song", "10.96.0.10") + slice("song", {"10.1.0.1", "10.1.0.2"});
inline const std::string kImage = service("image", "10.96.0.11") + slice("image", {"10.1.0.3"});

using Files = std::map<std::string, Result<std::string>>;

// What all updates together say is there: service name -> endpoints.
class Told {
 public:
  void take(const SourceUpdate& update) {
    for (const ServiceChange& change : update.changes) {
      if (!change.now) {
        now_.erase(change.key.name);
        values_.erase(change.key.name);
        continue;
      }
      values_[change.key.name] = change.now;
      std::vector<std::string>& list = now_[change.key.name];
      list.clear();
      for (const Pool& pool : change.now->pools) {
        for (const Endpoint& one : pool.endpoints) list.push_back(one.address.to_string());
      }
    }
  }
  std::size_t endpoints(const std::string& service) const {
    const auto found = now_.find(service);
    return found == now_.end() ? 0 : found->second.size();
  }
  std::vector<ServicePtr> values() const {
    std::vector<ServicePtr> result;
    for (const auto& [name, service] : values_) result.push_back(service);
    return result;
  }
  bool lists(const std::string& service) const { return now_.contains(service); }
  std::vector<std::string> services() const {
    std::vector<std::string> result;
    for (const auto& [name, list] : now_) result.push_back(name);
    return result;
  }

 private:
  std::map<std::string, std::vector<std::string>> now_;
  std::map<std::string, ServicePtr> values_;
};

}  // namespace holdfast::test
