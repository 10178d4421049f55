// SPDX-License-Identifier: Apache-2.0
// `check catalog` and `check config`: files as they stand, without maps and without a daemon.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <ostream>

#include "agent/base/file.h"
#include "agent/base/text.h"
#include "agent/catalog/catalog.h"
#include "agent/cli/commands/table.h"
#include "agent/sources/file/file_text.h"
#include "agent/sources/kubernetes/objects.h"
#include "agent/sources/own_node.h"

namespace holdfast::cli {
namespace {

using boost::json::array;
using boost::json::object;

// Notes are of what is good, and fail nothing.
int show_problems(const Env& env, const Options& options, const std::vector<Problem>& problems) {
  array rows;
  for (const Problem& one : problems) {
    rows.push_back(object{{"file", one.file},
                          {"line", one.line},
                          {"column", one.column},
                          {"object", one.object},
                          {"message", one.message},
                          {"kind", to_string(one.kind)}});
  }
  if (!print_document(env.out, options.rendering, rows)) {
    for (const Problem& one : problems)
      env.out << printable(one.to_string()) << (one.kind == Problem::Kind::note ? " (note)" : "")
              << "\n";
  }
  return notes_in(problems) == problems.size() ? kOk : kFailed;
}

// A directory stands for its catalog files, sorted; one without any is a slip worth telling.
std::vector<std::string> expand(const std::vector<std::string>& paths,
                                std::vector<Problem>& problems) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    const std::size_t before = files.size();
    for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string extension = entry->path().extension().string();
      if (extension == ".yaml" || extension == ".yml" || extension == ".json")
        files.push_back(entry->path().string());
    }
    if (error) problems.push_back({path, 0, 0, "", "read directory: " + error.message()});
    if (!error && files.size() == before)
      problems.push_back({path, 0, 0, "", "no *.yaml, *.yml or *.json in this directory"});
  }
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return files;
}

// As a node that starts with these services decides it.
void add_conflicts(const std::vector<ServicePtr>& services,
                   const std::map<std::string, Node>& nodes, const std::string& own,
                   std::vector<Problem>& problems) {
  Catalog catalog({{"catalog"}}, 0);
  catalog.place("catalog", addresses_of(nodes, own));
  std::vector<Admitted> all;
  std::map<ServiceKey, std::string> origins;
  for (const ServicePtr& one : services) {
    all.push_back({one->key, one, false});
    origins[one->key] = one->origin.get();
  }
  catalog.apply("catalog", all);
  for (const Conflict& one : catalog.conflicts()) {
    problems.push_back({origins[one.loser], 0, 0, "Service " + one.loser.to_string(),
                        fmt::format("{} is also claimed by {}, which has it: {}",
                                    format_host_port(one.frontend.address, one.frontend.port),
                                    one.owner.to_string(), one.reason())});
  }
}

int catalog(const Env& env, const Options& options, const std::vector<std::string>& paths) {
  std::vector<Problem> problems;
  std::vector<Reading> readings;
  for (const std::string& file : expand(paths, problems)) {
    const auto content = read_file(file, std::size_t{256} << 20);
    if (!content) {
      problems.push_back({file, 0, 0, "", content.error().what});
      continue;
    }
    readings.push_back(read_text(*content, file, {}));
    if (readings.back().problem) problems.push_back(*readings.back().problem);
  }
  std::vector<const kubernetes::Objects*> pointers;
  for (const Reading& reading : readings) {
    for (const Reading::Part& part : reading.parts) {
      const Entry& entry = part.entry;
      problems.insert(problems.end(), entry.problems.begin(), entry.problems.end());
      pointers.push_back(&entry.objects);
    }
  }
  const auto [services, said] = kubernetes::assemble(pointers, problems);
  std::map<std::string, Node> nodes;
  for (const NodeChange& one : said) nodes.emplace(one.name, *one.now);
  const bool node_ports = std::any_of(services.begin(), services.end(),
                                      [](const auto& one) { return has_node_ports(*one); });
  const std::string& own = options.config.node_name;
  if (const auto note = no_own_node(nodes, node_ports, own)) problems.push_back(*note);
  add_conflicts(services, nodes, own, problems);
  if (notes_in(problems) == problems.size() && options.rendering.format == Format::table) {
    env.err << services.size() << " services, no problems\n";
  }
  return show_problems(env, options, problems);
}

int config(const Env& env, const Options& options, const std::string& file) {
  const std::string path = file.empty() ? options.config_path : file;
  const auto content = read_file(path, 1 << 20);
  if (!content) return report(env, options, content.error());
  const int code = show_problems(env, options, parse_config(*content, path).problems);
  if (code == kOk && options.rendering.format == Format::table)
    env.err << printable(path) << ": ok\n";
  return code;
}

}  // namespace

Run check_catalog(Usage& usage) {
  const auto paths = std::make_shared<std::vector<std::string>>();
  usage.arguments("PATH", *paths).is_path = true;
  usage.needs_config = false;
  usage.examples = {"holdfast check catalog /etc/holdfast/catalog.d"};
  return [paths](const Env& env, const Options& options) { return catalog(env, options, *paths); };
}

Run check_config(Usage& usage) {
  const auto file = std::make_shared<std::string>();
  usage.optional("FILE", *file).is_path = true;
  usage.needs_config = false;
  return [file](const Env& env, const Options& options) { return config(env, options, *file); };
}

}  // namespace holdfast::cli
