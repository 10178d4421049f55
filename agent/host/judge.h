// SPDX-License-Identifier: Apache-2.0
// Facts of a host -> findings. Pure. Each finding says what was found, and unless all is well what
// to do about it. A new check is a function and a row in judge.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/host/facts.h"

namespace holdfast::host {

enum class Level { ok, warn, fail };

struct Finding {
  std::string check;  // "bpffs"
  Level level = Level::ok;
  std::string found;
  std::string remedy;  // "" with ok
};

std::string_view to_string(Level level);  // "OK", "WARN", "FAIL"

std::vector<Finding> judge(const Facts& facts);

// The parts, each of one file.
using Findings = std::vector<Finding>;
void judge_configuration(const Facts& facts, Findings& out);
void judge_kernel(const Facts& facts, Findings& out);
void judge_hooks(const Facts& facts, Findings& out);
void judge_file_systems(const Facts& facts, Findings& out);
void judge_rights(const Facts& facts, Findings& out);
void judge_memory(const Facts& facts, Findings& out);
void judge_foreign(const Facts& facts, Findings& out);
void judge_neighbours(const Facts& facts, Findings& out);
void judge_pins(const Facts& facts, Findings& out);
void judge_daemon(const Facts& facts, Findings& out);
void judge_state(const Facts& facts, Findings& out);

}  // namespace holdfast::host
