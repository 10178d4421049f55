// SPDX-License-Identifier: Apache-2.0
// `source list`.
#include <boost/json/array.hpp>

#include "agent/cli/ask.h"
#include "agent/cli/commands/table.h"

namespace holdfast::cli {
namespace {

int list(const Env& env, const Options& options) {
  const auto answer = ask(env, options, "GET", "/v1/sources");
  if (!answer) return report(env, options, answer.error());
  print_rows(env.out, options.rendering, answer->as_array(),
             {{"NAME", "name"},
              {"KIND", "kind"},
              {"ROLE", "role", true},
              {"STATE", "state"},
              {"LAST-CONFIRMED", "last_confirmed"},
              {"ERRORS", "errors"},
              {"NOTES", "notes"},
              {"LAST-ERROR", "last_error"}},
             {"name"});
  return kOk;
}

}  // namespace

Run source_list(Usage&) {
  return list;
}

}  // namespace holdfast::cli
