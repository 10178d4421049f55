// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/bpf/interleaving.h"

#include <algorithm>
#include <stdexcept>

#include "agent/model/address.h"

struct hf_decision;

namespace {

using holdfast::interleaving::Memory;
using holdfast::interleaving::Reader;
using holdfast::interleaving::Step;

std::string bytes_of(const hf_frontend_key& key) {
  return {reinterpret_cast<const char*>(&key), sizeof key};
}

// One schedule in the making: at each load, which of the positions it could have is taken.
struct Run {
  const std::vector<Step>& steps;
  const std::vector<Memory>& memories;
  const Reader& reader;
  std::vector<std::size_t>& choices;  // index of the position taken, by load
  std::vector<std::size_t> counts;    // of positions there were, by load
  std::uint32_t random = 0;
  std::uint32_t choice = 0;
  std::size_t first = 0;
  std::size_t position = 0;

  // A reader that has begun ends before the next grace period does.
  std::size_t limit() const {
    std::size_t at = first;
    while (at < steps.size() && !steps[at].grace) ++at;
    return at;
  }

  template <class Read>
  std::vector<std::size_t> positions(const Read& read) const {
    std::vector<std::size_t> result;
    std::vector<decltype(read(memories[0]))> seen;
    const bool starting = counts.empty();
    const std::size_t end = starting ? steps.size() : limit();
    for (std::size_t at = starting ? 0 : position; at <= end; ++at) {
      auto value = read(memories[at]);
      const bool known = std::find(seen.begin(), seen.end(), value) != seen.end();
      if (known && !starting && !reader.every_position) continue;
      seen.push_back(value);
      result.push_back(at);
    }
    return result;
  }

  template <class Read>
  auto load(const Read& read) {
    const auto possible = positions(read);
    const std::size_t index = counts.size();
    if (choices.size() == index) choices.push_back(0);
    position = possible[choices[index]];
    if (index == 0) first = position;
    counts.push_back(possible.size());
    return read(memories[position]);
  }

  // To the next schedule in order; false when this was the last.
  bool advance() {
    while (!choices.empty() && choices.back() + 1 == counts[choices.size() - 1]) choices.pop_back();
    if (choices.empty()) return false;
    ++choices.back();
    return true;
  }
};

using hf_view = Run*;

int hf_load_frontend(hf_view view, const hf_frontend_key* key, __u32* word) {
  constexpr std::size_t kNone = ~std::size_t{0};
  const std::string bytes = bytes_of(*key);
  const std::size_t element = view->load([&](const Memory& memory) {
    const auto found = memory.table.find(bytes);
    return found == memory.table.end() ? kNone : found->second;
  });
  if (element == kNone) return 0;
  *word = view->load([&](const Memory& memory) { return memory.elements[element].word; });
  return 1;
}

int hf_in_host_scope(hf_view) {
  return 1;
}

int hf_load_pool_word(hf_view view, __u32 pool, __u64* word) {
  if (pool >= view->memories[0].pools.size()) return 0;
  const auto read = [&](const Memory& memory) { return memory.pools[pool].word; };
  if (!view->reader.torn_pool_word) {
    *word = view->load(read);
    return 1;
  }
  const auto first = view->load([&](const Memory& memory) { return hf_pool_first(read(memory)); });
  const auto count = view->load([&](const Memory& memory) { return hf_pool_count(read(memory)); });
  *word = hf_pool_word(first, count, 1);
  return 1;
}

int hf_load_pool_policy(hf_view view, __u32 pool, __u64* policy) {
  if (pool >= view->memories[0].pools.size()) return 0;
  *policy = view->load([&](const Memory& memory) { return memory.pools[pool].policy; });
  return 1;
}

int hf_load_slot(hf_view view, __u32 slot, __u32* endpoint) {
  if (slot >= view->memories[0].slots.size()) return 0;
  *endpoint = view->load([&](const Memory& memory) { return memory.slots[slot]; });
  return 1;
}

// The program copies an element in three loads of eight bytes.
int hf_load_endpoint(hf_view view, __u32 endpoint, hf_endpoint* copy) {
  if (endpoint >= view->memories[0].endpoints.size()) return 0;
  static_assert(sizeof *copy == 3 * sizeof(__u64));
  __u64 words[3];
  for (std::size_t one = 0; one < 3; ++one) {
    words[one] = view->load([&](const Memory& memory) {
      __u64 whole[3];
      std::memcpy(whole, &memory.endpoints[endpoint], sizeof whole);
      return whole[one];
    });
  }
  std::memcpy(copy, words, sizeof words);
  return 1;
}

// Of the next quarter at the second choice: another slot, where there are two.
__u32 hf_random(hf_view view) {
  return view->random + view->choice++ * 0x80000000u;
}

int hf_leave_out(hf_view view, const struct hf_decision*) {
  return view->reader.chooses_twice;
}

}  // namespace

#define HF_TRIES 2
#include "bpf/lib/lookup.h"

namespace holdfast::interleaving {

// As the kernel's hash: an update in place makes a new element and recycles the old one.
void Memory::set(const hf_frontend_key& key, std::uint32_t word) {
  std::size_t fresh = elements.size();
  if (free.empty()) {
    elements.emplace_back();
  } else {
    fresh = free.back();
    free.pop_back();
  }
  elements[fresh] = {key, word};
  auto [entry, inserted] = table.emplace(bytes_of(key), fresh);
  if (inserted) return;
  free.push_back(entry->second);
  entry->second = fresh;
}

void Memory::store(const hf_frontend_key& key, std::uint32_t word) {
  elements.at(table.at(bytes_of(key))).word = word;
}

void Memory::erase(const hf_frontend_key& key) {
  const auto entry = table.find(bytes_of(key));
  if (entry == table.end()) return;
  free.push_back(entry->second);
  table.erase(entry);
}

namespace {

struct Primitive {
  std::vector<Step>& steps;
  std::size_t number;
  Moves moves;

  void add(std::function<void(Memory&)> store, bool grace = false) {
    steps.push_back({std::move(store), grace, number});
  }

  void operator()(const op::PutString&) {}  // no program reads names
  void operator()(const op::PutServiceName&) {}
  void operator()(const op::PutPoolName&) {}
  void operator()(const op::PutEndpointName&) {}
  void operator()(const op::PutMeta&) {}
  void operator()(const op::PutEndpoint& put) {
    hf_endpoint silent = put.value;
    silent.incarnation = 0;
    for (std::size_t at = 0; at < sizeof silent; at += sizeof(__u64)) {
      add([silent, at, id = put.id](Memory& memory) {
        auto* target = reinterpret_cast<char*>(&memory.endpoints.at(id));
        std::memcpy(target + at, reinterpret_cast<const char*>(&silent) + at, sizeof(__u64));
      });
    }
    add([put](Memory& memory) { memory.endpoints.at(put.id).incarnation = put.value.incarnation; });
  }
  void operator()(const op::RetireEndpoint& retire) {
    add([retire](Memory& memory) { memory.endpoints.at(retire.id).incarnation = 0; });
  }
  void operator()(const op::PutSlots& put) {
    for (std::size_t one = 0; one < put.slots.size(); ++one) {
      add([at = put.first + one, id = put.slots[one]](Memory& memory) {
        memory.slots.at(at) = id;
      });
    }
  }
  void operator()(const op::StorePool& store) {
    add([store](Memory& memory) { memory.pools.at(store.id).policy = store.value.policy; });
    add([store](Memory& memory) { memory.pools.at(store.id).word = store.value.word; });
  }
  void operator()(const op::InsertFrontend& one) {
    add([one](Memory& memory) { memory.set(one.key, one.word); });
  }
  void operator()(const op::UpdateFrontend& one) {
    if (moves == Moves::stored)
      return add([one](Memory& memory) { memory.store(one.key, one.word); });
    add([one](Memory& memory) { memory.set(one.key, one.word); });
    if (moves == Moves::replaced) (*this)(op::Grace{});
  }
  void operator()(const op::DeleteFrontend& one) {
    add([one](Memory& memory) { memory.erase(one.key); });
  }
  void operator()(const op::Grace&) {
    add([](Memory&) {}, true);
  }
};

std::string answer_of(const hf_decision& decision) {
  if (decision.verdict == HF_VERDICT_ENDPOINT) {
    return format_host_port(IpAddress::from_abi(decision.target.addr),
                            host_port(decision.target.port));
  }
  if (decision.verdict == HF_VERDICT_REFUSE) return "refuse";
  if (decision.counter == HF_COUNT_MISS) return "miss";
  return "counter " + std::to_string(decision.counter);
}

}  // namespace

void append_steps(const Diff& diff, std::size_t number, Moves moves, std::vector<Step>& steps) {
  for (const Op& operation : diff.ops) std::visit(Primitive{steps, number, moves}, operation);
}

std::vector<Memory> run_writer(const std::vector<Step>& steps) {
  std::vector<Memory> memories(1);
  memories.reserve(steps.size() + 1);
  for (const Step& step : steps) {
    memories.push_back(memories.back());
    step.store(memories.back());
  }
  // An element that does not exist yet at a position is never found there: pad, for plain indexing.
  for (Memory& memory : memories) memory.elements.resize(memories.back().elements.size());
  return memories;
}

std::uint64_t explore(const std::vector<Step>& steps, const std::vector<Memory>& memories,
                      const hf_frontend_key& key, const Reader& reader,
                      const std::function<void(const Outcome&)>& judge) {
  std::uint64_t runs = 0;
  // One number in each quarter: together they hit every slot of a range of up to four.
  for (const std::uint32_t random : {0x10000000u, 0x50000000u, 0x90000000u, 0xd0000000u}) {
    std::vector<std::size_t> choices;
    for (bool more = true; more;) {
      Run run{steps, memories, reader, choices, {}, random, 0, 0, 0};
      hf_decision decision{};
      hf_lookup(&run, &key, &decision);
      Outcome outcome{answer_of(decision), run.first, run.position, {}, decision.target};
      outcome.socket.flags = HF_SOCKET_LIVE;
      outcome.socket.endpoint = decision.endpoint;
      outcome.socket.incarnation = decision.target.incarnation;
      judge(outcome);
      ++runs;
      more = run.advance();
    }
  }
  return runs;
}

}  // namespace holdfast::interleaving
