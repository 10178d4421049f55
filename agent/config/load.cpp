// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "agent/base/file.h"
#include "agent/base/text.h"
#include "agent/config/config.h"

namespace holdfast {

void apply(const Overrides& overrides, Config& config) {
  const auto set = [](const std::string& from, std::string& into) {
    if (!from.empty()) into = from;
  };
  set(overrides.cgroup, config.cgroup);
  set(overrides.bpffs, config.bpffs);
  set(overrides.state_dir, config.state_dir);
  set(overrides.admin_socket, config.admin_socket);
  set(overrides.node_name, config.node_name);
}

Overrides overrides_from_environment(const std::map<std::string, std::string>& environment) {
  const auto get = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  return {get("HOLDFAST_CGROUP"), get("HOLDFAST_BPFFS"), get("HOLDFAST_STATE_DIR"),
          get("HOLDFAST_ADMIN_SOCKET"), get("HOLDFAST_NODE_NAME")};
}

Result<Config> load_config(const std::string& path, bool explicitly_named) {
  const auto content = read_file(path, 1 << 20);
  if (!content && content.error().sys == ENOENT && !explicitly_named)
    return parse_config("", path).config;
  if (!content) return within("configuration", content.error());
  ConfigResult parsed = parse_config(*content, path);
  if (parsed.problems.empty()) return std::move(parsed.config);
  std::string lines;
  for (const Problem& problem : parsed.problems) {
    lines += (lines.empty() ? "" : "\n") + printable(problem.to_string());
  }
  return fail(Errc::invalid, std::move(lines));
}

}  // namespace holdfast
