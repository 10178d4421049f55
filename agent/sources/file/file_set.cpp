// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/file/file_set.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <set>

#include "agent/sources/value.h"

namespace holdfast {
namespace {

std::string place(const Problem& problem) {
  return "line " + std::to_string(problem.line) + ", column " + std::to_string(problem.column) +
         ": " + problem.message;
}

}  // namespace

FileSet::FileSet(std::string source, std::string node_name)
    : source_(std::move(source)), node_name_(std::move(node_name)) {}

void FileSet::parse(const std::string& path, const std::string& content, File& file) {
  const ParseOutcome parsed = parse_documents(content, path);
  if (parsed.problem) {
    file.problems = {*parsed.problem};
    file.doubt = place(*parsed.problem);
    return;
  }
  kubernetes::Objects objects;
  file.problems.clear();
  for (const Value& document : parsed.documents) {
    kubernetes::decode(document, path, objects, file.problems);
  }
  // A document that is no object is a broken file, not an empty one.
  if (objects.items == 0 && !file.problems.empty()) {
    file.doubt = place(file.problems.front());
    return;
  }
  kubernetes::keep_last_good(file.objects, objects);
  // Which object it is that nobody can name, nobody can tell: it may be any that is missing.
  file.doubt = objects.items == 0 ? "the file lists nothing"
               : objects.nameless ? place(*objects.nameless)
                                  : "";
  file.ever_good = file.ever_good || objects.items != 0;
  file.objects = std::move(objects);
}

bool FileSet::take(const std::string& path, const Result<std::string>& content) {
  File& file = files_[path];
  const bool was_present = std::exchange(file.present, true);
  if (!content) {
    const bool news = file.doubt != content.error().what;
    file.doubt = content.error().what;
    file.problems = {{path, 0, 0, "", content.error().what}};
    file.hash = 0;
    return news;
  }
  const std::uint64_t hash = XXH3_64bits(content->data(), content->size()) | 1;  // 0: none
  if (was_present && hash == file.hash) return false;
  file.hash = hash;
  parse(path, *content, file);
  return true;
}

bool FileSet::vanish(File& file) {
  if (!file.present) return false;
  file.present = false;
  file.hash = 0;
  file.objects = {};
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

std::optional<SourceUpdate> FileSet::observe(
    const std::map<std::string, Result<std::string>>& files, const std::string& listing_error) {
  bool changed = std::exchange(news_, false) || listing_error != listing_error_;
  listing_error_ = listing_error;
  for (const auto& [path, content] : files) changed = take(path, content) || changed;
  for (auto& [path, file] : files_) {
    if (!files.contains(path)) changed = vanish(file) || changed;
  }
  if (!changed) return std::nullopt;
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

SourceUpdate FileSet::assemble(const std::string& listing_error) {
  SourceUpdate update;
  update.source = source_;
  update.revision = std::to_string(++revision_);
  update.complete = listing_error.empty();
  if (!listing_error.empty()) update.doubts.push_back({"", listing_error});
  std::vector<const kubernetes::Objects*> origins;
  for (const auto& [path, file] : files_) {
    origins.push_back(&file.objects);
    update.problems.insert(update.problems.end(), file.problems.begin(), file.problems.end());
    if (file.doubt.empty()) {
      update.confirmed_origins.insert(path);
    } else {
      update.doubts.push_back({path, file.doubt});
    }
    if (file.present && !file.doubt.empty() && !file.ever_good) update.complete = false;
  }
  complete_ = complete_ || update.complete;
  std::map<ServiceKey, ServicePtr> now;
  for (ServicePtr& said :
       kubernetes::assemble(origins, {node_name_}, update.problems, &last_known_)) {
    ServicePtr service = as_known(std::move(said));
    const auto before = last_.find(service->key);
    const bool same = before != last_.end() && *before->second == *service;
    if (!same) update.changes.push_back({service->key, service, false});
    const ServiceKey key = service->key;
    now[key] = same ? before->second : std::move(service);
  }
  for (const auto& [key, service] : last_) {
    if (!now.contains(key)) update.changes.push_back({key, nullptr, false});
  }
  last_ = std::move(now);
  if (update.complete) last_known_.forget_unused();
  doubts_ = update.doubts;
  return update;
}

}  // namespace holdfast
