// SPDX-License-Identifier: Apache-2.0
// `version`.
#include <boost/json/object.hpp>
#include <ostream>

#include "agent/cli/commands/table.h"
#include "holdfast/abi/base.h"

namespace holdfast::cli {
namespace {

int show(const Env& env, const Options& options) {
  const boost::json::object value{{"version", HOLDFAST_VERSION}, {"abi", HF_ABI_VERSION}};
  if (!print_document(env.out, options.rendering, value))
    env.out << "holdfast " << HOLDFAST_VERSION << ", map layout " << HF_ABI_VERSION << "\n";
  return kOk;
}

}  // namespace

Run version(Usage& usage) {
  usage.needs_config = false;
  return show;
}

}  // namespace holdfast::cli
