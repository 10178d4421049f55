// SPDX-License-Identifier: Apache-2.0
// The configuration of both programs (design.md 5): flag > env > file > default.
// Loading is strict: an unknown or duplicate key, or a wrong type, is an error with
// file:line:column. Nothing here touches the system beyond reading the file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "agent/base/result.h"
#include "agent/guard/settings.h"
#include "agent/health/settings.h"
#include "agent/model/update.h"
#include "agent/sources/file/settings.h"
#include "agent/sources/kubernetes/settings.h"
#include "agent/sources/value.h"

namespace holdfast {

// The kinds of sources, a row each: the settings, which have the kind's name (kKind), its keys, and
// make the source.
using SourceKindConfig = std::variant<FileSourceConfig,  //
                                      KubernetesSourceConfig>;

struct SourceConfig {
  std::string name;
  bool fallback = false;
  SourceKindConfig kind;
};

struct Config {
  std::string node_name;  // default: the host name, set by the daemon
  std::string node_zone;
  std::string cgroup = "auto";  // auto: the cgroup2 root of the mount table
  std::string bpffs = "/sys/fs/bpf/holdfast";
  std::uint32_t capacity_services = 0;   // 0: auto
  std::uint32_t capacity_endpoints = 0;  // 0: auto
  std::string state_dir = "/var/lib/holdfast";
  std::string admin_socket = "/run/holdfast/admin.sock";
  std::string admin_listen = "127.0.0.1:9464";  // "": none
  GuardSettings guard;
  ProbeSettings probe;
  std::vector<SourceConfig> sources;  // in order of precedence
};

inline constexpr const char* kDefaultConfigPath = "/etc/holdfast/config.yaml";

// All problems at once, so that a file is mended in one go. `file` is for messages only.
struct ConfigResult {
  Config config;
  std::vector<Problem> problems;
};
ConfigResult parse_config(const std::string& text, const std::string& file);

// Every key there is, with the value in force, as a file would have it; null: not set. Positions
// are 0.
Value describe(Config config);

// HOLDFAST_CGROUP, HOLDFAST_BPFFS, HOLDFAST_STATE_DIR, HOLDFAST_ADMIN_SOCKET, HOLDFAST_NODE_NAME,
// and the flags of the same names: what is set wins over the file.
struct Overrides {
  std::string cgroup, bpffs, state_dir, admin_socket, node_name;
};
void apply(const Overrides& overrides, Config& config);
Overrides overrides_from_environment(const std::map<std::string, std::string>& environment);

// Reads and parses; a missing file at the default path is the default configuration.
// Errors carry every problem, one a line.
Result<Config> load_config(const std::string& path, bool explicitly_named);

}  // namespace holdfast
