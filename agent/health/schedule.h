// SPDX-License-Identifier: Apache-2.0
// When which held endpoint is probed, and what an outcome means (design.md 4.2). Pure: time and
// chance are parameters; one probe of an endpoint at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/health/controls.h"
#include "agent/health/settings.h"
#include "agent/model/evidence.h"

namespace holdfast {

struct ProbeOutcome {
  enum class Kind : std::uint8_t {
    answered,     // TCP: the handshake was done
    refused,      // RST, or ICMP port unreachable
    unreachable,  // any other ICMP unreachable: somebody on the way says so, not its host; `error`
    silent,       // nothing came within the timeout
    replied,      // UDP: a datagram came back
    failed,       // this node could not send: `error`; says nothing of the endpoint
  };
  Kind kind = Kind::failed;
  int error = 0;                      // errno
  std::chrono::milliseconds took{0};  // answered
  bool local = false;                 // the address is this host's own: no network was needed
};

class ProbeSchedule {
 public:
  // `chance` gives numbers from 0 to 1, 1 excluded.
  ProbeSchedule(ProbeSettings settings, std::function<double()> chance, std::string own_node = "");

  // What is held now. Known targets keep their turn; what is not named is forgotten.
  void set_targets(const std::vector<ProbeTarget>& targets, TimePoint now);
  // Endpoints in no question, of which a few are asked when a verdict hangs on it.
  void set_controls(const std::vector<ProbeTarget>& outside) { controls_.set(outside); }
  // The workloads of this node meet nothing but failures: a few controls are asked at once.
  void doubt_network();
  // What to probe now: due, within the rate, and within the number in flight. SCTP never is.
  std::vector<ProbeTarget> take(TimePoint now);
  // The end of a probe that take() gave. nullopt: nothing to tell yet, or not held any more.
  std::optional<Evidence> finish(const ProbeTarget& target, const ProbeOutcome& outcome,
                                 TimePoint now);
  // When take() has something next; nullopt: when a probe ends, or a target comes.
  std::optional<TimePoint> next(TimePoint now) const;

  Reach reach(bool v4) const { return controls_.reach(v4); }
  std::size_t targets() const { return entries_.size(); }
  std::size_t in_flight() const { return flying_.size(); }

 private:
  using Key = ProbeKey;
  struct Entry {
    ProbeTarget target;
    TimePoint due;
    bool flying = false;
    bool answered = false;   // the last probe was
    bool local = false;      // as the outcome said
    std::size_t failed = 0;  // probes since the last answer that speak against it
    std::size_t quiet = 0;   // UDP: silences since the last of those
    TimePoint failed_at;     // the first of these was sent
  };

  void fly(const Key& key, const ProbeTarget& target, TimePoint now);
  std::vector<ProbeTarget> alive_ones();
  void hasten(TimePoint now);
  TimePoint::duration pause(const Entry& entry, TimePoint now);
  TimePoint::duration jittered(TimePoint::duration around);
  void refill(TimePoint now);
  bool reached(const ProbeTarget& target) const;
  void remember(const Key& key);
  bool count(Entry& entry, const ProbeOutcome& outcome, TimePoint sent, TimePoint now);
  Evidence judge(Entry& entry, const ProbeOutcome& outcome, TimePoint sent, TimePoint now);
  void judge_refused(const Entry& entry, const ProbeOutcome& outcome, TimePoint sent, TimePoint now,
                     Evidence& finding) const;
  void judge_unheard(const Entry& entry, const ProbeOutcome& outcome, TimePoint sent, TimePoint now,
                     Evidence& finding) const;

  ProbeSettings settings_;
  std::function<double()> chance_;
  ControlGroup controls_;
  std::deque<ProbeTarget> asking_;  // controls that wait for the rate
  std::map<Key, Entry> entries_;
  std::set<std::pair<TimePoint, Key>> due_;  // entries that do not fly
  std::map<Key, TimePoint> flying_;          // since then; also what is no target (any more)
  Key turn_;                                 // alive_ones() goes on from here
  double tokens_ = 0;
  std::optional<TimePoint> refilled_;
  // Endpoints that answered once: from there silence means something.
  std::set<Key> reached_;
  std::deque<Key> reached_order_;
};

}  // namespace holdfast
