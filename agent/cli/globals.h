// SPDX-License-Identifier: Apache-2.0
// The flags that every command has.
#pragma once

#include <string>

#include "agent/cli/output.h"
#include "agent/cli/usage.h"
#include "agent/config/config.h"

namespace holdfast::cli {

struct Globals {
  std::string config_path = kDefaultConfigPath;
  Overrides overrides;
  std::string format = "table";
  std::string name_space;
  bool no_headers = false;
  int timeout = 5;
};

Usage declare(Globals& globals);
Format format_of(const Globals& globals);  // of flags that were parsed: a choice there is

}  // namespace holdfast::cli
