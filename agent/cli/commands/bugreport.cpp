// SPDX-License-Identifier: Apache-2.0
// `bugreport`: what the other commands say, and where things are, in one archive. Everything in it
// goes through redact(); what holds secrets by nature (kubeconfig, tokens) is never read.
#include <sys/utsname.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ostream>
#include <sstream>

#include "agent/base/file.h"
#include "agent/base/text.h"
#include "agent/cli/archive.h"
#include "agent/cli/commands/table.h"
#include "agent/cli/redact.h"

namespace holdfast::cli {
namespace {

using boost::json::array;
using boost::json::object;

struct Part {
  const char* name;
  const char* words;  // of the command
};
// Each is the command with -o json; an error is in the file as the command tells it.
constexpr Part kParts[] = {{"version", "version"},       {"check", "check"},
                           {"status", "status"},         {"sources", "source list"},
                           {"holds", "hold list"},       {"diff", "diff"},
                           {"services", "service list"}, {"frontends", "frontend list"},
                           {"pools", "pool list"},       {"endpoints", "endpoint list"},
                           {"maps", "map list"}};

std::string utc(std::time_t time, const char* format) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

std::string run_part(const Env& env, const Options& options, const std::string& words) {
  std::ostringstream out, err;
  const Env inner{out,         err,           env.variables,  env.open_maps,
                  env.request, env.uninstall, env.host_facts, env.log_lines};
  Options quiet = options;
  quiet.rendering = {Format::json, true};
  quiet.name_space.clear();
  // A problem of the configuration may quote a value: describe_config() tells where they are.
  if (!quiet.config_problem.empty()) quiet.config_problem = "does not load: see config.json";
  for (const Command& command : commands()) {
    if (command.words == words) declare(command).run(inner, quiet);
  }
  return out.str();
}

boost::json::value to_json(const Value& value) {
  switch (value.type) {
    case Value::Type::null:
      return nullptr;
    case Value::Type::boolean:
      return value.boolean;
    case Value::Type::integer:
      return value.integer;
    case Value::Type::sequence: {
      array list;
      for (const Value& item : value.items) list.push_back(to_json(item));
      return list;
    }
    case Value::Type::mapping: {
      object members;
      for (const Member& member : value.members) members[member.key.text] = to_json(member.value);
      return members;
    }
    default:
      return boost::json::string(value.text);
  }
}

// From the parsed values, by the table of keys: what the file says besides stays here, and so does
// the text of a file that does not parse; of its problems the places only, for a message may quote
// a value.
std::string describe_config(const Options& options) {
  array problems;
  if (!options.config_problem.empty()) {
    const auto content = read_file(options.config_path, 1 << 20);
    if (content) {
      for (const Problem& one : parse_config(*content, options.config_path).problems)
        problems.push_back(object{{"line", one.line}, {"column", one.column}});
    }
  }
  std::ostringstream out;
  print_json(out, object{{"file", options.config_path},
                         {"loads", options.config_problem.empty()},
                         {"problems", problems},
                         {"settings", to_json(describe(options.config))}});
  return out.str();
}

// Names and sizes of the generation files; what is in them is in the other parts.
std::string describe_state(const std::string& directory) {
  namespace fs = std::filesystem;
  array files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code unreadable;
    files.push_back(object{{"name", entry->path().filename().string()},
                           {"bytes", entry->file_size(unreadable)}});
  }
  object value{{"directory", directory}, {"files", files}};
  if (error) value["error"] = error.message();
  std::ostringstream out;
  print_json(out, value);
  return out.str();
}

std::string describe_host() {
  std::ostringstream out;
  utsname name{};
  if (::uname(&name) == 0)
    out << name.sysname << " " << name.release << " " << name.version << " " << name.machine
        << "\n";
  for (const char* path : {"/etc/os-release", "/proc/self/mounts", "/proc/meminfo"}) {
    // Files of /proc tell no length, so not read_file().
    std::ifstream in(path);
    std::ostringstream content;
    content << in.rdbuf();
    out << "\n== " << path << "\n" << printable_lines(content.str());
  }
  return out.str();
}

std::vector<ArchiveFile> gather(const Env& env, const Options& options) {
  std::vector<ArchiveFile> files;
  for (const Part& part : kParts)
    files.push_back({std::string(part.name) + ".json", run_part(env, options, part.words)});
  files.push_back({"config.json", describe_config(options)});
  files.push_back({"snapshots.json", describe_state(options.config.state_dir)});
  files.push_back({"host.txt", describe_host()});
  // An older version's lines, or another program's in the journal, may be anything.
  if (const std::string lines = env.log_lines(); !lines.empty())
    files.push_back({"log.txt", printable_lines(lines)});
  return files;
}

int pack(const Env& env, const Options& options, const std::string& asked) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  const std::string stem = "holdfast-bugreport-" + utc(now, "%Y%m%dT%H%M%SZ");
  auto files = gather(env, options);
  array names;
  for (ArchiveFile& file : files) {
    file.name = stem + "/" + file.name;
    file.content = redact(file.content);
    names.emplace_back(file.name);
  }
  const auto archive = make_archive(files, static_cast<std::uint64_t>(now));
  if (!archive) return report(env, options, archive.error());
  if (asked == "-") {
    env.out << *archive;
    return kOk;
  }
  const std::string path = asked.empty() ? stem + ".tar.gz" : asked;
  if (const auto written = replace_file(path, *archive, 0600); !written)
    return report(env, options, written.error());
  if (!print_document(env.out, options.rendering, object{{"file", path}, {"parts", names}}))
    env.out << printable(path) << "\n";
  env.err
      << "service names and addresses are in it; secrets are taken out, but look before you send "
         "it\n";
  return kOk;
}

}  // namespace

Run bugreport(Usage& usage) {
  const auto file = std::make_shared<std::string>();
  usage.path("-f,--file", *file, "where to write it; -: standard output");
  usage.needs_config = false;
  return [file](const Env& env, const Options& options) { return pack(env, options, *file); };
}

}  // namespace holdfast::cli
