// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/env.h"

#include <array>
#include <cstdio>
#include <memory>

#include "agent/dataplane/kernel/host.h"
#include "agent/dataplane/kernel/kernel.h"
#include "agent/host/system.h"

namespace holdfast::cli {
namespace {

Result<MapsView> read_pinned(const std::string& bpffs) {
  auto reader = PinnedReader::open(bpffs);
  if (!reader) return tl::unexpected(reader.error());
  auto image = reader->image();
  if (!image) return tl::unexpected(image.error());
  auto counters = reader->counters();
  if (!counters) return tl::unexpected(counters.error());
  return MapsView{std::move(*image), reader->capacity(), std::move(*counters), reader->programs(),
                  reader->set()};
}

host::Facts read_host(const Config& config) {
  host::Facts facts;
  facts.kernel = read_kernel_facts();
  facts.kernel.lockdown = host::read_lockdown("");
  facts.cgroup = read_cgroup_facts(config.cgroup, config.bpffs);
  facts.pins = read_pin_facts(config.bpffs, facts.cgroup.path);
  facts.processes = host::read_processes("");
  const int daemon = host::owner_of_socket("", facts.processes, config.admin_socket);
  facts.rights = host::read_rights("", daemon);
  facts.state = host::read_state("", config.state_dir);
  if (facts.pins.parent_is_bpffs)
    facts.pinned_names = host::read_pinned_names("", facts.pins.parent, config.bpffs);
  return facts;
}

// What the journal keeps of the unit. Elsewhere (a pod, a terminal) the log is with whoever reads
// the daemon's stderr.
std::string read_log_lines() {
  // NOLINTNEXTLINE(cert-env33-c): a fixed command line, nothing of the user's in it
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(
      ::popen("exec journalctl --unit=holdfastd --lines=500 --no-pager --quiet 2>/dev/null", "re"),
      ::pclose);
  std::string text;
  std::array<char, 4096> buffer{};
  while (pipe) {
    const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe.get());
    if (got == 0) break;
    text.append(buffer.data(), got);
  }
  return text;
}

}  // namespace

Env real_env(std::ostream& out, std::ostream& err, char** environment) {
  std::map<std::string, std::string> variables;
  for (; *environment; ++environment) {
    const std::string entry(*environment);
    if (const auto equals = entry.find('='); equals != std::string::npos) {
      variables[entry.substr(0, equals)] = entry.substr(equals + 1);
    }
  }
  return Env{out,       err,       std::move(variables), read_pinned, admin::request_unix,
             uninstall, read_host, read_log_lines};
}

}  // namespace holdfast::cli
