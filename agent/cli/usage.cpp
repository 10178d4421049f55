// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/usage.h"

namespace holdfast::cli {

Flag& Usage::flag(const std::string& names, Flag::Into into, const std::string& help) {
  const auto comma = names.find(',');
  Flag& flag = flags.emplace_back();
  flag.name = comma == names.npos ? names : names.substr(comma + 1);
  flag.letter = comma == names.npos ? "" : names.substr(0, comma);
  flag.help = help;
  flag.into = into;
  return flag;
}

Flag& Usage::path(const std::string& names, std::string& into, const std::string& help) {
  Flag& added = flag(names, &into, help);
  added.is_path = true;
  return added;
}

Argument& Usage::argument(const std::string& name, std::string& into) {
  return positional.emplace_back(Argument{name, &into});
}

Argument& Usage::optional(const std::string& name, std::string& into) {
  return positional.emplace_back(Argument{name, &into, false});
}

Argument& Usage::arguments(const std::string& name, std::vector<std::string>& into) {
  return positional.emplace_back(Argument{name, &into});
}

}  // namespace holdfast::cli
