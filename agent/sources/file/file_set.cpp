// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/file/file_set.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <limits>
#include <set>
#include <utility>

#include "agent/base/memory.h"
#include "agent/sources/kubernetes/amount.h"

namespace holdfast {
namespace {

constexpr auto kNobodyKnows = std::numeric_limits<std::uint64_t>::max();

std::string place(const Problem& problem) {
  return "line " + std::to_string(problem.line) + ", column " + std::to_string(problem.column) +
         ": " + problem.message;
}

template <class Visit>
void each_list(kubernetes::Objects& objects, Visit visit) {
  visit("Service ", objects.services, [](const auto& one) { return one.key.to_string(); });
  visit("EndpointSlice ", objects.slices,
        [](const auto& one) { return one.name_space + "/" + one.name; });
  visit("Node ", objects.nodes, [](const auto& one) { return one.name; });
}

// What cannot be read stays as it was last good in `before`, which is used up, unless another piece
// has a good one beside it. Such pieces are decoded anew at each reading.
void keep_last_good(std::vector<Entry>& before, std::vector<Entry>& now) {
  std::vector<Entry*> broken;
  for (Entry& entry : now) {
    bool all = true;
    each_list(entry.objects, [&](const char*, const auto& list, auto) {
      for (const auto& one : list) all = all && one.whole;
    });
    if (!all) broken.push_back(&entry);
  }
  if (broken.empty()) return;
  std::set<std::string> good;
  for (Entry& entry : now) {
    each_list(entry.objects, [&](const std::string& kind, const auto& list, auto name_of) {
      for (const auto& one : list) {
        if (one.whole) good.insert(kind + name_of(one));
      }
    });
  }
  kubernetes::Objects last;
  const auto move = [](auto& from, auto& to) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  for (Entry& entry : before) {
    move(entry.objects.services, last.services);
    move(entry.objects.slices, last.slices);
    move(entry.objects.nodes, last.nodes);
  }
  for (Entry* entry : broken) {
    entry->hash = 0;
    each_list(entry->objects, [&](const std::string& kind, auto& list, auto name_of) {
      std::erase_if(
          list, [&](const auto& one) { return !one.whole && good.contains(kind + name_of(one)); });
    });
    kubernetes::keep_last_good(last, entry->objects);
  }
}

Amount amount_of(const std::vector<Entry>& entries) {
  Amount amount;
  for (const Entry& entry : entries) amount += kubernetes::amount_of(entry.objects);
  return amount;
}

// Which object it is that nobody can name, nobody can tell: it may be any that is missing.
std::string doubt_of_nameless(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    if (entry.objects.nameless) return place(*entry.objects.nameless);
  }
  return "";
}

// What `reading` says, with what it takes over moved out of `before`.
std::vector<Entry> take_over(Reading& reading, std::vector<Entry>& before) {
  std::vector<Entry> now;
  now.reserve(reading.parts.size() + 1);
  for (Reading::Part& part : reading.parts) {
    if (!part.from) {
      now.push_back(std::move(part.entry));
      continue;
    }
    now.push_back(std::exchange(before[*part.from], {}));
    now.back().move_to(part.entry.line, part.entry.column);
  }
  return now;
}

}  // namespace

FileSet::FileSet(std::string source, std::shared_ptr<MemoryGate> gate)
    : source_(std::move(source)), gate_(std::move(gate)) {}

std::size_t FileSet::refused_for_memory() const {
  return static_cast<std::size_t>(std::count_if(
      files_.begin(), files_.end(), [](const auto& file) { return file.second.refusal; }));
}

std::optional<std::uint64_t> FileSet::needed_memory() const {
  std::optional<std::uint64_t> least;
  for (const auto& [path, file] : files_) {
    if (!file.refusal || file.refusal->needed == kNobodyKnows) continue;
    const std::uint64_t needed = file.refusal->needed + file.size;
    least = std::min(least.value_or(needed), needed);
  }
  return least;
}

void FileSet::parse(const std::string& path, std::string_view content, File& file,
                    const std::stop_token& stop, Allowance& allowance) {
  allowance.begin(content.size(), amount_of(file.entries));
  Reading reading = read_text(content, path, file.entries, stop, &allowance);
  if (reading.stopped) {
    file.hash = 0;
    return;
  }
  file.problems.clear();
  file.refusal.reset();
  if (reading.refused) {
    reading = {};
    file.refusal = allowance.give_up();
    ++refusals_;
    file.doubt = file.refusal->words;
    file.problems = {{path, 0, 0, "", file.doubt}};
    return give_back_memory();
  }
  std::size_t items = 0;
  for (const Reading::Part& part : reading.parts)
    items += (part.from ? file.entries[*part.from] : part.entry).objects.items;
  if (reading.problem) file.problems.push_back(*reading.problem);
  // A document that is no object is a broken file, not an empty one.
  for (const Reading::Part& part : reading.parts) {
    if (items > 0) break;
    const Entry& entry = part.from ? file.entries[*part.from] : part.entry;
    file.problems.insert(file.problems.end(), entry.problems.begin(), entry.problems.end());
  }
  if (!file.problems.empty()) {
    file.doubt = place(file.problems.front());
    return;
  }
  std::vector<Entry> now = take_over(reading, file.entries);
  keep_last_good(file.entries, now);
  file.doubt = items == 0 ? "the file lists nothing" : doubt_of_nameless(now);
  file.ever_good = file.ever_good || items != 0;
  file.entries = std::move(now);
  allowance.accept();
}

bool FileSet::cannot_read(const std::string& path, File& file, const Error& error) {
  // Its text alone does not fit, as before: how little is left changes all the time.
  const bool memory = error.sys == ENOMEM;
  const bool news = !(memory && file.refusal) && file.doubt != error.what;
  file.hash = 0;
  file.refusal.reset();
  if (memory && news) ++refusals_;
  if (memory) file.refusal = Refusal{kNobodyKnows, error.what};
  if (!news) return false;
  file.doubt = error.what;
  file.problems = {{path, 0, 0, "", error.what}};
  return true;
}

bool FileSet::take(const std::string& path, const Result<std::string>& content,
                   const std::stop_token& stop, Allowance& allowance) {
  File& file = files_[path];
  const bool was_present = std::exchange(file.present, true);
  if (!content) return cannot_read(path, file, content.error());
  const std::uint64_t hash = XXH3_64bits(content->data(), content->size()) | 1;  // 0: none
  const bool same = was_present && hash == file.hash;
  if (same && !(file.refusal && allowance.worth_another_try(*file.refusal))) return false;
  file.hash = hash;
  file.size = content->size();
  const std::string before = file.refusal ? file.doubt : "";
  parse(path, *content, file, stop, allowance);
  return !same || file.doubt != before;
}

bool FileSet::vanish(File& file) {
  if (!file.present) return false;
  file.present = false;
  file.hash = 0;
  file.refusal.reset();
  file.entries.clear();
  file.problems.clear();
  file.doubt = "the file vanished";
  return true;
}

bool FileSet::forget_vanished(const std::set<std::string>& undecided) {
  if (undecided.contains("")) return false;
  const auto over = [&](const auto& file) {
    return !file.second.present && !undecided.contains(file.first);
  };
  if (std::erase_if(files_, over) == 0) return false;
  news_ = true;
  return true;
}

std::optional<SourceUpdate> FileSet::observe(FileTexts&& files, const std::string& listing_error,
                                             const std::stop_token& stop) {
  news_ = news_ || listing_error != listing_error_;
  listing_error_ = listing_error;
  Amount said;
  if (gate_) {
    for (const auto& [path, file] : files_) said += amount_of(file.entries);
  }
  Allowance allowance(gate_.get(), source_, said);
  for (auto& [path, content] : files) {
    news_ = take(path, content, stop, allowance) || news_;
    if (content) *content = std::string();  // a large one is not needed any more
    if (stop.stop_requested()) return std::nullopt;
  }
  for (auto& [path, file] : files_) {
    if (!files.contains(path)) news_ = vanish(file) || news_;
  }
  if (!std::exchange(news_, false)) return std::nullopt;
  return assemble(listing_error);
}

// Before every file has been read once, a pool without endpoints is not known to be empty: they may
// be in the file that cannot be read. To refuse its clients would be an answer made up from that;
// they pass through as they did before.
ServicePtr FileSet::as_known(ServicePtr service) const {
  const auto empty = [](const Pool& pool) { return pool.endpoints.empty(); };
  if (complete_ || std::none_of(service->pools.begin(), service->pools.end(), empty))
    return service;
  auto unsure = std::make_shared<Service>(*service);
  unsure->policy.no_endpoints = HF_EMPTY_PASS;
  return unsure;
}

void FileSet::say_nodes(std::vector<NodeChange>&& now, SourceUpdate& update) {
  std::map<std::string, Node> said;
  for (NodeChange& one : now) {
    const auto before = last_nodes_.find(one.name);
    if (before == last_nodes_.end() || before->second != *one.now) update.nodes.push_back(one);
    said.emplace(one.name, std::move(*one.now));
  }
  for (const auto& [name, node] : last_nodes_) {
    if (!said.contains(name)) update.nodes.push_back({name, std::nullopt});
  }
  last_nodes_ = std::move(said);
}

SourceUpdate FileSet::assemble(const std::string& listing_error) {
  SourceUpdate update;
  update.source = source_;
  update.revision = std::to_string(++revision_);
  update.complete = listing_error.empty();
  if (!listing_error.empty()) update.doubts.push_back({"", listing_error});
  std::vector<const kubernetes::Objects*> origins;
  for (const auto& [path, file] : files_) {
    update.problems.insert(update.problems.end(), file.problems.begin(), file.problems.end());
    for (const Entry& entry : file.entries) {
      origins.push_back(&entry.objects);
      if (!file.problems.empty()) continue;
      update.problems.insert(update.problems.end(), entry.problems.begin(), entry.problems.end());
    }
    if (file.doubt.empty()) {
      update.confirmed_origins.insert(path);
    } else {
      update.doubts.push_back({path, file.doubt});
    }
    if (file.present && !file.doubt.empty() && !file.ever_good) update.complete = false;
  }
  complete_ = complete_ || update.complete;
  auto assembled = kubernetes::assemble(origins, update.problems, &last_known_);
  say_nodes(std::move(assembled.nodes), update);
  for (ServicePtr& service : assembled.services) service = as_known(std::move(service));
  update.changes = said_.say_all(std::move(assembled.services));
  if (update.complete) last_known_.forget_unused();
  doubts_ = update.doubts;
  return update;
}

}  // namespace holdfast
