// SPDX-License-Identifier: Apache-2.0
// Whether this node's word counts (design.md 4.2): that an endpoint is silent means something only
// where, in the same seconds, something else answers that is on another node, of the same family
// and outside of the question, or was alive a moment ago. Pure: time and chance are parameters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "agent/model/evidence.h"

namespace holdfast {

using ProbeKey = std::tuple<IpAddress, std::uint16_t, Protocol>;
ProbeKey key_of(const ProbeTarget& target);

// Whether this node reaches other nodes at all, over one family.
struct Reach {
  enum class State : std::uint8_t { unknown, answers, fails };
  State state = State::unknown;
  TimePoint since = {};
  std::size_t fallen = 0;  // endpoints that answered before and do not now; with `fails`

  bool operator==(const Reach&) const = default;
};

// What came back of one probe, as far as the network is concerned.
enum class Echo : std::uint8_t {
  answered,
  refused,  // its host did, or a firewall
  none,
  unheard,  // says nothing: the probe could not be made, or never left this node
};

class ControlGroup {
 public:
  ControlGroup(std::string own_node, std::chrono::milliseconds timeout,
               std::function<double()> chance);

  // Endpoints that are in no question. Those with `reached` are known to have been alive.
  void set(const std::vector<ProbeTarget>& outside);
  bool local(const ProbeTarget& target) const;

  // A question hangs on an answer from now on.
  void want(bool v4) { family(v4).wanted = true; }
  TimePoint asked(bool v4) const { return family(v4).asked; }  // the last round
  // When ask() has something to do; nullopt: nothing is wanted.
  std::optional<TimePoint> due() const;
  bool due(TimePoint now) const { return due() && *due() <= now; }
  // Whom to probe now, a few on different nodes. `alive`: of what is in question, who answered
  // when last probed.
  std::vector<ProbeTarget> ask(const std::vector<ProbeTarget>& alive, TimePoint now);
  void sent(const ProbeTarget& control, bool known_alive, TimePoint now);

  // Of any probe, sent then. `counts`: it is no first silence, which a lost packet makes too.
  // True: this node reaches other nodes again.
  bool heard(const ProbeTarget& target, TimePoint sent, Echo echo, bool known_alive, bool counts,
             TimePoint now);

  // What the controls on other nodes than the target's said that were asked since then. Who was
  // not known to be alive has no voice until it answers.
  struct Tally {
    std::size_t answered = 0, refused = 0, failed = 0;
  };
  Tally tally(const ProbeTarget& target, TimePoint since, TimePoint now) const;

  Reach reach(bool v4) const { return family(v4).reach; }
  // Until then what was silent tells of the network, not of the endpoint.
  TimePoint returned(bool v4) const { return family(v4).returned; }
  // Of what fell silent only this is still of interest.
  void keep(const std::function<bool(const ProbeKey&)>& known);

 private:
  struct Asked {
    ProbeTarget control;
    TimePoint sent;
    bool known_alive = false;
    std::optional<Echo> echo = {};
  };
  struct Family {
    std::vector<ProbeTarget> outside;
    bool wanted = false;
    TimePoint asked, again;  // the last round, and the next while nothing answers
    std::deque<Asked> said;
    std::map<ProbeKey, ProbeTarget> fallen;  // since the last answer
    TimePoint answered;                      // the latest probe that was, when it was sent
    TimePoint returned;
    Reach reach;
  };

  Family& family(bool v4) { return families_[v4 ? 0 : 1]; }
  const Family& family(bool v4) const { return families_[v4 ? 0 : 1]; }
  std::optional<TimePoint> due(const Family& family) const;
  std::vector<ProbeTarget> choose(const Family& family, const std::vector<ProbeTarget>& alive);
  void prune(Family& family, TimePoint now);
  static void fall(Family& family, const ProbeTarget& target, TimePoint now);

  std::string own_node_;
  std::chrono::milliseconds timeout_;
  std::function<double()> chance_;
  std::array<Family, 2> families_;
};

}  // namespace holdfast
