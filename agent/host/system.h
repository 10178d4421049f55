// SPDX-License-Identifier: Apache-2.0
// The facts that files tell: /proc, the memory cgroup, the state directory, names on the bpffs.
// Reads only. `root` is put before every path: "" on a host, a directory in a test.
#pragma once

#include <string>
#include <vector>

#include "agent/host/facts.h"

namespace holdfast::host {

std::vector<Process> read_processes(const std::string& root);
// The process that listens on a unix socket; 0: none that this process may see.
int owner_of_socket(const std::string& root, const std::vector<Process>& processes,
                    const std::string& socket);
// Of the process `pid`; 0: of this one.
RightsFacts read_rights(const std::string& root, int pid);
// The kernel's lockdown, as in facts.h.
std::string read_lockdown(const std::string& root);
StateFacts read_state(const std::string& root, const std::string& directory);
// Entries of the bpffs that is mounted at `mount`, and of their directories; `except` and what is
// under it are left out.
std::vector<std::string> read_pinned_names(const std::string& root, const std::string& mount,
                                           const std::string& except);
// "6.1.0-50-cloud-amd64" -> 6, 1; zeros when it is no such text.
void parse_release(const std::string& release, int& major, int& minor);

}  // namespace holdfast::host
