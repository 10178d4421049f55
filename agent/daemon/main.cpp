// SPDX-License-Identifier: Apache-2.0
// holdfastd: flags -> configuration -> agent/app. Exit: 0 stopped or valid, 1 failed, 2 usage.
#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <iostream>
#include <map>

#include "agent/app/daemon.h"
#include "agent/app/log.h"
#include "agent/base/host.h"
#include "agent/base/text.h"
#include "agent/config/config.h"
#include "agent/dataplane/kernel/kernel.h"

extern char** environ;

namespace {

using namespace holdfast;

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> result;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text(*entry);
    if (const auto equals = text.find('='); equals != std::string::npos) {
      result[text.substr(0, equals)] = text.substr(equals + 1);
    }
  }
  return result;
}

int run(Config config) {
  boost::asio::io_context loop(1);
  Daemon daemon(loop, std::move(config));
  if (auto started = daemon.start(); !started) {
    log::error(started.error().what);
    return 1;
  }
  loop.run();
  if (!daemon.failure()) return 0;
  log::error(daemon.failure()->what);
  return 1;
}

// For hosts and nodes where nobody has mounted it: the one thing that needs more than holdfastd
// has.
int mount_and_exit(const Config& config) {
  const auto mounted = mount_bpffs(config.bpffs);
  if (!mounted) {
    std::cerr << printable(mounted.error().what) << "\n";
    return 1;
  }
  std::cout << (*mounted ? "mounted bpffs for " : "bpffs is there for ") << config.bpffs << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Holdfast daemon: keeps the connections of this node going where they should."};
  std::string path = kDefaultConfigPath;
  Overrides flags;
  bool check = false, mount = false;
  auto* named = app.add_option("--config", path, "configuration file")->capture_default_str();
  app.add_option("--cgroup", flags.cgroup, "cgroup2 directory to attach at");
  app.add_option("--bpffs", flags.bpffs, "directory on bpffs for maps and links");
  app.add_option("--state-dir", flags.state_dir, "directory for snapshots");
  app.add_option("--admin-socket", flags.admin_socket, "unix socket of the admin API");
  app.add_option("--node-name", flags.node_name, "this node's name");
  app.add_flag("--check", check, "validate the configuration and exit");
  app.add_flag("--mount-bpffs", mount, "mount bpffs where dataplane.bpffs needs it, and exit");
  app.set_version_flag("--version", HOLDFAST_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, std::cout, std::cerr) == 0 ? 0 : 2;
  }
  auto config = load_config(path, named->count() > 0);
  if (!config) {
    std::cerr << printable_lines(config.error().what) << "\n";
    return 1;
  }
  apply(overrides_from_environment(environment()), *config);
  apply(flags, *config);
  if (config->node_name.empty()) config->node_name = host_name();
  if (check) {
    std::cout << path << ": ok\n";
    return 0;
  }
  if (mount) return mount_and_exit(*config);
  try {
    return run(std::move(*config));
  } catch (const std::exception& error) {  // a bug or no memory; maps and links go on serving
    log::error(error.what());
    return 1;
  }
}
