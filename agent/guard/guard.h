// SPDX-License-Identifier: Apache-2.0
// The guard of one source: admits what it says, or holds a removal that is not trusted yet.
// Pure: values in, values out; time is a parameter. The guard is the memory of what was admitted.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/guard/hold.h"
#include "agent/guard/settings.h"
#include "agent/model/departure.h"
#include "agent/model/evidence.h"
#include "agent/model/service.h"
#include "agent/model/update.h"
#include "agent/model/vantage.h"

namespace holdfast {

class GuardPass;

// One service as the guard lets it pass. `now` is nullptr when it is gone.
struct Admitted {
  ServiceKey key;
  ServicePtr now;
  bool explained_delete = false;  // with now == nullptr: leaves a tombstone in the catalog
  // Of what was admitted before; sorted.
  std::vector<Departure> left = {};
};

struct Judged {
  std::vector<Admitted> admitted;
  std::vector<Evidence> news;  // the evidence that changed a verdict
};

// What the snapshot keeps of a guard.
struct GuardMemory {
  struct Entry {
    ServicePtr admitted;  // with Endpoint::held and doubted
    bool absent = false;  // the whole service is held
    bool rejected = false;
  };
  std::vector<Entry> services;
  std::map<std::string, Node> nodes = {};  // by name
};

class Guard {
 public:
  // `vantage`: what the source says is judged the same on every node; what evidence and repeated
  // absences end, by what the clients of this node have of it.
  Guard(std::string source, GuardSettings settings, Vantage vantage = {});
  ~Guard();
  Guard(Guard&&) noexcept;
  Guard& operator=(Guard&&) noexcept;

  // Before the first admit(): what was admitted in an earlier life. Its absence from the first
  // complete update is judged like any other absence.
  std::vector<Admitted> restore(const GuardMemory& memory, TimePoint now);
  GuardMemory memory() const;
  // What the source is taken to have said: all but what is held. After restore(): in an earlier
  // life.
  std::vector<ServicePtr> said() const;
  // The nodes, as they were said last. One leaves by an event, or when the file that it was read
  // from is read whole without it; absence from a list says nothing of a node.
  const std::map<std::string, Node>& nodes() const;
  bool has_node_ports() const;  // some admitted service

  // The services whose admitted value changed, and only those.
  std::vector<Admitted> admit(const SourceUpdate& update, TimePoint now);
  // The same in steps, so that thousands of services do not hold the caller up. begin() borrows
  // `update` until finish() has returned; what is const may be asked in between, and tells of a
  // service either all or nothing of the update; nothing else may be called. step() looks at about
  // `share` further services and endpoints and returns whether any are left; finish() does what is
  // left, and returns what admit() would.
  void begin(const SourceUpdate& update, TimePoint now);
  bool step(std::size_t share);
  std::vector<Admitted> finish();
  // Settling ends, and the like; call at next_deadline().
  std::vector<Admitted> tick(TimePoint now);
  std::optional<TimePoint> next_deadline() const;

  // What was learned of suspects. Alive: it is picked like any other again, and stays held. Silent:
  // it is picked only where nothing else is left. Dead: it is not picked; found so again after
  // `refused_for`, its removal applies, also that of the last one; an absent service goes with its
  // last endpoint; not against an operator's word. Unknown: the verdict before stands, if there is
  // one and it is not withdrawn.
  Judged evidence(const std::vector<Evidence>& found, TimePoint now);
  std::vector<ProbeTarget> suspects() const;  // every held or doubted endpoint once

  std::vector<Hold> holds() const;  // sorted by service
  std::vector<HoldName> hold_names() const;
  HoldSummary summary() const;
  std::size_t held_services() const;
  const HoldCounts& held_by_reason() const;  // services
  // The parts of the source of which something is held that nobody has decided about; "": a part
  // that is not known any more.
  std::set<std::string> undecided_origins() const;
  std::uint64_t suspects_revision() const;  // grows when suspects() may have changed
  std::vector<HoldNews> take_news();        // since the last call
  // Applies the removal. not_found: no such hold here.
  Result<std::vector<Admitted>> accept(const std::string& id, TimePoint now);
  // Keeps it until the source lists it again or the hold is accepted; stays listed as rejected.
  Result<> reject(const std::string& id);
  // All there are, as one change.
  std::vector<Admitted> accept_all(TimePoint now);
  void reject_all();

  struct State;  // private to agent/guard

 private:
  std::unique_ptr<State> state_;
  std::unique_ptr<GuardPass> pass_;  // between begin() and finish()
};

}  // namespace holdfast
