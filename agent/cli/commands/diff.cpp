// SPDX-License-Identifier: Apache-2.0
// `diff`: what the daemon finds when it compares the maps with what it wants there.
#include <boost/json/array.hpp>

#include "agent/cli/ask.h"
#include "agent/cli/commands/table.h"

namespace holdfast::cli {
namespace {

int compare(const Env& env, const Options& options) {
  const auto answer = ask(env, options, "GET", "/v1/diff");
  if (!answer) return report(env, options, answer.error());
  const boost::json::array& rows = answer->as_array();
  const bool document =
      options.rendering.format == Format::json || options.rendering.format == Format::yaml;
  if (!rows.empty() || document) {
    print_rows(env.out, options.rendering, rows,
               {{"MAP", "map"}, {"KEY", "key"}, {"DESIRED", "desired"}, {"ACTUAL", "actual"}},
               {"map", "key"});
  }
  return rows.empty() ? kOk : kFailed;
}

}  // namespace

Run diff(Usage& usage) {
  usage.failure = kUsage;  // 1 says that they differ
  return compare;
}

}  // namespace holdfast::cli
