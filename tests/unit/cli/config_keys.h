// SPDX-License-Identifier: Apache-2.0
// The configuration tells its own keys: an unknown one in a section is answered with those there
// are.
#pragma once

#include <set>
#include <sstream>
#include <string>

#include "agent/config/config.h"

namespace holdfast::cli::test {

using Names = std::set<std::string>;

// Keys below `at` ("a.b"), where `before` and `after` wrap what stands there into a document.
inline void collect(const std::string& at, const std::string& before, const std::string& after,
                    Names& into) {
  constexpr const char* kNoKey = "zzzzzzzzzzzz";
  std::string known;
  for (const std::string list : {"", "["}) {
    const std::string text =
        before + list + "{" + kNoKey + ": 1}" + (list.empty() ? "" : "]") + after;
    for (const Problem& one : parse_config(text, "c").problems) {
      if (one.message.find("is not in this version") != std::string::npos) return;
      const auto keys = one.message.find("expected one of: ");
      if (keys == std::string::npos) continue;
      known = one.message.substr(keys + 17);
      const std::string inner = list + "{";
      std::istringstream words(known);
      for (std::string key; words >> key;) {
        if (key.back() == ',') key.pop_back();
        collect(at.empty() ? key : at + "." + key, before + inner + key + ": ",
                (list.empty() ? "}" : "}]") + after, into);
      }
      return;
    }
  }
  into.insert(at);
}

// "guard.probe.timeout_ms", "sources.kubernetes.servers": all there are.
inline Names keys_of_the_configuration() {
  Names keys;
  collect("", "# a text that begins with a brace would be JSON\n", "", keys);
  return keys;
}

}  // namespace holdfast::cli::test
