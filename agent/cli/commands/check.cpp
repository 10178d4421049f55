// SPDX-License-Identifier: Apache-2.0
// `check`: the host as it is, judged. Changes nothing.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <ostream>

#include "agent/base/text.h"
#include "agent/cli/commands/table.h"
#include "agent/host/judge.h"

namespace holdfast::cli {
namespace {

using boost::json::array;
using boost::json::object;

host::DaemonFacts ask_daemon(const Env& env, const Options& options) {
  host::DaemonFacts facts;
  facts.socket = options.config.admin_socket;
  const auto answer = env.request(facts.socket, {"GET", "/readyz", ""}, options.timeout);
  facts.answers = answer.has_value();
  facts.ready = answer && answer->status == 200;
  if (!answer) facts.problem = answer.error().what;
  if (answer && !facts.ready) facts.problem = answer->body;
  std::replace(facts.problem.begin(), facts.problem.end(), '\n', ' ');
  return facts;
}

void describe(std::ostream& out, const std::vector<host::Finding>& findings) {
  for (const host::Finding& one : findings) {
    std::string level(to_string(one.level));
    level.resize(5, ' ');
    out << level << one.check << ": " << printable(one.found) << "\n";
    if (!one.remedy.empty()) out << "       " << printable(one.remedy) << "\n";
  }
}

int judge_host(const Env& env, const Options& options) {
  host::Facts facts = env.host_facts(options.config);
  facts.config_path = options.config_path;
  facts.config_problem = options.config_problem;
  facts.daemon = ask_daemon(env, options);
  const auto findings = host::judge(facts);
  const auto count = [&](host::Level level) {
    return std::count_if(findings.begin(), findings.end(),
                         [&](const host::Finding& one) { return one.level == level; });
  };
  const auto failed = count(host::Level::fail), warned = count(host::Level::warn);
  array rows;
  for (const host::Finding& one : findings) {
    rows.push_back(object{{"check", one.check},
                          {"level", to_string(one.level)},
                          {"found", one.found},
                          {"remedy", one.remedy}});
  }
  const object document{{"failed", failed}, {"warned", warned}, {"findings", rows}};
  if (options.rendering.format == Format::name) {
    print_rows(env.out, options.rendering, rows, {}, {"check"});
  } else if (!print_document(env.out, options.rendering, document)) {
    describe(env.out, findings);
    env.err << findings.size() << " checks, " << failed << " failed, " << warned << " warnings\n";
  }
  return failed == 0 ? kOk : kFailed;
}

}  // namespace

Run check(Usage& usage) {
  usage.needs_config = false;
  return judge_host;
}

}  // namespace holdfast::cli
