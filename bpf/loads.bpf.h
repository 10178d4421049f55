/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* What every program that decides or counts shares: the maps, loads from them for bpf/lib/lookup.h,
 * counters, and the context's address. */
#ifndef HOLDFAST_BPF_LOADS_H
#define HOLDFAST_BPF_LOADS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/maps.bpf.h"

/* Set by the loader before the load. */
volatile const __u64 hf_netns_cookie = 0; /* of the namespace that host frontends belong to */
volatile const __u8 hf_netns_initial = 0; /* it is the initial one, of an unknown cookie */
volatile const __u8 hf_have_retval = 0;   /* bpf_get_retval and bpf_set_retval exist (5.18) */

typedef struct bpf_sock_addr* hf_view;

/* Loads for bpf/lib/lookup.h. A value is copied while the element is in hand. */
static inline __attribute__((always_inline)) int hf_load_frontend(hf_view view,
                                                                  const struct hf_frontend_key* key,
                                                                  __u32* word) {
  __u32* found = bpf_map_lookup_elem(&frontends, key);

  (void)view;
  if (!found) return 0;
  *word = *(volatile __u32*)found;
  return 1;
}

static inline __attribute__((always_inline)) int hf_in_host_scope(hf_view view) {
  const __u64 here = bpf_get_netns_cookie(view);

  return here == (hf_netns_initial ? bpf_get_netns_cookie(0) : hf_netns_cookie);
}

static inline __attribute__((always_inline)) int hf_load_pool_word(hf_view view, __u32 pool,
                                                                   __u64* word) {
  struct hf_pool* found = bpf_map_lookup_elem(&pools, &pool);

  (void)view;
  if (!found) return 0;
  *word = *(volatile __u64*)&found->word;
  return 1;
}

static inline __attribute__((always_inline)) int hf_load_pool_policy(hf_view view, __u32 pool,
                                                                     __u64* policy) {
  struct hf_pool* found = bpf_map_lookup_elem(&pools, &pool);

  (void)view;
  if (!found) return 0;
  *policy = *(volatile __u64*)&found->policy;
  return 1;
}

static inline __attribute__((always_inline)) int hf_load_slot(hf_view view, __u32 slot,
                                                              __u32* endpoint) {
  __u32 line = slot / HF_SLOTS_PER_LINE;
  struct hf_slot_line* found = bpf_map_lookup_elem(&slots, &line);

  (void)view;
  if (!found) return 0;
  *endpoint = *(volatile __u32*)&found->slot[slot % HF_SLOTS_PER_LINE];
  return 1;
}

static inline __attribute__((always_inline)) int hf_load_endpoint(hf_view view, __u32 endpoint,
                                                                  struct hf_endpoint* copy) {
  struct hf_endpoint* found = bpf_map_lookup_elem(&endpoints, &endpoint);

  (void)view;
  if (!found) return 0;
  *copy = *found;
  return 1;
}

static inline __attribute__((always_inline)) __u32 hf_random(hf_view view) {
  (void)view;
  return bpf_get_prandom_u32();
}

#include "bpf/lib/lookup.h"

/* Per CPU, and yet atomic: no program is moved to another CPU, but on a preemptible kernel
 * (CONFIG_PREEMPT, PREEMPT_LAZY) one may give way to another in the middle of a count. */
HF_INLINE void hf_count(__u32 counter) {
  __u64* value = bpf_map_lookup_elem(&counters, &counter);

  if (value) __sync_fetch_and_add(value, 1);
}

/* The counters of one endpoint in a million are in no cache. A load whose value nobody waits for
 * brings their line while the socket's state is being made, before hf_remember writes to it. */
HF_INLINE void hf_fetch_stats(__u32 endpoint) {
  struct hf_endpoint_stats* stats = bpf_map_lookup_elem(&endpoint_stats, &endpoint);

  if (stats) (void)*(volatile __u32*)&stats->connects;
}

/* clang merges the context loads of an IPv4 and an IPv6 branch into one load from a computed
 * address, which the verifier refuses; an asm keeps each a full-width load of its own. */
#define HF_CONTEXT_WORD(context, field)                                                 \
  ({                                                                                    \
    __u32 word_;                                                                        \
    asm volatile("%0 = *(u32 *)(%1 + %2)"                                               \
                 : "=r"(word_)                                                          \
                 : "r"(context), "i"(__builtin_offsetof(struct bpf_sock_addr, field))); \
    word_;                                                                              \
  })

HF_INLINE void hf_read_addr(struct bpf_sock_addr* ctx, int v6, struct hf_addr* addr) {
  if (v6) {
    addr->word[0] = HF_CONTEXT_WORD(ctx, user_ip6[0]);
    addr->word[1] = HF_CONTEXT_WORD(ctx, user_ip6[1]);
    addr->word[2] = HF_CONTEXT_WORD(ctx, user_ip6[2]);
    addr->word[3] = HF_CONTEXT_WORD(ctx, user_ip6[3]);
    return;
  }
  addr->word[0] = 0;
  addr->word[1] = 0;
  addr->word[2] = HF_V4_MAPPED_WORD;
  addr->word[3] = HF_CONTEXT_WORD(ctx, user_ip4);
}

HF_INLINE int hf_is_v4(const struct hf_addr* addr) {
  return !addr->word[0] && !addr->word[1] && addr->word[2] == HF_V4_MAPPED_WORD;
}

HF_INLINE void hf_write_addr(struct bpf_sock_addr* ctx, int v6, const struct hf_addr* addr,
                             __be16 port) {
  if (v6) {
    ctx->user_ip6[0] = addr->word[0];
    ctx->user_ip6[1] = addr->word[1];
    ctx->user_ip6[2] = addr->word[2];
    ctx->user_ip6[3] = addr->word[3];
  } else {
    ctx->user_ip4 = addr->word[3];
  }
  ctx->user_port = port;
}

#endif
