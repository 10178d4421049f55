/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* The decision: what a connect to an address gets. Pure inline C over five loads, in three steps:
 * the pool of the address (hf_find_pool), one of its slots (hf_select, select.h), and the endpoint
 * that the slot names (hf_take).
 *
 * Compiled three times: for BPF (loads are map look-ups), into host tests (loads are hooks that let
 * a writer run in between) and into the CLI's `explain` (loads read an image). The includer
 * defines, before including:
 *
 *   typedef ... hf_view;                      passed through to every load
 *   int  hf_load_frontend(hf_view, const struct hf_frontend_key *, __u32 *word)   1: found
 *   int  hf_in_host_scope(hf_view)   1: the caller is in the network namespace that host
 *                                    frontends belong to; asked for those only
 *   int  hf_load_pool_word(hf_view, __u32 pool, __u64 *word)                      1: in range
 *   int  hf_load_pool_policy(hf_view, __u32 pool, __u64 *policy)
 *   int  hf_load_slot(hf_view, __u32 slot, __u32 *endpoint)
 *   int  hf_load_endpoint(hf_view, __u32 endpoint, struct hf_endpoint *copy)
 *   __u32 hf_random(hf_view)
 *
 * The rule of reading: what was written last is read first, so frontend, pool word, policy, slot,
 * endpoint. The first three are read once. Slots of the range that the pool word names, and the
 * endpoints that they name, may be read more than once: the range and the ids mean what they mean
 * until a grace period after the word that names them is gone, and a look-up ends before that. A
 * slot may be stored over meanwhile, with an endpoint of the same pool: so what follows from a slot
 * is taken from one load of it. */
#ifndef HOLDFAST_BPF_LIB_LOOKUP_H
#define HOLDFAST_BPF_LIB_LOOKUP_H

#include <holdfast/abi/counters.h>
#include <holdfast/abi/endpoint.h>
#include <holdfast/abi/frontend.h>
#include <holdfast/abi/pool.h>

#ifndef HF_INLINE
#define HF_INLINE static inline __attribute__((always_inline))
#endif

enum hf_verdict {
  HF_VERDICT_PASS = 0,        /* leave the connect alone */
  HF_VERDICT_ENDPOINT = 1,    /* send it to `target` */
  HF_VERDICT_REFUSE = 2,      /* ECONNREFUSED */
  HF_VERDICT_UNREACHABLE = 3, /* EHOSTUNREACH */
};

struct hf_decision {
  __u32 verdict;
  __u32 counter; /* enum hf_counter: why */
  __u32 pool;
  __u32 service; /* 0 unless an endpoint was chosen or the pool is empty */
  __u32 slot;
  __u32 endpoint;
  struct hf_endpoint target;
};

HF_INLINE void hf_decide(struct hf_decision* decision, __u32 verdict, __u32 counter) {
  decision->verdict = verdict;
  decision->counter = counter;
}

HF_INLINE void hf_decide_empty(struct hf_decision* decision, __u64 policy) {
  __u32 answer = hf_policy_empty(policy);

  decision->service = hf_policy_service(policy);
  if (answer == HF_EMPTY_PASS)
    hf_decide(decision, HF_VERDICT_PASS, HF_COUNT_EMPTY_PASSED);
  else if (answer == HF_EMPTY_UNREACHABLE)
    hf_decide(decision, HF_VERDICT_UNREACHABLE, HF_COUNT_REFUSED);
  else
    hf_decide(decision, HF_VERDICT_REFUSE, HF_COUNT_REFUSED);
}

/* The pool that `key` leads to, by its two words. 0: there is none to choose from, and `decision`
 * says why. */
HF_INLINE int hf_find_pool(hf_view view, const struct hf_frontend_key* key,
                           struct hf_decision* decision, __u64* pool_word, __u64* policy) {
  __u32 word = 0;

  hf_decide(decision, HF_VERDICT_PASS, HF_COUNT_MISS);
  if (!hf_load_frontend(view, key, &word)) return 0;
  if ((word & HF_FRONTEND_HOST_SCOPE) && !hf_in_host_scope(view)) {
    hf_decide(decision, HF_VERDICT_PASS, HF_COUNT_OTHER_SCOPE);
    return 0;
  }
  decision->pool = hf_frontend_pool(word);
  if (!hf_load_pool_word(view, decision->pool, pool_word) || !*pool_word ||
      !hf_load_pool_policy(view, decision->pool, policy)) {
    hf_decide(decision, HF_VERDICT_PASS, HF_COUNT_BAD_POOL);
    return 0;
  }
  if (hf_pool_count(*pool_word)) return 1;
  hf_decide_empty(decision, *policy);
  return 0;
}

/* The endpoint that decision->slot names. 0: a fault, which `decision` says. */
HF_INLINE int hf_take(hf_view view, struct hf_decision* decision) {
  if (!hf_load_slot(view, decision->slot, &decision->endpoint)) {
    hf_decide(decision, HF_VERDICT_PASS, HF_COUNT_BAD_SLOT);
    return 0;
  }
  if (!decision->endpoint || !hf_load_endpoint(view, decision->endpoint, &decision->target) ||
      !decision->target.incarnation) {
    hf_decide(decision, HF_VERDICT_PASS, HF_COUNT_BAD_ENDPOINT);
    return 0;
  }
  return 1;
}

#include "bpf/lib/select.h"

/* Every fault inside passes the connect through, counted: fail open. */
HF_INLINE void hf_lookup(hf_view view, const struct hf_frontend_key* key,
                         struct hf_decision* decision) {
  __u64 pool_word = 0, policy = 0;

  decision->pool = 0;
  decision->service = 0;
  decision->slot = 0;
  decision->endpoint = 0;
  if (!hf_find_pool(view, key, decision, &pool_word, &policy)) return;
  if (!hf_select(view, decision, pool_word, policy)) return;
  decision->service = hf_policy_service(policy);
  hf_decide(decision, HF_VERDICT_ENDPOINT, HF_COUNT_REDIRECTED);
}

#endif
