// SPDX-License-Identifier: Apache-2.0
// Takes silence for a refusal, as if a packet that was lost were the word of its host, and asks
// nobody else whether it is this node that is cut off: what is for a while is forgotten.
#include "agent/health/schedule.h"

namespace holdfast {

// A member function takes `this` as its first argument (Itanium C++ ABI, 5.1.4 for the names).
#define HF_FINISH                                                                          \
  "_ZN8holdfast13ProbeSchedule6finishERKNS_11ProbeTargetERKNS_12ProbeOutcomeENSt6chrono10" \
  "time_pointINS7_3_V212steady_clockENS7_8durationIlSt5ratioILl1ELl1000000000EEEEEE"

#define HF_TALLY                                                                           \
  "_ZNK8holdfast12ControlGroup5tallyERKNS_11ProbeTargetENSt6chrono10time_pointINS4_3_V212" \
  "steady_clockENS4_8durationIlSt5ratioILl1ELl1000000000EEEEEESC_"

ControlGroup::Tally wrapped_tally(const ControlGroup* controls, const ProbeTarget& target,
                                  TimePoint since, TimePoint now) asm("__wrap_" HF_TALLY);

ControlGroup::Tally wrapped_tally(const ControlGroup*, const ProbeTarget&, TimePoint, TimePoint) {
  return {1, 0, 0};
}

std::optional<Evidence> real_finish(ProbeSchedule* schedule, const ProbeTarget& target,
                                    const ProbeOutcome& outcome,
                                    TimePoint now) asm("__real_" HF_FINISH);
std::optional<Evidence> wrapped_finish(ProbeSchedule* schedule, const ProbeTarget& target,
                                       const ProbeOutcome& outcome,
                                       TimePoint now) asm("__wrap_" HF_FINISH);

std::optional<Evidence> wrapped_finish(ProbeSchedule* schedule, const ProbeTarget& target,
                                       const ProbeOutcome& outcome, TimePoint now) {
  ProbeOutcome taken = outcome;
  if (taken.kind == ProbeOutcome::Kind::silent) taken.kind = ProbeOutcome::Kind::refused;
  return real_finish(schedule, target, taken, now);
}

}  // namespace holdfast
