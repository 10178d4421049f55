// SPDX-License-Identifier: Apache-2.0
// Services, updates and what a guard admits of them, in few words.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/guard/guard.h"
#include "agent/model/picked.h"

namespace holdfast::test {

using namespace std::chrono_literals;

inline IpAddress ip(const std::string& text) {
  return IpAddress::parse(text).value();
}

inline ServiceKey key(const std::string& name) {
  return {"default", name};
}

struct Spec {
  std::string address = {};
  std::string uid = {};  // "": "uid-<address>"
  bool ready = true;
  bool terminating = false;
  std::uint16_t port = 8080;
  std::string node = "n1";
  std::string origin = {};
};

inline Endpoint endpoint(const Spec& spec) {
  Endpoint result;
  result.address = ip(spec.address);
  result.port = spec.port;
  result.ready = spec.ready && !spec.terminating;
  result.serving = spec.ready;
  result.terminating = spec.terminating;
  result.identity = Identity::from_text(spec.uid.empty() ? "uid-" + spec.address : spec.uid);
  result.node = Text(spec.node);
  result.origin = Text(spec.origin);
  return result;
}

// One pool, port 80.
inline std::shared_ptr<Service> service(const std::string& name, const std::vector<Spec>& specs,
                                        const std::string& origin = "") {
  auto result = std::make_shared<Service>();
  result->key = key(name);
  result->origin = Text(origin);
  Pool pool;
  pool.service_port = 80;
  pool.frontends = {{ip("10.96.0.1"), 80, FrontendKind::cluster_ip, false}};
  for (const Spec& spec : specs) pool.endpoints.push_back(endpoint(spec));
  std::sort(pool.endpoints.begin(), pool.endpoints.end(), [](const auto& a, const auto& b) {
    return std::tie(a.address, a.port) < std::tie(b.address, b.port);
  });
  result->pools = {pool};
  return result;
}

// "default/song" with a ready endpoint at each address.
inline ServicePtr song(const std::vector<std::string>& addresses) {
  std::vector<Spec> specs;
  for (const std::string& address : addresses) specs.push_back({address, ""});
  return service("song", specs);
}

inline ServiceChange change(Basis basis, const ServicePtr& now, bool explained = false) {
  return {now->key, now, explained, basis, {}};
}

inline SourceUpdate event(std::vector<ServiceChange> changes) {
  SourceUpdate update;
  update.source = "kube";
  update.changes = std::move(changes);
  return update;
}

inline SourceUpdate event(const ServicePtr& now, bool explained = false) {
  return event({change(Basis::event, now, explained)});
}

// A complete list: what it says of these services, and its end.
inline SourceUpdate list(const std::vector<ServicePtr>& services,
                         const std::vector<std::string>& absent = {}) {
  SourceUpdate update;
  update.source = "kube";
  update.complete = update.list = true;
  for (const ServicePtr& one : services) update.changes.push_back(change(Basis::list, one));
  for (const std::string& name : absent) {
    update.changes.push_back({key(name), nullptr, false, Basis::list, {}});
  }
  return update;
}

// A guard, its clock, and what is admitted after each step.
class World {
 public:
  explicit World(GuardSettings settings = {}, Vantage from = {})
      : vantage(std::move(from)), guard("kube", settings, vantage) {}

  void admit(const SourceUpdate& update) {
    if (!share) return carry(guard.admit(update, now));
    guard.begin(update, now);
    while (guard.step(share)) ++steps;
    carry(guard.finish());
  }
  void tick() { carry(guard.tick(now)); }
  void evidence(const std::string& address, Verdict verdict, std::uint16_t port = 8080,
                Protocol protocol = Protocol::tcp) {
    carry(guard.evidence({{ip(address), port, protocol, verdict, "by a test"}}, now).admitted);
  }
  // Until it leaves.
  void refuse_for_long(const std::string& address) {
    evidence(address, Verdict::dead);
    now += 120s;
    evidence(address, Verdict::dead);
  }
  void accept() { carry(guard.accept(guard.holds().at(0).id, now).value()); }
  void carry(const std::vector<Admitted>& admitted) {
    for (const Admitted& one : admitted) {
      if (one.now)
        services[one.key] = one.now;
      else
        services.erase(one.key);
    }
  }

  bool has(const std::string& name) const { return services.contains(key(name)); }
  // "10.0.0.1 10.0.0.2(held) 10.0.0.3(not ready)", or "gone". What is held is used last too, unless
  // it is alive.
  std::string shows(const std::string& name = "song") const {
    const auto found = services.find(key(name));
    if (found == services.end()) return "gone";
    std::string text;
    for (const Pool& pool : found->second->pools) {
      for (const Endpoint& one : pool.endpoints) {
        text += (text.empty() ? "" : " ") + one.address.to_string();
        if (one.held) text += "(held)";
        if (one.fault != Fault::none) text += one.fault == Fault::silent ? "(silent)" : "(refused)";
        if (one.doubted != one.held) text += one.doubted ? "(last)" : "(alive)";
        if (!one.ready) text += "(not ready)";
      }
    }
    return text;
  }

  // Where new connects go.
  std::string picked(const std::string& name = "song") const {
    std::string text;
    for (const Pool& pool : services.at(key(name))->pools) {
      const std::vector<bool> flags = holdfast::picked(pool, vantage);
      for (std::size_t index = 0; index < flags.size(); ++index) {
        if (flags[index])
          text += (text.empty() ? "" : " ") + pool.endpoints[index].address.to_string();
      }
    }
    return text;
  }

  Vantage vantage;
  Guard guard;
  TimePoint now{1000s};
  std::map<ServiceKey, ServicePtr> services;
  std::size_t share = 0;  // of a step; 0: at once
  std::size_t steps = 0;
};

}  // namespace holdfast::test
