// SPDX-License-Identifier: Apache-2.0
// What the workloads of this node tell of endpoints in question (design.md 4.2): which of them it
// uses, so that no other is probed, and with which it has shaken hands since. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "agent/model/evidence.h"
#include "holdfast/abi/endpoint.h"

namespace holdfast {

// Connected to now, or in the last ten minutes; `traffic` is this incarnation's.
bool used(const hf_endpoint_stats& traffic, TimePoint now);
// A connect that was dialled after `since` got its handshake.
bool shaken_hands(const hf_endpoint_stats& traffic, TimePoint since);

class Suspects {
 public:
  // nullopt: not known, or none of its kind is counted.
  using TrafficOf = std::function<std::optional<hf_endpoint_stats>(const ProbeTarget&)>;

  // What is in question now, each once or more; what is known of it already is kept.
  void set(const std::vector<ProbeTarget>& targets);
  // Looks at `most` of them, taking turns, and tells what is new.
  std::vector<Evidence> look(std::size_t most, const TrafficOf& traffic_of, TimePoint now);
  // Those that this node picks or uses. What it picked is among them for ten minutes more: that
  // others were found alive first says nothing of it. So is what its probes found silent or dead,
  // for as long as it is held: it has to be found again.
  std::vector<ProbeTarget> worth_probing() const;

  bool empty() const { return all_.empty(); }
  std::uint64_t revision() const { return revision_; }  // grows when worth_probing() has changed

 private:
  struct Suspect {
    ProbeTarget target;
    bool used = false;  // or picked a while ago
    TimePoint picked_at = {};
    bool told_idle = false;
    std::uint32_t told = 0;  // the handshake that was evidence
  };

  void look_at(Suspect& suspect, const TrafficOf& traffic_of, TimePoint now,
               std::vector<Evidence>& found);

  std::vector<Suspect> all_;  // sorted by address, port, protocol
  std::size_t turn_ = 0;
  std::uint64_t revision_ = 0;
};

}  // namespace holdfast
