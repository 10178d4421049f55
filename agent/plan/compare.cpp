// SPDX-License-Identifier: Apache-2.0
// Desired against actual, and the operations that mend the difference.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agent/plan/inspect.h"
#include "agent/plan/order.h"
#include "agent/plan/words.h"

namespace holdfast {
namespace {

template <class T>
const T& at(const std::vector<T>& elements, std::size_t index) {
  static const T kZero{};
  return index < elements.size() ? elements[index] : kZero;
}

template <class T>
bool same(const T& a, const T& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

std::string text(const hf_frontend_key& key, std::uint32_t word) {
  const Frontend frontend = frontend_of(key, word);
  return format_host_port(frontend.address, frontend.port) + "/" +
         std::string(to_string(protocol_of(key)));
}

std::string text(const hf_pool& pool) {
  if (pool.word == 0) return "none";
  return fmt::format("slots {}+{} generation {}", hf_pool_first(pool.word),
                     hf_pool_count(pool.word), hf_pool_generation(pool.word));
}

std::string text(const hf_endpoint& endpoint) {
  if (endpoint.incarnation == 0) return "none";
  const EndpointKey key = key_of(endpoint, {});
  return fmt::format("{} incarnation {}", format_host_port(key.address, key.port),
                     endpoint.incarnation);
}

// "pool 7 (default/song)", without the name where only a part was read.
std::string pool_text(const Image& image, std::uint32_t id) {
  const hf_service_name& name = at(image.service_names, at(image.pool_names, id).service);
  return fmt::format("pool {} ({}/{})", id, image.text(name.name_space), image.text(name.name));
}

using Ops = std::vector<Op>;

// Walks what differs, and sorts the operations that mend it as a plan's: what is named before what
// names it, and the reverse for what should not be there.
struct Walk {
  Walk(const Image& should, const Image& is) : desired(should), actual(is) {}
  // Of one part, see compare_part.
  Walk(const Image& should, const Image& is, std::uint32_t begin, std::uint32_t count)
      : desired(should), actual(is), base(begin), end(std::size_t{begin} + count) {}

  const Image& desired;
  const Image& actual;
  std::size_t base = 0, end = ~std::size_t{0};
  std::vector<Difference> found;
  Ops texts, names, endpoints, slots, pools, inserts, updates, deletes, zeroed, retired, meta;
  std::set<std::uint32_t> seen_cells;

  void differ(const char* map, std::string key, std::string want, std::string have) {
    found.push_back({map, std::move(key), std::move(want), std::move(have)});
  }

  bool whole() const { return end == ~std::size_t{0}; }
  template <class T>
  const T& have_at(const std::vector<T>& elements, std::size_t id) const {
    return at(elements, id - base);
  }
  // Element 0 is none.
  std::size_t begin() const { return std::max<std::size_t>(base, 1); }
  std::size_t last(std::size_t wanted, std::size_t found_of) const {
    return std::min(end, std::max(wanted, base + found_of));
  }

  void compare_text(hf_string_ref ref) {
    if (!whole()) return;
    if (ref.length == 0 || !seen_cells.insert(ref.cell).second) return;
    const std::string want = desired.text(ref);
    if (want == actual.view(ref)) return;
    differ("strings", std::to_string(ref.cell), want, actual.text(ref));
    texts.emplace_back(op::PutString{ref.cell, want});
  }

  void compare_endpoints() {
    const std::size_t count = last(desired.endpoints.size(), actual.endpoints.size());
    for (auto id = static_cast<std::uint32_t>(begin()); id < count; ++id) {
      const hf_endpoint &want = at(desired.endpoints, id), &have = have_at(actual.endpoints, id);
      if (want.incarnation == 0 && have.incarnation == 0) continue;
      const hf_endpoint_name& name = at(desired.endpoint_names, id);
      const hf_endpoint_name& named = have_at(actual.endpoint_names, id);
      if (!same(want, have)) {
        differ("endpoints", std::to_string(id), text(want), text(have));
        if (want.incarnation == 0) {
          retired.emplace_back(op::RetireEndpoint{id});
          continue;
        }
        endpoints.emplace_back(op::PutEndpoint{id, want, name});
      } else if (!same(name, named)) {
        differ("endpoint_names", std::to_string(id), desired.text(name.node),
               actual.text(named.node));
        names.emplace_back(op::PutEndpointName{id, name});
      }
      compare_text(name.node);
      compare_text(name.zone);
    }
  }

  void compare_slots() {
    for (std::uint32_t id = 1; id < desired.pools.size(); ++id) {
      if (desired.pools[id].word == 0) continue;
      const PoolWords words = words_of(desired, id);
      const std::uint32_t first = words.first, length = words.length();
      std::size_t wrong = 0;
      for (std::uint32_t slot = first; slot < first + length; ++slot) {
        wrong += at(desired.slots, slot) != at(actual.slots, slot);
        wrong += at(desired.slot_info, slot) != at(actual.slot_info, slot);
      }
      if (wrong == 0) continue;
      differ("slots", pool_text(desired, id), fmt::format("{} slots", length),
             fmt::format("{} words differ", wrong));
      op::PutSlots put{first, {}, {}};
      for (std::uint32_t slot = first; slot < first + length; ++slot) {
        put.slots.push_back(at(desired.slots, slot));
        put.infos.push_back(at(desired.slot_info, slot));
      }
      slots.emplace_back(std::move(put));
    }
  }

  void compare_pools() {
    const std::size_t count = last(desired.pools.size(), actual.pools.size());
    for (auto id = static_cast<std::uint32_t>(begin()); id < count; ++id) {
      const hf_pool &want = at(desired.pools, id), &have = have_at(actual.pools, id);
      if (same(want, have)) continue;
      differ("pools", pool_text(want.word ? desired : actual, id), text(want), text(have));
      (want.word ? pools : zeroed).emplace_back(op::StorePool{id, want});
    }
  }

  // Word by word; each run of wrong ones is one difference.
  void compare_slot_words() {
    const std::size_t count = last(desired.slots.size(), actual.slots.size());
    const auto wrong = [this](std::size_t slot) {
      return at(desired.slots, slot) != have_at(actual.slots, slot) ||
             at(desired.slot_info, slot) != have_at(actual.slot_info, slot);
    };
    for (std::size_t slot = begin(); slot < count; ++slot) {
      if (!wrong(slot)) continue;
      op::PutSlots put{static_cast<std::uint32_t>(slot), {}, {}};
      for (; slot < count && wrong(slot); ++slot) {
        put.slots.push_back(at(desired.slots, slot));
        put.infos.push_back(at(desired.slot_info, slot));
      }
      differ("slots", std::to_string(put.first), fmt::format("{} slots", put.slots.size()), "");
      slots.emplace_back(std::move(put));
    }
  }

  void compare_cells() {
    const auto cell_of = [](const std::string& heap, std::size_t cell) {
      const std::size_t at = cell * HF_STRING_CELL;
      std::string bytes = at < heap.size() ? heap.substr(at, HF_STRING_CELL) : std::string();
      bytes.resize(HF_STRING_CELL);
      return bytes;
    };
    const std::size_t count = last(desired.strings.size() / HF_STRING_CELL,
                                   (actual.strings.size() + HF_STRING_CELL - 1) / HF_STRING_CELL);
    for (std::size_t cell = begin(); cell < count; ++cell) {
      const std::string want = cell_of(desired.strings, cell);
      const std::string have = cell_of(actual.strings, cell - base);
      if (want == have) continue;
      differ("strings", std::to_string(cell), want, have);
      texts.emplace_back(op::PutString{static_cast<std::uint32_t>(cell), want});
    }
  }

  void compare_frontends() {
    for (const auto& [key, word] : desired.frontends) {
      const auto have = actual.frontends.find(key);
      if (have != actual.frontends.end() && have->second == word) continue;
      const bool missing = have == actual.frontends.end();
      differ("frontends", text(key, word), pool_text(desired, hf_frontend_pool(word)),
             missing ? "none" : pool_text(actual, hf_frontend_pool(have->second)));
      if (missing) {
        inserts.emplace_back(op::InsertFrontend{key, word});
      } else {
        updates.emplace_back(op::UpdateFrontend{key, word});
      }
    }
    for (const auto& [key, word] : actual.frontends) {
      if (desired.frontends.contains(key)) continue;
      differ("frontends", text(key, word), "none", pool_text(actual, hf_frontend_pool(word)));
      deletes.emplace_back(op::DeleteFrontend{key});
    }
  }

  void compare_services() {
    const std::size_t count = last(desired.service_names.size(), actual.service_names.size());
    for (auto id = static_cast<std::uint32_t>(begin()); id < count; ++id) {
      const hf_service_name& want = at(desired.service_names, id);
      const hf_service_name& have = have_at(actual.service_names, id);
      if (!same(want, have)) {
        differ("service_names", std::to_string(id), desired.text(want.name),
               actual.text(have.name));
        names.emplace_back(op::PutServiceName{id, want});
      }
      for (const auto ref : {want.name_space, want.name, want.source}) compare_text(ref);
    }
  }

  void compare_pool_names() {
    const std::size_t count = last(desired.pool_names.size(), actual.pool_names.size());
    for (auto id = static_cast<std::uint32_t>(begin()); id < count; ++id) {
      const hf_pool_name &want = at(desired.pool_names, id), &have = have_at(actual.pool_names, id);
      if (!same(want, have)) {
        differ("pool_names", std::to_string(id), std::to_string(want.service),
               std::to_string(have.service));
        names.emplace_back(op::PutPoolName{id, want});
      }
      compare_text(want.port_name);
    }
  }

  void compare_meta() {
    if (desired.meta.generation == actual.meta.generation &&
        desired.meta.complete == actual.meta.complete) {
      return;
    }
    differ("meta", "generation", std::to_string(desired.meta.generation),
           std::to_string(actual.meta.generation));
    meta.emplace_back(op::PutMeta{desired.meta.complete, desired.meta.generation});
  }

  Diff mend() {
    Diff diff;
    append(diff.ops, {{&texts},
                      {&names},
                      {&endpoints},
                      {&slots},
                      {&pools, !pools.empty()},
                      {&inserts},
                      {&updates, !updates.empty()},
                      {&deletes, !deletes.empty()},
                      {&zeroed, !zeroed.empty()},
                      {&retired, !retired.empty()},
                      {&meta}});
    return diff;
  }
};

Walk walk(const Image& desired, const Image& actual) {
  Walk result(desired, actual);
  result.compare_services();
  result.compare_pool_names();
  result.compare_endpoints();
  result.compare_slots();
  result.compare_pools();
  result.compare_frontends();
  result.compare_meta();
  return result;
}

}  // namespace

Found compare_part(const Image& desired, const Image& actual, Part part, std::uint32_t first,
                   std::uint32_t count) {
  Walk walk(desired, actual, first, count);
  if (part == Part::strings) walk.compare_cells();
  if (part == Part::service_names) walk.compare_services();
  if (part == Part::pool_names) walk.compare_pool_names();
  if (part == Part::endpoints) walk.compare_endpoints();
  if (part == Part::slots) walk.compare_slot_words();
  if (part == Part::pools) walk.compare_pools();
  if (part == Part::meta) walk.compare_meta();
  return {walk.found.size(), walk.found.empty() ? Diff{} : walk.mend()};
}

std::vector<Difference> compare(const Image& desired, const Image& actual) {
  return walk(desired, actual).found;
}

Diff repair(const Image& desired, const Image& actual) {
  return walk(desired, actual).mend();
}

}  // namespace holdfast
