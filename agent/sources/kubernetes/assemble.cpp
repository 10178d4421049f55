// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "agent/sources/kubernetes/assembler.h"

namespace holdfast::kubernetes {
namespace {

// Several origins may hold an object of one name: the first by origin is used, once a name.
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

}  // namespace

std::vector<ServicePtr> assemble(const std::vector<const Objects*>& origins,
                                 const NodeContext& node, std::vector<Problem>& problems) {
  Assembler assembler(node);
  Firsts firsts(problems);
  for (const Objects* objects : origins) {
    for (const NodeObject& one : objects->nodes) {
      if (firsts.first("Node " + one.name, one.origin, one.place)) assembler.put(one);
    }
  }
  for (const Objects* objects : origins) {
    for (const ServiceObject& one : objects->services) {
      if (firsts.first("Service " + one.key.to_string(), one.origin, one.place)) assembler.put(one);
    }
    for (const SliceObject& one : objects->slices) {
      const ServiceKey name{one.name_space, one.name};
      if (firsts.first("EndpointSlice " + name.to_string(), one.origin, one.place))
        assembler.put(one);
    }
  }
  std::vector<ServicePtr> result;
  for (Assembler::Change& change : assembler.take()) {
    problems.insert(problems.end(), change.problems.begin(), change.problems.end());
    if (change.now) result.push_back(std::move(change.now));
  }
  return result;
}

}  // namespace holdfast::kubernetes
