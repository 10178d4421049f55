// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/api/store.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/base/memory.h"
#include "agent/model/ready.h"

namespace holdfast::kubernetes {
namespace {

constexpr std::string_view kTriggerTime = "endpoints.kubernetes.io/last-change-trigger-time";

std::string object_of(Kind kind, const ServiceKey& name) {
  return std::string(row_of(kind).name) + " " + (kind == Kind::node ? name.name : name.to_string());
}

std::string trigger_time(const Value& object) {
  const Value* metadata = object.find("metadata");
  const Value* annotations = metadata ? metadata->find("annotations") : nullptr;
  const Value* time = annotations ? annotations->find(kTriggerTime) : nullptr;
  return time ? time->text : "";
}

}  // namespace

Store::Store(std::string source) : source_(std::move(source)), assembler_(&last_known_) {}

const Version* Store::known(Kind kind, const ServiceKey& name) const {
  const auto found = state(kind).objects.find(name);
  return found == state(kind).objects.end() ? nullptr : &found->second.version;
}

bool Store::synced() const {
  return std::all_of(kinds_.begin(), kinds_.end(), [](const KindState& one) { return one.synced; });
}

Store::Staged Store::decode_one(Kind kind, const Value& object) const {
  Staged staged;
  staged.ref = ref_of(object);
  staged.hash = content_hash(object);
  decode(object, "", staged.objects, staged.problems, std::string(row_of(kind).name));
  // Positions in a line of the wire help nobody.
  for (Problem& problem : staged.problems) problem.line = problem.column = 0;
  return staged;
}

void Store::apply(Kind kind, const Event& event) {
  KindState& of = state(kind);
  const ServiceKey name = ref_of(event.object).name;
  const auto known = of.objects.find(name);
  of.advance(event.version);
  const bool older = known != of.objects.end() && event.version.number != 0 &&
                     event.version.number <= known->second.version.number;
  if (older) return;
  const SliceObject* before = kind == Kind::slice ? assembler_.slice(name) : nullptr;
  if (event.type == EventType::deleted) {
    if (before) drop_slice(*before);
    const Staged last = decode_one(kind, event.object);
    for (const SliceObject& slice : last.objects.slices) drop_slice(slice);
    remove(kind, name);
    return;
  }
  if (before) {
    for (const SliceEndpoint& one : before->endpoints) {
      explanations_[before->service].dropped.insert(one.address);
    }
  }
  if (kind == Kind::slice && synced()) {
    if (std::string time = trigger_time(event.object); !time.empty())
      trigger_times_.push_back(std::move(time));
  }
  put(kind, decode_one(kind, event.object));
}

// A slice's deletion explains only the endpoints that were seen terminating.
void Store::drop_slice(const SliceObject& slice) {
  for (const SliceEndpoint& one : slice.endpoints) {
    if (!one.terminating) continue;
    explanations_[slice.service].terminating.insert(one.address);
  }
}

void Store::put(Kind kind, Staged staged) {
  const ServiceKey& name = staged.ref.name;
  state(kind).objects[name] = {staged.ref.version, staged.hash};
  told(problems_, object_of(kind, name), staged.problems);
  for (ServiceObject& one : staged.objects.services) assembler_.put(std::move(one));
  for (NodeObject& one : staged.objects.nodes) assembler_.put(std::move(one));
  for (SliceObject& one : staged.objects.slices) put_slice(std::move(one));
}

// Problems are news by themselves: an object that cannot be read changes nothing else.
template <class Key>
void Store::told(std::map<Key, std::vector<Problem>>& list, const Key& of,
                 const std::vector<Problem>& problems) {
  const auto known = list.find(of);
  if (known == list.end() ? problems.empty() : known->second == problems) return;
  problems_changed_ = true;
  if (problems.empty()) {
    list.erase(known);
  } else {
    list[of] = problems;
  }
}

void Store::put_slice(SliceObject slice) {
  if (!slice.whole) return assembler_.put(std::move(slice));  // it is not said, whatever it says
  const ServiceObject* service = assembler_.service(slice.service);
  const bool headless = !service || !service->ours;
  for (const SliceEndpoint& one : slice.endpoints) {
    if (one.terminating) explanations_[slice.service].terminating.insert(one.address);
    if (!headless || one.identity.none()) continue;  // the service itself tells whose they are
    if (slice.ports.empty()) claims_.push_back({one.address, 0, one.identity});
    for (const SlicePort& port : slice.ports)
      claims_.push_back({one.address, port.port.value_or(0), one.identity});
  }
  assembler_.put(std::move(slice));
}

void Store::remove(Kind kind, const ServiceKey& name) {
  state(kind).objects.erase(name);
  told(problems_, object_of(kind, name), {});
  switch (kind) {
    case Kind::service:
      return assembler_.remove_service(name);
    case Kind::slice:
      return assembler_.remove_slice(name);
    case Kind::node:  // the end of a node is seen, or there is none
      if (basis_ == Basis::event) assembler_.remove_node(name.name);
      return;
  }
}

void Store::begin_list(Kind kind) {
  KindState& of = state(kind);
  of.listing = true;
  of.seen.clear();
  of.staged.clear();
}

void Store::list(Kind kind, const Value& object) {
  KindState& of = state(kind);
  const ObjectRef ref = ref_of(object);
  of.seen.insert(ref.name);
  const auto known = of.objects.find(ref.name);
  const bool same = known != of.objects.end() && known->second.version == ref.version &&
                    known->second.hash == content_hash(object);
  if (same) return;
  of.staged.push_back(decode_one(kind, object));
}

void Store::end_list(Kind kind, const Version& version, bool reset) {
  KindState& of = state(kind);
  basis_ = Basis::list;
  std::vector<ServiceKey> absent;
  for (const auto& [name, known] : of.objects) {
    if (!of.seen.contains(name)) absent.push_back(name);
  }
  for (const ServiceKey& name : absent) remove(kind, name);
  for (Staged& staged : of.staged) put(kind, std::move(staged));
  if (reset) {
    doubt_ =
        fmt::format("the API's {} went back from version {} to {}: what it does not list is kept",
                    row_of(kind).resource, of.version.text, version.text);
  } else {
    doubt_.reset();
    listed_.insert(kind);
  }
  of.version = version;
  of.synced = true;
  of.listing = false;
  of.seen.clear();
  release(of.staged);
  if (listed_.contains(Kind::service) && listed_.contains(Kind::slice)) count_list();
}

void Store::count_list() {
  counted_ = true;
  listed_.clear();
}

namespace {

// A watch that ran ahead of the list knows better. A list that reaches as far as what is known, and
// has another version of it, is of another history: an etcd restored from an older state.
bool differs(const Version& known, const Version& theirs, const Version& list) {
  return !(known == theirs) && (known.number <= list.number || known.number == 0);
}

}  // namespace

Store::Differences Store::compare(Kind kind, const std::vector<ObjectRef>& listed,
                                  const Version& version) const {
  const KindState& of = state(kind);
  Differences differences;
  std::set<ServiceKey> seen;
  for (const ObjectRef& ref : listed) {
    seen.insert(ref.name);
    const auto known = of.objects.find(ref.name);
    if (known == of.objects.end() || differs(known->second.version, ref.version, version))
      differences.changed.push_back(ref.name);
  }
  for (const auto& [name, known] : of.objects) {
    const bool was_there = known.version.number != 0 && known.version.number <= version.number;
    if (was_there && !seen.contains(name)) differences.absent.push_back(name);
  }
  return differences;
}

void Store::correct(Kind kind, const Value& object, const Version& list) {
  const ObjectRef ref = ref_of(object);
  const auto known = state(kind).objects.find(ref.name);
  if (known != state(kind).objects.end() && !differs(known->second.version, ref.version, list))
    return;
  basis_ = Basis::list;
  put(kind, decode_one(kind, object));
}

void Store::correct_absent(Kind kind, const ServiceKey& name) {
  basis_ = Basis::list;
  remove(kind, name);
}

std::vector<EndpointAddress> Store::explained(const ServiceKey& key, const Service& before,
                                              const ServicePtr& after) {
  const Explanation& seen = explanations_[key];
  const bool ready = after && has_ready(*after);
  std::set<EndpointAddress>& waiting = waiting_[key];
  std::vector<EndpointAddress> result;
  for (const Pool& pool : before.pools) {
    for (const Endpoint& endpoint : pool.endpoints) {
      const EndpointAddress address{endpoint.address, endpoint.port};
      const Endpoint* still = find_endpoint(counterpart(after.get(), pool), endpoint);
      if (still) {
        if (still->terminating && !endpoint.terminating) result.push_back(address);
      } else if (endpoint.terminating || seen.terminating.contains(endpoint.address)) {
        result.push_back(address);
      } else if (basis_ == Basis::event && seen.dropped.contains(endpoint.address)) {
        waiting.insert(address);
      }
    }
  }
  if (after) {
    for (const Pool& pool : after->pools) {
      for (const Endpoint& endpoint : pool.endpoints)
        waiting.erase({endpoint.address, endpoint.port});
    }
  }
  if (ready) result.insert(result.end(), waiting.begin(), waiting.end());
  if (ready || waiting.empty()) waiting_.erase(key);
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

std::optional<ServiceChange> Store::change_of(const Assembler::Change& change) {
  const ServicePtr before = said_.of(change.key);
  auto result = said_.say(change.key, change.now);
  if (!before && !change.now) return std::nullopt;
  std::vector<EndpointAddress> named;
  if (before) named = explained(change.key, *before, change.now);
  if (!result && named.empty()) return std::nullopt;
  if (!result) result = ServiceChange{change.key, before};
  result->basis = basis_;
  result->explained_endpoints = std::move(named);
  if (!change.now) {
    // A Service that is there but none of ours any more says so itself.
    result->explained = basis_ == Basis::event || assembler_.service(change.key) != nullptr;
    waiting_.erase(change.key);
  }
  return result;
}

void Store::collect_problems(SourceUpdate& update) const {
  for (const auto& [object, list] : problems_)
    update.problems.insert(update.problems.end(), list.begin(), list.end());
  for (const auto& [key, list] : service_problems_)
    update.problems.insert(update.problems.end(), list.begin(), list.end());
}

std::optional<SourceUpdate> Store::take() {
  if (!synced()) return std::nullopt;
  SourceUpdate update;
  for (const Assembler::Change& change : assembler_.take()) {
    told(service_problems_, change.key, change.problems);
    if (auto told = change_of(change)) update.changes.push_back(std::move(*told));
  }
  explanations_.clear();
  basis_ = Basis::event;
  update.nodes = assembler_.take_nodes();
  update.claims = std::exchange(claims_, {});
  update.list = std::exchange(counted_, false);
  const bool first = !std::exchange(ever_taken_, true);
  if (first) last_known_.forget_unused();
  const bool problems = std::exchange(problems_changed_, false);
  const bool silent = update.changes.empty() && update.claims.empty() && update.nodes.empty();
  if (!first && !problems && silent && !update.list) return std::nullopt;
  update.source = source_;
  update.revision = std::to_string(++revision_);
  update.complete = true;
  if (doubt_) update.doubts.push_back({"", *doubt_});
  collect_problems(update);
  return update;
}

std::vector<EndpointAddress> Store::api_endpoints() const {
  std::vector<EndpointAddress> result;
  const ServicePtr& api = said_.of({"default", "kubernetes"});
  if (!api) return result;
  for (const Pool& pool : api->pools) {
    for (const Endpoint& endpoint : pool.endpoints) {
      if (pool.protocol == Protocol::tcp && pool.service_port == 443)
        result.push_back({endpoint.address, endpoint.port});
    }
  }
  return result;
}

}  // namespace holdfast::kubernetes
