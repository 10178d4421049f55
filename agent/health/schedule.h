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
#include <tuple>
#include <vector>

#include "agent/guard/guard.h"

namespace holdfast {

struct ProbeOutcome {
  enum class Kind : std::uint8_t {
    answered,  // TCP: the handshake was done
    refused,   // RST, or ICMP unreachable: `error` is ECONNREFUSED, EHOSTUNREACH or ENETUNREACH
    silent,    // nothing came within the timeout
    replied,   // UDP: a datagram came back
    failed,    // this node could not send: `error`; says nothing of the endpoint
  };
  Kind kind = Kind::failed;
  int error = 0;                      // errno
  std::chrono::milliseconds took{0};  // answered
};

class ProbeSchedule {
 public:
  // `chance` gives numbers from 0 to 1, 1 excluded.
  ProbeSchedule(ProbeSettings settings, std::function<double()> chance);

  // What is held now. Known targets keep their turn; what is not named is forgotten.
  void set_targets(const std::vector<ProbeTarget>& targets, TimePoint now);
  // What to probe now: due, within the rate, and within the number in flight. SCTP never is.
  std::vector<ProbeTarget> take(TimePoint now);
  // The end of a probe that take() gave. nullopt: nothing to tell yet, or not held any more.
  std::optional<Evidence> finish(const ProbeTarget& target, const ProbeOutcome& outcome,
                                 TimePoint now);
  // When take() has something next; nullopt: when a probe ends, or a target comes.
  std::optional<TimePoint> next(TimePoint now) const;

  std::size_t targets() const { return entries_.size(); }
  std::size_t in_flight() const { return in_flight_; }

 private:
  using Key = std::tuple<IpAddress, std::uint16_t, Protocol>;
  struct Entry {
    ProbeTarget target;
    TimePoint due;
    bool flying = false;
    bool silent = false;  // the last probe timed out
  };

  static Key key_of(const ProbeTarget& target);
  TimePoint::duration pause(const Entry& entry, TimePoint now);
  TimePoint::duration jittered(TimePoint::duration around);
  void refill(TimePoint now);
  bool reached(const Key& key) const { return reached_.contains(key); }
  void remember(const Key& key);
  Evidence judge(const Entry& entry, const ProbeOutcome& outcome);

  ProbeSettings settings_;
  std::function<double()> chance_;
  std::map<Key, Entry> entries_;
  std::set<std::pair<TimePoint, Key>> due_;  // entries that do not fly
  std::set<Key> flying_;                     // also of targets forgotten meanwhile
  std::size_t in_flight_ = 0;
  double tokens_ = 0;
  std::optional<TimePoint> refilled_;
  // Endpoints that answered once: from there silence means something.
  std::set<Key> reached_;
  std::deque<Key> reached_order_;
};

}  // namespace holdfast
