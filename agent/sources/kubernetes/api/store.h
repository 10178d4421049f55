// SPDX-License-Identifier: Apache-2.0
// What the API has said: objects by name with their versions, from events and from lists, and what
// that means for services. Says of each change how it is known (design.md 4.1). Pure.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "agent/model/update.h"
#include "agent/sources/kubernetes/api/wire.h"
#include "agent/sources/kubernetes/assembler.h"
#include "agent/sources/said.h"

namespace holdfast::kubernetes {

class Store {
 public:
  explicit Store(std::string source);
  // Before anything else: what was said in an earlier life, for objects that cannot be read now.
  void remember(const std::vector<ServicePtr>& services,
                const std::map<std::string, Node>& nodes = {}) {
    last_known_.remember(services, nodes);
  }

  // An added, modified or deleted object. One that is not newer than what is known changes nothing.
  void apply(Kind kind, const Event& event);

  // A list, item by item: nothing of it is applied before its end, and nothing of one that does
  // not reach its end is ever taken as absence.
  void begin_list(Kind kind);
  void list(Kind kind, const Value& object);
  // `reset`: the versions count anew from here: the server's history is another one (a restored
  // etcd, a cluster confirmed anew). Its absences explain nothing, and do not count
  // (design.md 4.10).
  void end_list(Kind kind, const Version& version, bool reset);

  // The comparing list, of metadata only, beside a running watch.
  struct Differences {
    std::vector<ServiceKey> changed;  // unknown here, or of another version
    std::vector<ServiceKey> absent;   // known here, older than the list, and not in it
  };
  Differences compare(Kind kind, const std::vector<ObjectRef>& listed,
                      const Version& version) const;
  // What the comparison fetched or found gone, known as a list knows it.
  void correct(Kind kind, const Value& object, const Version& list);
  void correct_absent(Kind kind, const ServiceKey& name);
  // Both Services and EndpointSlices were seen whole once more.
  void count_list();

  // Nodes are done without where the API does not give them to us.
  void skip(Kind kind) { state(kind).synced = true; }

  bool synced(Kind kind) const { return state(kind).synced; }
  bool synced() const;
  // The version that a watch goes on from.
  const Version& version(Kind kind) const { return state(kind).version; }
  void advance(Kind kind, const Version& version) { state(kind).advance(version); }
  const Version* known(Kind kind, const ServiceKey& name) const;  // of an object; nullptr: none
  // Objects that the list in hand has named.
  std::size_t listed(Kind kind) const { return state(kind).seen.size(); }

  // All that changed since the last call; nullopt: nothing, or not every kind has been listed.
  std::optional<SourceUpdate> take();

  // Of the newest change taken: endpoints.kubernetes.io/last-change-trigger-time, RFC 3339.
  std::vector<std::string> take_trigger_times() { return std::move(trigger_times_); }
  std::size_t objects(Kind kind) const { return state(kind).objects.size(); }
  // Where the API server itself is, by the Service default/kubernetes.
  std::vector<EndpointAddress> api_endpoints() const;

 private:
  struct Known {
    Version version;
    std::uint64_t hash = 0;  // of its content
  };
  struct Staged {
    ObjectRef ref;
    std::uint64_t hash = 0;
    Objects objects;
    std::vector<Problem> problems;
  };
  struct KindState {
    bool synced = false, listing = false;
    Version version;
    // Never back: what a server says again is not where a watch goes on.
    void advance(const Version& to) {
      if (version.number == 0 || to.number == 0 || to.number > version.number) version = to;
    }
    std::map<ServiceKey, Known> objects;
    std::set<ServiceKey> seen;
    std::vector<Staged> staged;
  };
  // Endpoint addresses of one service that the events since the last take() tell something of.
  struct Explanation {
    std::set<IpAddress> terminating;  // seen terminating
    std::set<IpAddress> dropped;      // were in a slice that an event modified
  };

  KindState& state(Kind kind) { return kinds_[static_cast<std::size_t>(kind)]; }
  const KindState& state(Kind kind) const { return kinds_[static_cast<std::size_t>(kind)]; }

  Staged decode_one(Kind kind, const Value& object) const;
  void drop_slice(const SliceObject& slice);
  void put(Kind kind, Staged staged);
  template <class Key>
  void told(std::map<Key, std::vector<Problem>>& list, const Key& of,
            const std::vector<Problem>& problems);
  void put_slice(SliceObject slice);
  void remove(Kind kind, const ServiceKey& name);
  std::optional<ServiceChange> change_of(const Assembler::Change& change);
  std::vector<EndpointAddress> explained(const ServiceKey& key, const Service& before,
                                         const ServicePtr& after);
  void collect_problems(SourceUpdate& update) const;

  std::string source_;
  LastKnown last_known_;
  Assembler assembler_;
  std::array<KindState, 3> kinds_;
  Basis basis_ = Basis::event;
  Said said_;  // as taken last
  std::map<ServiceKey, Explanation> explanations_;
  // Dropped by a modified slice while no ready endpoint stayed: explained once one is gained.
  std::map<ServiceKey, std::set<EndpointAddress>> waiting_;
  std::vector<AddressClaim> claims_;
  std::map<std::string, std::vector<Problem>> problems_;         // by object
  std::map<ServiceKey, std::vector<Problem>> service_problems_;  // of what it is assembled from
  std::vector<std::string> trigger_times_;
  std::optional<std::string> doubt_;
  std::set<Kind> listed_;  // since the last counted list
  bool problems_changed_ = false;
  bool counted_ = false, ever_taken_ = false;
  std::uint64_t revision_ = 0;
};

}  // namespace holdfast::kubernetes
