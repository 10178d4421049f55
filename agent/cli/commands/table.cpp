// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/commands/table.h"

namespace holdfast::cli {

const Commands& commands() {
#define HOLDFAST_ROW(words, declared_by, help) {words, declared_by, help},
  static const Commands table = {HOLDFAST_COMMANDS(HOLDFAST_ROW)};
#undef HOLDFAST_ROW
  return table;
}

int run(const Env& env, const std::vector<std::string>& arguments) {
  return run(commands(), env, arguments);
}

}  // namespace holdfast::cli
