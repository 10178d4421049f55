// SPDX-License-Identifier: Apache-2.0
// The interface of every source. ARCHITECTURE.md says what a new kind touches. A source lives on
// the daemon's one loop, never sees a map, and never ends the process.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/result.h"
#include "agent/model/update.h"
#include "agent/sources/feedback.h"
#include "agent/sources/source_state.h"

namespace holdfast {

struct SourceStatus {
  std::string name;
  std::string kind;  // "file", "kubernetes", ...
  SourceState state = SourceState::starting;
  std::optional<std::chrono::system_clock::time_point> last_confirmed;  // confirmed current
  std::string last_error;                                               // "" when there is none now
  // The error as one word of a few ("denied", "silent"), for what is said when it changes; "": the
  // state tells enough.
  std::string cause;
  std::string asked;                 // who: the API server of the day, the path of a file
  std::int64_t refused_seconds = 0;  // with SourceState::refused: for how long
  // Facts of this kind of source, in order, for `source list` as JSON.
  std::vector<std::pair<std::string, std::string>> details;
  // What it counts ("events"), for JSON and as holdfast_source_<name>_total.
  std::vector<std::pair<std::string, std::uint64_t>> counters;
};

class Source {
 public:
  using Sink = std::function<void(SourceUpdate)>;

  virtual ~Source() = default;
  // Starts to read and watch; calls `sink` on the loop, first with all it knows, then with what
  // changed. Never blocks the loop; never throws.
  virtual void start(Sink sink) = 0;
  virtual void stop() = 0;
  virtual SourceStatus status() const = 0;

  // What became of what it said; the whole of it each time. Called when that has changed, and after
  // each update while parts of the source are in doubt. While something is held, a source that does
  // not always say all it knows asks again by itself (design.md 4.10); a part that vanished and is
  // not undecided is over.
  virtual void heard(const Feedback& /*feedback*/) {}
  // Before start(): what this source was taken to have said in an earlier life. It stands in for
  // objects that cannot be read now (design.md 4.1), and for nothing else.
  virtual void remember(const std::vector<ServicePtr>& /*services*/,
                        const std::map<std::string, Node>& /*nodes*/) {}
  // What the next life needs to reach the control plane and to know it again (one line of JSON);
  // kept in the snapshot. "": nothing.
  virtual std::string memory() const { return ""; }
  // Whose services these are: the uid of the cluster. "": it has none, or has not told.
  virtual std::string cluster() const { return ""; }
  // Before start(): the memory of an earlier life. What cannot be read is ignored.
  virtual void restore(const std::string& /*memory*/) {}
  // An operator's word that what the source refuses as a whole is to be trusted (another cluster).
  virtual Result<> confirm() { return fail(Errc::not_found, "this source refuses nothing"); }
};

}  // namespace holdfast
