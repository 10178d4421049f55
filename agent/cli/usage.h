// SPDX-License-Identifier: Apache-2.0
// How a command is used: its arguments, its flags and where their values go. Parsing, help and the
// completion of shells are made from it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace holdfast::cli {

// Design: 0 ok, 1 failed or unhealthy, 2 usage, 3 the daemon does not answer.
enum Exit { kOk = 0, kFailed = 1, kUsage = 2, kNoDaemon = 3 };

struct Flag {
  using Into = std::variant<bool*, std::string*, int*, std::uint64_t*>;

  std::string name;    // "--file"
  std::string letter;  // "-f"; "": none
  std::string help;
  Into into;
  std::vector<std::string> choices;  // empty: any value
  int least = 0, most = 0;           // of an int
  bool is_path = false;

  bool takes_value() const { return !std::holds_alternative<bool*>(into); }
};

struct Argument {
  std::string name;  // "ADDRESS:PORT"
  std::variant<std::string*, std::vector<std::string>*> into;
  bool required = true;
  bool is_path = false;

  bool many() const { return std::holds_alternative<std::vector<std::string>*>(into); }
};

// What is pointed to lives as long as the function that a command's `declare` returns.
class Usage {
 public:
  // `names`: "--all", or "-f,--file".
  Flag& flag(const std::string& names, Flag::Into into, const std::string& help);
  Flag& path(const std::string& names, std::string& into, const std::string& help);

  Argument& argument(const std::string& name, std::string& into);
  Argument& optional(const std::string& name, std::string& into);
  Argument& arguments(const std::string& name, std::vector<std::string>& into);  // one or more

  std::vector<Flag> flags;
  std::vector<Argument> positional;   // at most one
  std::vector<std::string> examples;  // "holdfast explain 10.96.0.10:80"
  bool needs_config = true;           // false: runs also when the configuration does not load
  Exit failure = kFailed;  // of an error; `diff` says "differs" by 1, and so needs another
};

}  // namespace holdfast::cli
