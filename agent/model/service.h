// SPDX-License-Identifier: Apache-2.0
// The values that flow: a service and all that belongs to it, immutable once shared.
// Ports are in host order here; only include/holdfast/abi/ speaks network order.
#pragma once

#include <array>
#include <boost/flyweight.hpp>
#include <boost/flyweight/simple_locking.hpp>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "agent/model/address.h"
#include "holdfast/abi/frontend.h"
#include "holdfast/abi/names.h"
#include "holdfast/abi/pool.h"

namespace holdfast {

// An interned string (node, zone, file name): a million endpoints share a few thousand texts.
// Made, copied and dropped on any thread: files are decoded beside the loop, snapshots are written
// there. The lock is taken by who makes one and by who drops the last of its kind; copies are
// counted atomically.
using Text = boost::flyweight<std::string, boost::flyweights::simple_locking>;

struct ServiceKey {
  std::string name_space;
  std::string name;

  std::string to_string() const { return name_space + "/" + name; }
  auto operator<=>(const ServiceKey&) const = default;
};

enum class FrontendKind : std::uint8_t {
  cluster_ip = HF_KIND_CLUSTER_IP,
  node_port = HF_KIND_NODE_PORT,
  external_ip = HF_KIND_EXTERNAL_IP,
  load_balancer = HF_KIND_LOAD_BALANCER,
};

std::string_view to_string(FrontendKind kind);  // "ClusterIP", "NodePort", ...

struct Frontend {
  IpAddress address;
  std::uint16_t port = 0;
  FrontendKind kind = FrontendKind::cluster_ip;
  bool host_scope = false;  // a NodePort on loopback: the daemon's own network namespace only

  auto operator<=>(const Frontend&) const = default;
};

// Who an endpoint is, beyond its address: the pod's uid (targetRef.uid) as a binary UUID, or the
// XXH3-128 of any other text. All zero: the source gave none.
struct Identity {
  std::array<std::uint8_t, 16> bytes{};

  static Identity from_text(std::string_view text);  // "" gives the zero identity
  bool none() const { return *this == Identity{}; }
  std::string to_string() const;  // UUID form, "" for none
  auto operator<=>(const Identity&) const = default;
};

// What evidence holds against a held endpoint (agent/guard). No snapshot keeps it: a new life finds
// out anew.
enum class Fault : std::uint8_t {
  none,
  silent,   // picked only where nothing else is left
  refused,  // not picked
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;
  std::uint16_t weight = 100;  // 0-1000; 0: no new connects
  // Bits, since there are a million of it: 64 bytes, not 72.
  bool ready : 1 = true;
  bool serving : 1 = true;
  bool terminating : 1 = false;
  bool held : 1 = false;     // set by the guard: kept against what its source says
  bool doubted : 1 = false;  // set by the guard: used last, see agent/model/picked.h
  Fault fault = Fault::none;
  Identity identity;
  Text node;
  Text zone;
  Text origin;  // the file it was read from; "" when the source has no parts

  bool operator==(const Endpoint&) const = default;
};

enum class TrafficPolicy : std::uint8_t {
  cluster = HF_TRAFFIC_CLUSTER,
  local = HF_TRAFFIC_LOCAL,
};

std::string_view to_string(TrafficPolicy policy);  // "cluster", "local"

// The endpoints behind one service port, one family, one traffic policy: those of all nodes, also
// where the policy is local. Several frontends share a pool.
struct Pool {
  std::string port_name;  // as in the Service; may be ""
  std::uint16_t service_port = 0;
  Protocol protocol = Protocol::tcp;
  std::uint8_t family = 4;  // of the frontends, 4 or 6
  TrafficPolicy traffic = TrafficPolicy::cluster;
  // 0: none. What a source says has no frontends of a node port: where they are depends on the node
  // (agent/model/vantage.h), and the catalog puts them in its place.
  std::uint16_t node_port = 0;
  std::vector<Frontend> frontends;  // sorted, unique
  std::vector<Endpoint> endpoints;  // sorted by address and port, unique

  // What makes it the same pool of its service over time, and the order among them.
  auto key() const { return std::tie(service_port, protocol, family, traffic); }
  bool operator==(const Pool&) const = default;
};

enum class GuardMode : std::uint8_t { hold, trust };

struct ServicePolicy {
  hf_no_endpoints no_endpoints = HF_EMPTY_REFUSE;
  GuardMode guard = GuardMode::hold;  // annotation holdfast.io/guard

  bool operator==(const ServicePolicy&) const = default;
};

struct Service {
  ServiceKey key;
  std::int64_t created_at = 0;  // seconds since the epoch (creationTimestamp); 0: not known
  Text origin;                  // the file its Service object was read from
  ServicePolicy policy;
  std::vector<Pool> pools;  // sorted by key(), unique

  bool operator==(const Service&) const = default;
};

// The pool of `service` that is the same as `pool` of another generation; nullptr: none.
const Pool* counterpart(const Service* service, const Pool& pool);
// By address and port; `pool` may be nullptr.
const Endpoint* find_endpoint(const Pool* pool, const Endpoint& like);
bool before_in_order(const Endpoint& a, const Endpoint& b);  // as Pool::endpoints are sorted

// The unit of change: one service, shared by pointer between generations.
using ServicePtr = std::shared_ptr<const Service>;

}  // namespace holdfast
