/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* Which slot of its pool a connect takes. Included by lookup.h; a selector is a case of hf_choose
 * and a value of enum hf_selector (abi/pool.h). */
#ifndef HOLDFAST_BPF_LIB_SELECT_H
#define HOLDFAST_BPF_LIB_SELECT_H

/* How many slots are looked at before the last one is taken, whatever is said of its endpoint; and
 * what says that another one would be better. With one there is nothing to ask. */
#ifndef HF_TRIES
#define HF_TRIES 1
#define hf_leave_out(view, decision) 0
#endif

/* A range of `count` slots, one picked uniformly: the high half of a 32x32 product has no division
 * and no visible bias for counts below 2^22. */
HF_INLINE __u32 hf_pick(__u32 random, __u32 count) {
  return (__u32)((__u64)random * count >> 32);
}

/* A slot of the range, counted from its first. Of a selector that this version does not know any
 * slot is a right one. */
HF_INLINE __u32 hf_choose(hf_view view, __u64 pool_word, __u64 policy) {
  switch (hf_policy_selector(policy)) {
    case HF_SELECT_RANDOM:
    default:
      return hf_pick(hf_random(view), hf_pool_count(pool_word));
  }
}

/* 0: a fault, which `decision` says. */
HF_INLINE int hf_select(hf_view view, struct hf_decision* decision, __u64 pool_word, __u64 policy) {
  __u32 left;

  for (left = HF_TRIES; left; --left) {
    decision->slot = hf_pool_first(pool_word) + hf_choose(view, pool_word, policy);
    if (!hf_take(view, decision)) return 0;
    if (left == 1 || !hf_leave_out(view, decision)) break;
  }
  return 1;
}

#endif
