// SPDX-License-Identifier: Apache-2.0
#include "agent/host/judge.h"

namespace holdfast::host {

std::string_view to_string(Level level) {
  switch (level) {
    case Level::ok:
      return "OK";
    case Level::warn:
      return "WARN";
    case Level::fail:
      return "FAIL";
  }
  return "?";
}

std::vector<Finding> judge(const Facts& facts) {
  // In the order in which a start needs them.
  static constexpr void (*kParts[])(const Facts&, Findings&) = {
      judge_configuration, judge_kernel, judge_hooks,   judge_file_systems,
      judge_rights,        judge_memory, judge_foreign, judge_neighbours,
      judge_pins,          judge_daemon, judge_state,
  };
  Findings findings;
  for (const auto part : kParts) part(facts, findings);
  return findings;
}

void judge_configuration(const Facts& facts, Findings& out) {
  if (facts.config_problem.empty()) {
    out.push_back({"configuration", Level::ok, facts.config_path + " loads, or is not there", ""});
    return;
  }
  out.push_back({"configuration", Level::fail, facts.config_problem,
                 "mend it; `holdfast check config` tells every problem at once"});
}

}  // namespace holdfast::host
