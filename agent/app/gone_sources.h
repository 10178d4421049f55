// SPDX-License-Identifier: Apache-2.0
// Sources that the configuration does not name any more, while their services still serve. Pure:
// time is a parameter.
//
// Taking a source out, or renaming it, is the operator's explanation (design.md 5), and perhaps a
// slip: its services serve on for a grace, are told of, and then leave. They stand below every
// configured source: what one of these lists is its own at once. Nobody tells of their endpoints
// any more, so an endpoint also leaves when its address is another's (design.md 4.4).
//
// The grace is time in which a daemon served and said so: what is left of it goes through the
// snapshot, so neither a node that is switched off for an hour nor a clock that jumps ends it.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/app/restore.h"
#include "agent/guard/guard.h"
#include "agent/snapshot/snapshot.h"

namespace holdfast {

class GoneSources {
 public:
  static constexpr std::chrono::seconds kGrace{600};
  using Changes = std::map<std::string, std::vector<Admitted>>;  // by source

  struct Row {
    std::string name;
    std::size_t services = 0;
    std::chrono::seconds left{0};
  };

  // From what a new life of `node` starts with, all that is of no `configured` source, but for
  // services that one of these lists too. It leaves `restored`.
  void take(Restored& restored, const Image& found, const std::optional<Snapshot>& snapshot,
            const std::set<std::string>& configured, const std::string& node, TimePoint now);

  bool empty() const { return sources_.empty(); }
  std::vector<Row> rows(TimePoint now) const;  // sorted by name
  std::vector<std::string> services(const std::string& name) const;
  Changes all() const;  // every service, as it is admitted at the start
  const std::map<std::string, Node>& nodes(const std::string& name) const;
  void put(Snapshot& snapshot, TimePoint now) const;

  // A configured source lists these services now: they are no longer of a gone one.
  Changes taken_over(const std::vector<Admitted>& listed);
  // Whether these tell of an address at which an endpoint of a gone source is somebody else.
  bool contested(const std::vector<Admitted>& listed, const std::vector<AddressClaim>& claims);
  // The endpoints leave whose address is another identity's by `claims`, which is all that is known
  // of the addresses: any claim of the same port; one of another port, or of none, unless the
  // endpoint's own identity is claimed there too, or several others are (pods that share a node's
  // address). A service leaves with its last endpoint.
  Changes claimed(const std::vector<AddressClaim>& claims);
  // What claimed() needs to know of a configured source's service.
  void add_claims(const Service& service, std::vector<AddressClaim>& claims);

  // Of those whose grace is over.
  Changes expire(TimePoint now);
  // By an operator's word, at once; nullopt: there is no such gone source.
  std::optional<Changes> leave(const std::string& name);
  std::optional<TimePoint> next_deadline() const;

 private:
  struct Gone {
    Snapshot::SourceMemory about;  // the services of its memory are in `entries`
    std::map<ServiceKey, GuardMemory::Entry> entries;
    TimePoint ends;
  };

  using Places = std::vector<std::pair<IpAddress, Identity>>;

  void remember(const Snapshot& snapshot, TimePoint now);
  const Places& places();
  void forget_empty();

  std::map<std::string, Gone> sources_;
  // Who a gone source has where; sorted. Made when it is first asked for, since of a source that
  // was only renamed nothing is left by then, and may name what has left since.
  std::optional<Places> places_;
};

std::size_t services_in(const GoneSources::Changes& changes);

}  // namespace holdfast
