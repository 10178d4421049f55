// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/command.h"

#include <boost/json/object.hpp>
#include <ostream>

#include "agent/base/text.h"

namespace holdfast::cli {

Declared declare(const Command& command) {
  Declared result;
  result.run = command.declare(result.usage);
  return result;
}

const std::map<std::string, std::string>& aliases() {
  static const std::map<std::string, std::string> table = {
      {"service", "svc"}, {"endpoint", "ep"}, {"list", "ls"}};
  return table;
}

namespace {

void say(const Env& env, const Options& options, const std::string& what) {
  env.err << "holdfast: " << printable_lines(what) << "\n";
  if (options.rendering.format == Format::json) {
    print_json(env.out, boost::json::object{{"error", what}});
  }
}

}  // namespace

int report(const Env& env, const Options& options, const Error& error) {
  say(env, options, error.what);
  return error.code == Errc::unavailable ? kNoDaemon : options.failure;
}

int report_usage(const Env& env, const Options& options, const std::string& what) {
  say(env, options, what);
  return kUsage;
}

}  // namespace holdfast::cli
