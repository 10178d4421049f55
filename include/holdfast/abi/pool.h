/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* pools (array, mmapable): pool id -> two words. slots (array, mmapable): slot -> endpoint id.
 *
 * Writer: the daemon, by aligned 64-bit stores. The first word is the single switch: one release
 * store moves every frontend of the pool to a new range of slots, so that no reader ever sees half
 * an update. Programs read it once, volatile. Pool 0 and endpoint 0 mean "none" and stay zero.
 * A range of slots is written before the word that names it, and reused only a grace period after
 * no word names it any more. */
#ifndef HOLDFAST_ABI_POOL_H
#define HOLDFAST_ABI_POOL_H

#include <holdfast/abi/base.h>

struct hf_pool {
  __u64 word;   /* first slot 26 | count 22 | generation 16; 0: not in use */
  __u64 policy; /* service id 21 | 0 5 | selector 4 | no-endpoints 3 | 0 23 | check 8 */
};
HF_ABI_STRUCT(hf_pool, 16);

#define HF_POOL_FIRST_BITS 26
#define HF_POOL_COUNT_BITS 22
#define HF_POOL_COUNT_SHIFT 26
#define HF_POOL_GENERATION_SHIFT 48
#define HF_POOL_FIRST_MASK ((1ull << HF_POOL_FIRST_BITS) - 1)
#define HF_POOL_COUNT_MASK ((1ull << HF_POOL_COUNT_BITS) - 1)

static inline __u64 hf_pool_word(__u64 first, __u64 count, __u64 generation) {
  return (first & HF_POOL_FIRST_MASK) | (count & HF_POOL_COUNT_MASK) << HF_POOL_COUNT_SHIFT |
         (generation & 0xffff) << HF_POOL_GENERATION_SHIFT;
}
static inline __u32 hf_pool_first(__u64 word) {
  return (__u32)(word & HF_POOL_FIRST_MASK);
}
static inline __u32 hf_pool_count(__u64 word) {
  return (__u32)(word >> HF_POOL_COUNT_SHIFT & HF_POOL_COUNT_MASK);
}
static inline __u32 hf_pool_generation(__u64 word) {
  return (__u32)(word >> HF_POOL_GENERATION_SHIFT);
}

/* The kernel knows selectors, not policies: a policy is a way to fill slots. */
enum hf_selector HF_ENUM_INT {
  HF_SELECT_RANDOM = 0, /* a uniformly random slot of the range; weights are slots repeated */
};

/* What a pool with no eligible endpoint answers. */
enum hf_no_endpoints HF_ENUM_INT {
  HF_EMPTY_REFUSE = 0,      /* ECONNREFUSED at once */
  HF_EMPTY_PASS = 1,        /* let the connect through, untouched */
  HF_EMPTY_UNREACHABLE = 2, /* EHOSTUNREACH at once */
};

/* The policy word: service id in bits 0-20, selector in 26-29, the answer of an empty pool in
 * 30-32, check in 56-63. 28 bits are spare, and 0: 21-25 and 33-55. What stands where it stood in
 * layout 1 stays there, so that a daemon of layout 1 reads it (agent/dataplane/layout1.h). check:
 * the low byte of the word's generation. A reader outside RCU that finds another one has met an
 * update, and retries. */
#define HF_POLICY_SERVICE_BITS 21
#define HF_POLICY_SERVICE_MASK ((1ull << HF_POLICY_SERVICE_BITS) - 1)
#define HF_POLICY_SELECTOR_SHIFT 26
#define HF_POLICY_SELECTOR_MASK 15ull
#define HF_POLICY_EMPTY_SHIFT 30
#define HF_POLICY_EMPTY_MASK 7ull
#define HF_POLICY_CHECK_SHIFT 56

static inline __u64 hf_pool_policy(__u64 service, __u64 selector, __u64 empty, __u64 generation) {
  return (service & HF_POLICY_SERVICE_MASK) |
         (selector & HF_POLICY_SELECTOR_MASK) << HF_POLICY_SELECTOR_SHIFT |
         (empty & HF_POLICY_EMPTY_MASK) << HF_POLICY_EMPTY_SHIFT |
         (generation & 0xff) << HF_POLICY_CHECK_SHIFT;
}
static inline __u32 hf_policy_service(__u64 policy) {
  return (__u32)(policy & HF_POLICY_SERVICE_MASK);
}
static inline __u32 hf_policy_selector(__u64 policy) {
  return (__u32)(policy >> HF_POLICY_SELECTOR_SHIFT & HF_POLICY_SELECTOR_MASK);
}
static inline __u32 hf_policy_empty(__u64 policy) {
  return (__u32)(policy >> HF_POLICY_EMPTY_SHIFT & HF_POLICY_EMPTY_MASK);
}
static inline __u32 hf_policy_check(__u64 policy) {
  return (__u32)(policy >> HF_POLICY_CHECK_SHIFT);
}

/* hf_pool_name.tail: members that are not selectable (draining, weight 0, not ready) are listed in
 * the slots right after the selectable ones, for readers of names; no program knows of them. Their
 * count in bits 0-21, the low byte of the generation of the pool word that they follow in 24-31; 22
 * and 23 are 0. The name is written before that word, so a reader may find it beside the word
 * before: it retries, and where the two stay apart (a daemon died between them) it takes the tail
 * for empty. */
#define HF_TAIL_CHECK_SHIFT 24

static inline __u32 hf_tail_word(__u64 tail, __u64 generation) {
  return (__u32)(tail & HF_POOL_COUNT_MASK) | (__u32)(generation & 0xff) << HF_TAIL_CHECK_SHIFT;
}
static inline __u32 hf_tail_check(__u32 tail_word) {
  return tail_word >> HF_TAIL_CHECK_SHIFT;
}
/* How many slots follow the selectable ones of the pool with this word. */
static inline __u32 hf_tail_of(__u64 word, __u32 tail_word) {
  if (hf_tail_check(tail_word) != (hf_pool_generation(word) & 0xff)) return 0;
  return (__u32)(tail_word & HF_POOL_COUNT_MASK);
}

/* The kernel rounds an array's elements up to 8 bytes, so slots come a cache line at a time:
 * through mmap the array is one flat run of __u32. slot_info has the same shape and is read by no
 * program. */
#define HF_SLOTS_PER_LINE 16
struct hf_slot_line {
  __u32 slot[HF_SLOTS_PER_LINE];
};
HF_ABI_STRUCT(hf_slot_line, 64);

/* slot_info, for the CLI: what this pool says of the endpoint in the slot of the same number.
 * Bits 17-31 are 0. */
#define HF_SLOT_WEIGHT_MASK 0x3ffu /* bits 0-9: weight as configured, 0-1000 */
#define HF_SLOT_READY (1u << 10)
#define HF_SLOT_SERVING (1u << 11)
#define HF_SLOT_TERMINATING (1u << 12)
#define HF_SLOT_STATE_SHIFT 13     /* bits 13-15: enum hf_member_state */
#define HF_SLOT_DOUBTED (1u << 16) /* used last: picked only where the others are too few */
enum hf_member_state HF_ENUM_INT {
  HF_MEMBER_ACTIVE = 0,   /* new connects may pick it */
  HF_MEMBER_DRAINING = 1, /* none may; the ones it has go on */
  HF_MEMBER_HELD = 2,     /* kept by a hold; picked, or used last */
  HF_MEMBER_EJECTED = 3,  /* reserved: taken out by health */
  HF_MEMBER_UNUSED = 4,   /* listed by the source, never picked: not ready, or not for this node */
};

#endif
