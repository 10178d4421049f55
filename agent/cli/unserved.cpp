// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/unserved.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <filesystem>
#include <map>
#include <string>

#include "agent/cli/views.h"
#include "agent/model/ready.h"
#include "agent/model/vantage.h"
#include "agent/snapshot/store.h"

namespace holdfast::cli {

using boost::json::array;
using boost::json::object;

namespace {

// Newest first, by their names: the numbers are of one width.
std::vector<std::string> snapshot_files(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".snap") files.push_back(entry->path().string());
  }
  std::sort(files.rbegin(), files.rend());
  return files;
}

array frontends_of(const Service& service) {
  array rows;
  for (const Pool& pool : service.pools) {
    if (is_served(pool.protocol)) continue;
    for (const Frontend& one : pool.frontends) rows.push_back(frontend_row(one, pool.protocol));
  }
  return rows;
}

std::map<ServiceKey, object> unserved_in(const Snapshot& snapshot, const std::string& name_space) {
  std::map<ServiceKey, object> services;
  for (const auto& source : snapshot.sources) {
    const auto addresses = addresses_of(source.memory.nodes, snapshot.node);
    for (const GuardMemory::Entry& entry : source.memory.services) {
      const ServicePtr seen = with_frontends_of(entry.admitted, addresses);
      const Service& service = *seen;
      if (!name_space.empty() && service.key.name_space != name_space) continue;
      array frontends = frontends_of(service);
      if (frontends.empty()) continue;
      // The sources are in their order of precedence: the first that knows a service has it.
      services.try_emplace(service.key, object{{"namespace", service.key.name_space},
                                               {"name", service.key.name},
                                               {"frontends", std::move(frontends)},
                                               {"endpoints", array{}},
                                               {"source", source.name},
                                               {"generation", snapshot.generation}});
    }
  }
  return services;
}

}  // namespace

std::vector<object> unserved_services(const Options& options) {
  std::vector<object> result;
  for (const std::string& file : snapshot_files(options.config.state_dir)) {
    const StoredSnapshot stored = inspect_snapshot(file, options.config.node_name);
    if (stored.trust != Trust::good || !stored.snapshot) continue;
    for (auto& [key, row] : unserved_in(*stored.snapshot, options.name_space))
      result.push_back(std::move(row));
    break;
  }
  return result;
}

void add_unserved(const Options& options, array& rows) {
  const auto name_of = [](const object& row) {
    return std::pair(std::string(row.at("namespace").as_string()),
                     std::string(row.at("name").as_string()));
  };
  std::map<std::pair<std::string, std::string>, object*> there;
  for (auto& row : rows) there[name_of(row.as_object())] = &row.as_object();
  array more;
  for (object& one : unserved_services(options)) {
    const auto served = there.find(name_of(one));
    if (served == there.end()) {
      more.push_back(std::move(one));
    } else if (served->second->at("source") == one.at("source")) {
      for (auto& frontend : one.at("frontends").as_array())
        served->second->at("frontends").as_array().push_back(std::move(frontend));
    }
  }
  for (auto& row : more) rows.push_back(std::move(row));
  std::sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
    return name_of(a.as_object()) < name_of(b.as_object());
  });
}

}  // namespace holdfast::cli
