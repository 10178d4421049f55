// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/globals.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace holdfast::cli {

namespace {

constexpr std::pair<std::string_view, Format> kFormats[] = {{"table", Format::table},
                                                            {"wide", Format::wide},
                                                            {"json", Format::json},
                                                            {"yaml", Format::yaml},
                                                            {"name", Format::name}};

}  // namespace

Format format_of(const Globals& globals) {
  const auto row = std::find_if(std::begin(kFormats), std::end(kFormats),
                                [&](const auto& one) { return one.first == globals.format; });
  return row->second;
}

Usage declare(Globals& globals) {
  Usage usage;
  Overrides& over = globals.overrides;
  usage.path("--config", globals.config_path, "configuration file");
  usage.path("--cgroup", over.cgroup, "cgroup2 directory");
  usage.path("--bpffs", over.bpffs, "directory on bpffs that holds the maps");
  usage.path("--state-dir", over.state_dir, "directory of the snapshots");
  usage.path("--admin-socket", over.admin_socket, "unix socket of holdfastd");
  usage.flag("--node-name", &over.node_name, "this node's name, as holdfastd has it");
  auto& formats = usage.flag("-o,--output", &globals.format, "table, wide, json, yaml or name");
  for (const auto& [name, format] : kFormats) formats.choices.emplace_back(name);
  usage.flag("-n,--namespace", &globals.name_space, "only services of this namespace");
  usage.flag("--no-headers", &globals.no_headers, "tables without their first line");
  Flag& timeout = usage.flag("--timeout", &globals.timeout, "seconds to wait for holdfastd");
  timeout.least = 1;
  timeout.most = 3600;
  return usage;
}

}  // namespace holdfast::cli
