// SPDX-License-Identifier: Apache-2.0
// Which id an endpoint has. The keys are those of the shadow's elements and not held twice: with a
// million endpoints a table of keys is 70 MB, one of ids 10. Private to agent/plan.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "agent/plan/words.h"

namespace holdfast {

struct EndpointKeyHash {
  std::size_t operator()(const EndpointKey& key) const;
};

class EndpointIndex {
 public:
  explicit EndpointIndex(const Image& shadow) : ids_(0, Hash{&shadow}, Equal{&shadow}) {}

  std::optional<std::uint32_t> find(const EndpointKey& key) const;
  std::size_t size() const { return ids_.size() + promised_.size(); }
  void reserve(std::size_t count) { ids_.reserve(count); }

  // The shadow's element `id`; false: another id has its key.
  bool add(std::uint32_t id) { return ids_.insert(id).second; }
  void add_in_place(std::uint32_t id);  // of whichever has its key
  void remove(std::uint32_t id);        // before its element changes; nothing if it is not known

  // What a plan gives an id to, which is not in the shadow yet. The reference is valid until it is
  // broken, or all are kept: the shadow has them.
  const EndpointKey& promise(const EndpointKey& key, std::uint32_t id);
  void break_promise(const EndpointKey& key) { promised_.erase(promised_.find(key)); }
  void keep_promises();

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::uint32_t id) const;
    std::size_t operator()(const EndpointKey& key) const { return EndpointKeyHash{}(key); }
    const Image* shadow;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(std::uint32_t a, std::uint32_t b) const;
    bool operator()(std::uint32_t id, const EndpointKey& key) const;
    bool operator()(const EndpointKey& key, std::uint32_t id) const { return (*this)(id, key); }
    const Image* shadow;
  };

  boost::unordered_flat_set<std::uint32_t, Hash, Equal> ids_;
  std::unordered_map<EndpointKey, std::uint32_t, EndpointKeyHash> promised_;
};

}  // namespace holdfast
