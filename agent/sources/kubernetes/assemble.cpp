// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <map>

#include "agent/sources/kubernetes/assembler.h"

namespace holdfast::kubernetes {
namespace {

// Several origins may hold an object of one name: the first by origin is used, once a name. What
// could not be read is asked last.
class Firsts {
 public:
  explicit Firsts(std::vector<Problem>& problems) : problems_(problems) {}

  bool first(const std::string& object, const Text& origin, const Place& place) {
    const auto [known, fresh] = seen_.emplace(object, Known{origin, place});
    if (!fresh) {
      const auto& [there, at] = known->second;
      problems_.push_back({origin.get(), place.line, place.column, object,
                           "is in " + there.get() + " already, at line " + std::to_string(at.line) +
                               "; that one is used"});
    }
    return fresh;
  }

 private:
  std::vector<Problem>& problems_;
  struct Known {
    Text origin;
    Place place;
  };
  std::map<std::string, Known> seen_;
};

void put_all(const Objects& objects, bool whole, Firsts& firsts, Assembler& assembler) {
  for (const NodeObject& one : objects.nodes) {
    if (one.whole == whole && firsts.first("Node " + one.name, one.origin, one.place))
      assembler.put(one);
  }
  for (const ServiceObject& one : objects.services) {
    if (one.whole == whole && firsts.first("Service " + one.key.to_string(), one.origin, one.place))
      assembler.put(one);
  }
  for (const SliceObject& one : objects.slices) {
    const ServiceKey name{one.name_space, one.name};
    if (one.whole == whole &&
        firsts.first("EndpointSlice " + name.to_string(), one.origin, one.place))
      assembler.put(one);
  }
}

}  // namespace

Assembly assemble(const std::vector<const Objects*>& origins, std::vector<Problem>& problems,
                  LastKnown* last_known) {
  Assembler assembler(last_known);
  Firsts firsts(problems);
  for (const bool whole : {true, false}) {
    for (const Objects* objects : origins) put_all(*objects, whole, firsts, assembler);
  }
  Assembly result;
  result.nodes = assembler.take_nodes();
  for (Assembler::Change& change : assembler.take()) {
    problems.insert(problems.end(), change.problems.begin(), change.problems.end());
    if (change.now) result.services.push_back(std::move(change.now));
  }
  return result;
}

}  // namespace holdfast::kubernetes
