// SPDX-License-Identifier: Apache-2.0
// `uninstall`: the only remover of what is pinned; with --source it asks the daemon.
#include <boost/json/array.hpp>
#include <memory>
#include <ostream>

#include "agent/base/text.h"
#include "agent/cli/ask.h"
#include "agent/cli/commands/table.h"

namespace holdfast::cli {
namespace {

int uninstall_source(const Env& env, const Options& options, const std::string& source) {
  const auto answer = ask(env, options, "POST", "/v1/sources/" + source + "/uninstall");
  if (!answer) return report(env, options, answer.error());
  if (!print_document(env.out, options.rendering, *answer)) {
    env.out << "uninstalled source " << cell(answer->at("source")) << ": "
            << cell(answer->at("services")) << " services\n";
  }
  return kOk;
}

int uninstall_all(const Env& env, const Options& options, bool force) {
  const auto removed = env.uninstall(options.config.bpffs, force);
  if (!removed) return report(env, options, removed.error());
  if (!print_document(env.out, options.rendering,
                      boost::json::array(removed->begin(), removed->end()))) {
    for (const std::string& path : *removed) env.out << "removed " << printable(path) << "\n";
  }
  return kOk;
}

struct Asked {
  bool force = false;
  std::string source;
};

}  // namespace

Run uninstall(Usage& usage) {
  const auto asked = std::make_shared<Asked>();
  usage.flag("--force", &asked->force, "also while holdfastd runs");
  usage.flag("--source", &asked->source, "only the services of this one, which is not configured");
  usage.examples = {"holdfast uninstall", "holdfast uninstall --source old-cluster"};
  return [asked](const Env& env, const Options& options) {
    return asked->source.empty() ? uninstall_all(env, options, asked->force)
                                 : uninstall_source(env, options, asked->source);
  };
}

}  // namespace holdfast::cli
