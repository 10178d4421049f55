// SPDX-License-Identifier: Apache-2.0
// The CLI's edges in one struct, so that it runs whole inside a unit test.
#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "agent/admin/http.h"
#include "agent/base/result.h"
#include "agent/config/config.h"
#include "agent/dataplane/dataplane.h"
#include "agent/dataplane/hooks.h"
#include "agent/host/facts.h"

namespace holdfast::cli {

struct MapsView {
  Image image;
  Capacity capacity;
  std::vector<CounterValue> counters;
  std::vector<ProgramStatus> programs;
  std::uint32_t set = 1;  // its number
};

struct Env {
  std::ostream& out;
  std::ostream& err;
  std::map<std::string, std::string> variables;
  std::function<Result<MapsView>(const std::string& bpffs)> open_maps;
  std::function<Result<admin::Response>(const std::string& socket, const admin::Request&,
                                        int timeout)>
      request;
  std::function<Result<std::vector<std::string>>(const std::string& bpffs, bool force)> uninstall;
  std::function<host::Facts(const Config&)> host_facts;  // all but `daemon` and `config_*`
  std::function<std::string()> log_lines;                // the daemon's last; "": none to be had
  std::function<std::int64_t()> now = [] { return std::int64_t{std::time(nullptr)}; };  // epoch
};

Env real_env(std::ostream& out, std::ostream& err, char** environment);

}  // namespace holdfast::cli
