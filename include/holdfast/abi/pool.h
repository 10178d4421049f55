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
  __u64 policy; /* service id 26 | selector 4 | no-endpoints 3 | affinity 1 | tail 22 | check 8 */
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
enum hf_selector {
  HF_SELECT_RANDOM = 0, /* a uniformly random slot of the range; weights are slots repeated */
};

/* What a pool with no eligible endpoint answers. */
enum hf_no_endpoints {
  HF_EMPTY_REFUSE = 0,      /* ECONNREFUSED at once */
  HF_EMPTY_PASS = 1,        /* let the connect through, untouched */
  HF_EMPTY_UNREACHABLE = 2, /* EHOSTUNREACH at once */
};

/* tail: members that are not selectable (draining, weight 0, not ready), listed in the slots right
 * after the selectable ones, for the CLI. check: the low byte of the word's generation; a reader
 * outside RCU that finds another one has met an update, and retries. */
static inline __u64 hf_pool_policy(__u64 service, __u64 selector, __u64 empty, __u64 affinity,
                                   __u64 tail, __u64 generation) {
  return (service & 0x3ffffffull) | (selector & 15) << 26 | (empty & 7) << 30 |
         (affinity & 1) << 33 | (tail & HF_POOL_COUNT_MASK) << 34 | (generation & 0xff) << 56;
}
static inline __u32 hf_policy_service(__u64 policy) {
  return (__u32)(policy & 0x3ffffffull);
}
static inline __u32 hf_policy_selector(__u64 policy) {
  return (__u32)(policy >> 26 & 15);
}
static inline __u32 hf_policy_empty(__u64 policy) {
  return (__u32)(policy >> 30 & 7);
}
static inline __u32 hf_policy_affinity(__u64 policy) {
  return (__u32)(policy >> 33 & 1);
}
static inline __u32 hf_policy_tail(__u64 policy) {
  return (__u32)(policy >> 34 & HF_POOL_COUNT_MASK);
}
static inline __u32 hf_policy_check(__u64 policy) {
  return (__u32)(policy >> 56);
}

/* The kernel rounds an array's elements up to 8 bytes, so slots come a cache line at a time:
 * through mmap the array is one flat run of __u32. slot_info has the same shape and is read by no
 * program. */
#define HF_SLOTS_PER_LINE 16
struct hf_slot_line {
  __u32 slot[HF_SLOTS_PER_LINE];
};
HF_ABI_STRUCT(hf_slot_line, 64);

/* slot_info, for the CLI: what this pool says of the endpoint in the slot of the same number. */
#define HF_SLOT_WEIGHT_MASK 0x3ffu /* bits 0-9: weight as configured, 0-1000 */
#define HF_SLOT_READY (1u << 10)
#define HF_SLOT_SERVING (1u << 11)
#define HF_SLOT_TERMINATING (1u << 12)
#define HF_SLOT_STATE_SHIFT 13     /* bits 13-15: enum hf_member_state */
#define HF_SLOT_DOUBTED (1u << 16) /* used last: picked only where the others are too few */
enum hf_member_state {
  HF_MEMBER_ACTIVE = 0,   /* new connects may pick it */
  HF_MEMBER_DRAINING = 1, /* none may; the ones it has go on */
  HF_MEMBER_HELD = 2,     /* kept by a hold; picked, or used last */
  HF_MEMBER_EJECTED = 3,  /* reserved: taken out by health */
  HF_MEMBER_UNUSED = 4,   /* listed by the source, never picked: not ready, or not the right node */
};

#endif
