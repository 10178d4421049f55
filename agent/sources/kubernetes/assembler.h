// SPDX-License-Identifier: Apache-2.0
// Objects in, services out, one change at a time: the cost of a change follows the change. Pure.
// The file source fills one anew for each reading; the API source keeps one for its whole life.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "agent/sources/kubernetes/last_known.h"
#include "agent/sources/kubernetes/objects.h"

namespace holdfast::kubernetes {

class Assembler {
 public:
  explicit Assembler(LastKnown* last_known = nullptr) : last_known_(last_known) {}

  // Replaces the object of the same name. One that is not whole replaces no whole one, and what was
  // last known stands in for it. Slices are named namespace/name, as services are.
  void put(ServiceObject object);
  void put(SliceObject object);
  void put(NodeObject object);
  void remove_service(const ServiceKey& key);
  void remove_slice(const ServiceKey& name);
  void remove_node(const std::string& name);

  const ServiceObject* service(const ServiceKey& key) const;
  const SliceObject* slice(const ServiceKey& name) const;

  struct Change {
    ServiceKey key;
    ServicePtr now;  // nullptr: gone, or no service of ours
    std::vector<Problem> problems;
  };
  // The services that were touched since the last call, assembled anew, in order of their keys.
  std::vector<Change> take();
  // The nodes that changed since the last call, in order of their names.
  std::vector<NodeChange> take_nodes();

 private:
  using Address = std::tuple<IpAddress, std::uint16_t, Protocol>;
  using NodePort = std::pair<std::uint16_t, Protocol>;
  // The part of an address by which endpoints are looked for: IPv4 /16, IPv6 /64.
  using Prefix = std::array<std::uint8_t, 14>;

  struct Known {
    ServiceObject object;
    std::vector<Address> frontends;    // as counted in frontends_
    std::vector<NodePort> node_ports;  // as counted in node_ports_
  };

  struct Frontends {
    std::vector<Frontend> internal, external;  // the cluster's own addresses, and the others
  };
  struct KnownNode {
    Node said;
    bool whole = true;
  };

  static Prefix prefix_of(const IpAddress& address);
  Frontends frontends_of(const ServiceObject& object, const ServicePort& port,
                         std::uint8_t family) const;
  std::vector<Pool> pools_of(const ServiceObject& object) const;
  void count_frontends(Known& known);
  void drop_frontends(const Known& known);
  void count_addresses(const std::vector<IpAddress>& before, const std::vector<IpAddress>& now);
  void touch_loops(const IpAddress& address);
  void touch_node_loops();
  void forget_unread(const ServiceKey& slice);
  void touch_unread();
  void note_claims();
  bool contested(const IpAddress& address, std::uint16_t port, const Identity& identity) const;
  bool is_loop(const SliceObject& slice, const Place& place, const Endpoint& endpoint,
               const Pool& pool, std::vector<Problem>& problems) const;
  using Unique = std::map<std::pair<IpAddress, std::uint16_t>, Endpoint>;
  void add_endpoints(const ServiceObject& object, Service& service,
                     std::vector<Problem>& problems) const;
  void add_slice(const SliceObject& slice, const ServiceObject& object, const Pool& pool,
                 Unique& unique, std::vector<Problem>& problems) const;
  void add_last_known(const ServiceKey& key, const SliceObject& unread, const Pool& pool,
                      Unique& unique, std::vector<Problem>& problems) const;
  void note_hints(const ServiceObject& object, std::vector<Problem>& problems) const;

  LastKnown* last_known_;  // nullptr: nothing
  std::map<ServiceKey, Known> services_;
  std::map<ServiceKey, SliceObject> slices_;              // by their own names
  std::map<ServiceKey, std::set<ServiceKey>> slices_of_;  // service -> slices
  // Service -> slices that cannot be read, kept or never seen good. Mostly empty.
  std::map<ServiceKey, std::set<ServiceKey>> unread_;
  // Who else readable slices name at the addresses of those.
  std::multimap<IpAddress, std::pair<Identity, const SliceObject*>> claims_;
  std::map<std::string, KnownNode> nodes_;
  std::map<IpAddress, std::size_t> node_addresses_;  // how many nodes say so
  std::map<Address, std::size_t> frontends_;         // how many services say so
  std::map<NodePort, std::size_t> node_ports_;       // the same
  std::map<Prefix, std::size_t> prefixes_;           // of endpoints, how many
  std::set<ServiceKey> touched_;
  std::set<std::string> touched_nodes_;
};

}  // namespace holdfast::kubernetes
