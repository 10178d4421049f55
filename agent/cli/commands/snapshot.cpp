// SPDX-License-Identifier: Apache-2.0
// Snapshots: read from the state directory itself, with the daemon dead or alive; import writes,
// and so only while no daemon does.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <memory>
#include <ostream>

#include "agent/base/file.h"
#include "agent/base/text.h"
#include "agent/cli/commands/table.h"
#include "agent/cli/snapshot_views.h"
#include "agent/snapshot/store.h"

namespace holdfast::cli {
namespace {

constexpr std::size_t kLongest = std::size_t{1} << 30;

SnapshotStore store_of(const Options& options) {
  return SnapshotStore(options.config.state_dir, options.config.node_name);
}

bool is_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

// The file of one generation, the trusted one before those set aside; 0: the newest that is good.
Result<StoredSnapshot> choose(const Options& options, std::uint64_t generation) {
  auto files = store_of(options).list();
  if (!files) return tl::unexpected(files.error());
  for (StoredSnapshot& file : *files) {
    if (generation == 0 ? file.trust == Trust::good && !file.aside : file.generation == generation)
      return std::move(file);
  }
  const std::string& directory = options.config.state_dir;
  if (generation == 0) return fail(Errc::not_found, "no good snapshot in " + directory);
  return fail(Errc::not_found,
              fmt::format("no snapshot of generation {} in {}", generation, directory));
}

// GENERATION, or the path of a file, or the name of one in the state directory; "": the newest that
// is good.
Result<StoredSnapshot> named(const Options& options, const std::string& word) {
  const bool digits = std::all_of(word.begin(), word.end(),
                                  [](unsigned char one) { return one >= '0' && one <= '9'; });
  if (digits && word.size() < 20) return choose(options, word.empty() ? 0 : std::stoull(word));
  const std::string inside = options.config.state_dir + "/" + word;
  const bool here = is_file(word) || word.find('/') != std::string::npos || !is_file(inside);
  return inspect_snapshot(here ? word : inside, options.config.node_name);
}

Failure unusable(const StoredSnapshot& file) {
  return fail(Errc::invalid, file.name + ": " + file.reason);
}

// What the newest snapshot here knows of the clusters must not differ.
Result<> same_clusters(const Snapshot& known, const Snapshot& other) {
  for (const auto& source : other.sources) {
    for (const auto& before : known.sources) {
      if (before.name != source.name || before.cluster.empty() || source.cluster.empty()) continue;
      if (before.cluster == source.cluster) continue;
      return fail(Errc::exists, fmt::format("its source {} is of cluster {}, and here of {}; with "
                                            "--force-identity it is imported all the same",
                                            source.name, source.cluster, before.cluster));
    }
  }
  return {};
}

// A source that the configuration does not name is not restored.
Result<> known_sources(const Env& env, const Options& options, const Snapshot& snapshot) {
  const auto& configured = options.config.sources;
  if (configured.empty() || snapshot.sources.empty()) return {};
  std::size_t known = 0;
  std::string unknown;
  for (const auto& source : snapshot.sources) {
    const bool found = std::any_of(configured.begin(), configured.end(),
                                   [&](const auto& one) { return one.name == source.name; });
    known += found;
    if (!found) unknown += (unknown.empty() ? "" : ", ") + source.name;
  }
  if (known == 0) {
    return fail(Errc::invalid,
                "no source of the configuration has the name of one of its sources (" + unknown +
                    "): nothing of it would be used");
  }
  if (!unknown.empty())
    env.err << "holdfast: not used, since no source has this name: " << printable(unknown) << "\n";
  return {};
}

// What is imported becomes this node's own, and newer than its files and maps: it is what the next
// life of the daemon starts from.
Result<Snapshot> adopt(const Env& env, const Options& options, Snapshot snapshot,
                       const SnapshotStore& store) {
  const auto highest = store.highest();
  if (!highest) return tl::unexpected(highest.error());
  const auto maps = env.open_maps(options.config.bpffs);
  const std::uint64_t in_maps = maps ? maps->image.meta.generation : 0;
  snapshot.generation = std::max({*highest, in_maps, snapshot.generation}) + 1;
  // Of no source of this node: the operator's word is about what this node served, not another.
  const auto& configured = options.config.sources;
  std::erase_if(snapshot.sources, [&](const Snapshot::SourceMemory& one) {
    return !configured.empty() &&
           std::none_of(configured.begin(), configured.end(),
                        [&](const SourceConfig& source) { return source.name == one.name; });
  });
  snapshot.gone.clear();
  if (snapshot.node != options.config.node_name) snapshot.imported_from = snapshot.node;
  snapshot.node = options.config.node_name;
  return snapshot;
}

struct Import {
  std::string file;
  bool force_identity = false;
};

Result<Snapshot> import_file(const Env& env, const Options& options, const Import& asked) {
  StoredSnapshot file = inspect_snapshot(asked.file, options.config.node_name);
  if (!file.snapshot) return unusable(file);
  if (file.trust == Trust::foreign && !asked.force_identity)
    return fail(Errc::invalid,
                file.name + ": " + file.reason +
                    "; with --force-identity it is imported all the same, as a seed");
  if (auto known = known_sources(env, options, *file.snapshot); !known)
    return tl::unexpected(known.error());
  SnapshotStore store = store_of(options);
  if (auto opened = store.open(); !opened) return tl::unexpected(opened.error());
  if (auto locked = store.lock(); !locked) {
    if (locked.error().code != Errc::exists) return tl::unexpected(locked.error());
    return fail(Errc::exists, "holdfastd runs on " + store.directory() +
                                  ": stop it, import, start it again; until then all goes on "
                                  "being redirected as it is");
  }
  if (const auto newest = choose(options, 0); newest && !asked.force_identity) {
    if (auto same = same_clusters(*newest->snapshot, *file.snapshot); !same)
      return tl::unexpected(same.error());
  }
  auto adopted = adopt(env, options, std::move(*file.snapshot), store);
  if (!adopted) return adopted;
  if (auto saved = store.save(*adopted); !saved) return tl::unexpected(saved.error());
  return adopted;
}

int list(const Env& env, const Options& options) {
  const auto files = store_of(options).list();
  if (!files) return report(env, options, files.error());
  boost::json::array rows;
  for (const StoredSnapshot& file : *files) rows.push_back(snapshot_row(file, env.now()));
  print_rows(env.out, options.rendering, rows,
             {{"GENERATION", "generation"},
              {"STATE", "state"},
              {"WRITTEN", "written_at"},
              {"NODE", "node"},
              {"SERVICES", "services"},
              {"ENDPOINTS", "endpoints"},
              {"FORMAT", "format", true},
              {"BYTES", "bytes", true},
              {"FILE", "file", true},
              {"REASON", "reason"}},
             {"file"});
  return kOk;
}

int show(const Env& env, const Options& options, const std::string& which) {
  const auto file = named(options, which);
  if (!file) return report(env, options, file.error());
  if (!file->snapshot) return report(env, options, unusable(*file).value());
  const auto document = snapshot_document(*file, env.now());
  if (print_document(env.out, options.rendering, document)) return kOk;
  describe_snapshot(env.out, options.rendering, document);
  return kOk;
}

struct Export {
  std::string to;
  std::uint64_t generation = 0;  // 0: the newest that is good
};

int export_file(const Env& env, const Options& options, const Export& asked) {
  const auto file = choose(options, asked.generation);
  if (!file) return report(env, options, file.error());
  if (!file->snapshot) return report(env, options, unusable(*file).value());
  const auto bytes = read_file(options.config.state_dir + "/" + file->name, kLongest);
  if (!bytes) return report(env, options, bytes.error());
  const std::string& to = asked.to;
  if (to == "-") {
    env.out << *bytes;
    return kOk;
  }
  if (is_file(to))
    return report(env, options, {Errc::exists, 0, to + " exists: name another, or remove it"});
  if (auto written = replace_file(to, *bytes, 0600); !written)
    return report(env, options, written.error());
  const boost::json::object done{
      {"generation", file->generation}, {"file", to}, {"bytes", bytes->size()}};
  if (!print_document(env.out, options.rendering, done))
    env.out << "exported generation " << file->generation << " to " << printable(to) << "\n";
  return kOk;
}

int import_one(const Env& env, const Options& options, const Import& asked) {
  const auto imported = import_file(env, options, asked);
  if (!imported) return report(env, options, imported.error());
  const boost::json::object done{{"generation", imported->generation},
                                 {"node", imported->node},
                                 {"imported_from", imported->imported_from}};
  if (!print_document(env.out, options.rendering, done)) {
    env.out << "imported as generation " << imported->generation << "; holdfastd starts from it\n";
  }
  return kOk;
}

}  // namespace

Run snapshot_list(Usage&) {
  return list;
}

Run snapshot_show(Usage& usage) {
  const auto which = std::make_shared<std::string>();
  usage.optional("GENERATION|FILE", *which).is_path = true;
  return [which](const Env& env, const Options& options) { return show(env, options, *which); };
}

Run snapshot_export(Usage& usage) {
  const auto asked = std::make_shared<Export>();
  usage.argument("FILE", asked->to).is_path = true;
  usage.flag("--generation", &asked->generation, "this one; default: the newest that is good");
  usage.examples = {"holdfast snapshot export /root/before.snap"};
  return
      [asked](const Env& env, const Options& options) { return export_file(env, options, *asked); };
}

Run snapshot_import(Usage& usage) {
  const auto asked = std::make_shared<Import>();
  usage.argument("FILE", asked->file).is_path = true;
  usage.flag("--force-identity", &asked->force_identity, "also of another node or cluster");
  usage.examples = {"holdfast snapshot import /root/before.snap"};
  return
      [asked](const Env& env, const Options& options) { return import_one(env, options, *asked); };
}

}  // namespace holdfast::cli
