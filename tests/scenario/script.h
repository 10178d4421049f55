// SPDX-License-Identifier: Apache-2.0
// Scripts: a line a step, indented lines belong to the step above. README.md has them all.
#pragma once

#include <string>
#include <vector>

#include "tests/scenario/world.h"

namespace holdfast::scenario {

struct Step {
  int line = 0;
  std::vector<std::string> words;
  std::vector<std::string> body;  // without the indentation that all of it has
};

// Throws std::runtime_error, with the line, at what it does not understand.
std::vector<Step> parse(const std::string& text);

// Of services in short, as Kubernetes writes them:
//   song 10.96.0.1:80 -> 10.1.0.1 10.1.0.2!
// "!": not ready; "~": terminating. An endpoint's pod is named by its address, "=uid" apart.
std::string objects(const std::vector<std::string>& lines);

// Runs a script; what was not as expected, a text each.
std::vector<std::string> run(const std::string& text);

}  // namespace holdfast::scenario
