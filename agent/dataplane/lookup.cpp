// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/lookup.h"

namespace {

struct View {
  const holdfast::Image& image;
  const holdfast::Caller& caller;

  void note(char letter) const {
    if (caller.loads) *caller.loads += letter;
  }
  template <class T>
  bool element(const std::vector<T>& from, std::uint32_t index, T* copy) const {
    if (index >= from.size()) return false;
    *copy = from[index];
    return true;
  }
};

// The loads that bpf/lib/lookup.h asks of its includer.
using hf_view = const View*;

int hf_load_frontend(hf_view view, const hf_frontend_key* key, __u32* word) {
  view->note('f');
  const auto found = view->image.frontends.find(*key);
  if (found == view->image.frontends.end()) return 0;
  *word = found->second;
  return 1;
}

int hf_in_host_scope(hf_view view) {
  return view->caller.in_host_scope;
}

int hf_load_pool_word(hf_view view, __u32 pool, __u64* word) {
  view->note('w');
  hf_pool copy{};
  const bool found = view->element(view->image.pools, pool, &copy);
  *word = copy.word;
  return found;
}

int hf_load_pool_policy(hf_view view, __u32 pool, __u64* policy) {
  view->note('p');
  hf_pool copy{};
  const bool found = view->element(view->image.pools, pool, &copy);
  *policy = copy.policy;
  return found;
}

int hf_load_slot(hf_view view, __u32 slot, __u32* endpoint) {
  view->note('s');
  return view->element(view->image.slots, slot, endpoint);
}

int hf_load_endpoint(hf_view view, __u32 endpoint, hf_endpoint* copy) {
  view->note('e');
  return view->element(view->image.endpoints, endpoint, copy);
}

__u32 hf_random(hf_view view) {
  return view->caller.random;
}

}  // namespace

#include "bpf/lib/lookup.h"

namespace holdfast {

static_assert(int(LookupVerdict::pass) == HF_VERDICT_PASS);
static_assert(int(LookupVerdict::endpoint) == HF_VERDICT_ENDPOINT);
static_assert(int(LookupVerdict::refuse) == HF_VERDICT_REFUSE);
static_assert(int(LookupVerdict::unreachable) == HF_VERDICT_UNREACHABLE);

Decision look_up(const Image& image, const hf_frontend_key& key, const Caller& caller) {
  const View view{image, caller};
  hf_decision made{};
  hf_lookup(&view, &key, &made);
  return {LookupVerdict(made.verdict),
          made.counter,
          made.pool,
          made.service,
          made.slot,
          made.endpoint,
          made.target};
}

}  // namespace holdfast
