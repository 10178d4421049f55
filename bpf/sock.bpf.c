/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* The socket programs: connect, getpeername and release, IPv4 and IPv6.
 * Short entries around bpf/lib; an internal fault passes the connect through, counted. */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/in.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "bpf/maps.bpf.h"

/* Set by the loader before the load. */
volatile const __u64 hf_netns_cookie = 0; /* of the namespace that host frontends belong to */
volatile const __u8 hf_netns_initial = 0; /* it is the initial one, of an unknown cookie */
volatile const __u8 hf_have_retval = 0;   /* bpf_get_retval and bpf_set_retval exist (5.18) */

/* While sockets move from a map of another layout: 1, and where that layout has the fields. */
volatile const __u8 hf_moving = 0;
volatile const struct hf_socket_offsets hf_before = {};

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
#include "bpf/sight.bpf.h"

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

HF_INLINE void hf_note_handshake(const struct hf_socket* state, struct hf_endpoint_stats* stats,
                                 __u32 srtt_us) {
  __u32 dialled_at = (__u32)(state->dialled_at >> HF_HANDSHAKE_SHIFT);
  __u32 before = *(volatile __u32*)&stats->failure;
  __u32 after = hf_failure_after_handshake(before, state->incarnation, dialled_at);

  __sync_fetch_and_add(&stats->established, 1);
  if (srtt_us) stats->srtt_us = srtt_us;
  if (dialled_at > stats->handshake_at) stats->handshake_at = dialled_at;
  if (after != before) stats->failure = after;
}

HF_INLINE void hf_note_failure(const struct hf_socket* state, struct hf_endpoint_stats* stats,
                               __u64 segment_at) {
  __sync_fetch_and_add(&stats->failures, 1);
  stats->failure =
      hf_failure_after_failure(*(volatile __u32*)&stats->failure, state->incarnation,
                               hf_failure_of(segment_at - state->dialled_at),
                               (__u32)(segment_at >> HF_HANDSHAKE_SHIFT), stats->handshake_at);
}

HF_INLINE void hf_judge(const struct hf_socket* state, const struct hf_endpoint* endpoint,
                        struct hf_endpoint_stats* stats, const struct hf_sight* sight) {
  __u32 outcome = hf_outcome_of(sight, endpoint, state->dialled_at);

  if (outcome == HF_OUTCOME_FOREIGN) {
    hf_count(HF_COUNT_FOREIGN_PEER);
  } else if (outcome == HF_OUTCOME_UNSENT) {
    hf_count(HF_COUNT_UNSENT);
  } else if (outcome == HF_OUTCOME_ESTABLISHED) {
    hf_note_handshake(state, stats, sight->srtt_us);
  } else if (outcome == HF_OUTCOME_ABANDONED) {
    __sync_fetch_and_add(&stats->abandoned, 1);
  } else {
    hf_note_failure(state, stats, sight->segment_at);
  }
}

/* Counts the end of the attempt that a socket's state stands for; at most once, because it clears
 * LIVE. */
HF_INLINE void hf_settle(struct hf_socket* state, struct sock* sk) {
  struct hf_endpoint_stats* stats;
  struct hf_endpoint* endpoint;
  struct hf_sight sight = {};

  endpoint = bpf_map_lookup_elem(&endpoints, &state->endpoint);
  stats = bpf_map_lookup_elem(&endpoint_stats, &state->endpoint);
  if (!endpoint || !stats || !hf_handle_valid(state, endpoint)) {
    state->flags &= ~HF_SOCKET_LIVE;
    hf_count(HF_COUNT_STALE_HANDLE);
    return;
  }
  state->flags &= ~HF_SOCKET_LIVE;
  __sync_fetch_and_add(&stats->closes, 1);
  hf_count(HF_COUNT_SETTLED);
  if (!sk) return;
  hf_look_at(sk, &sight);
  hf_judge(state, endpoint, stats, &sight);
}

/* clang would reckon with a field's address before it is known that there is a state, which the
 * verifier refuses: to be said of a pointer after that. */
#define HF_OPAQUE(pointer) asm volatile("" : "+r"(pointer))

#define HF_BEFORE(type, field) (*(type*)(old + hf_before.field))

/* The state of a socket that has one in the map before only. */
HF_INLINE void hf_read_before(const char* old, struct hf_socket* state) {
  state->endpoint = HF_BEFORE(__u32, endpoint);
  state->incarnation = HF_BEFORE(__u32, incarnation);
  state->dialled = HF_BEFORE(struct hf_addr, dialled);
  state->dialled_port = HF_BEFORE(__be16, dialled_port);
  state->protocol = HF_BEFORE(__u8, protocol);
  state->flags = HF_BEFORE(__u8, flags);
  state->service = HF_BEFORE(__u32, service);
  state->dialled_at = HF_BEFORE(__u64, dialled_at);
}

/* New, then old. `copy` is the caller's: what is changed in it is changed there only. */
HF_INLINE struct hf_socket* hf_state_of(void* sk, struct hf_socket* copy) {
  struct hf_socket* state = bpf_sk_storage_get(&sockets, sk, 0, 0);
  char* old;

  if (state || !hf_moving) return state;
  old = bpf_sk_storage_get(&sockets_before, sk, 0, 0);
  if (!old) return 0;
  hf_read_before(old, copy);
  return copy;
}

/* Before anything else is made of a socket that is connected again while sockets move. The copier
 * (bpf/move.bpf.c) makes a state only where there is none: so there is one from here on, the
 * attempt before is settled once, from the one or the other, and the old state is gone. Connects
 * hold the socket's lock, so there are no two of them. */
HF_INLINE void hf_move(void* holder) {
  char* old = bpf_sk_storage_get(&sockets_before, holder, 0, 0);
  struct hf_socket* state;
  struct hf_socket copy;

  if (!old) return;
  hf_read_before(old, &copy);
  state = bpf_sk_storage_get(&sockets, holder, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!state) return;
  if (!(state->flags & HF_SOCKET_LIVE)) *state = copy;
  bpf_sk_storage_delete(&sockets_before, holder);
}

HF_INLINE void hf_remember(struct hf_socket* state, const struct hf_frontend_key* key,
                           const struct hf_decision* decision) {
  struct hf_endpoint_stats* stats;

  state->endpoint = decision->endpoint;
  state->incarnation = decision->target.incarnation;
  state->dialled = key->addr;
  state->dialled_port = key->port;
  state->protocol = key->protocol;
  state->service = decision->service;
  stats = bpf_map_lookup_elem(&endpoint_stats, &decision->endpoint);
  if (stats) __sync_fetch_and_add(&stats->connects, 1);
}

/* One look at the socket's state, made when there is something to keep: settles the attempt before,
 * which must not outlive this connect, and remembers this one. */
HF_INLINE void hf_enter(struct bpf_sock_addr* ctx, const struct hf_frontend_key* key,
                        struct hf_decision* decision) {
  __u64 create = decision->verdict == HF_VERDICT_ENDPOINT ? BPF_SK_STORAGE_GET_F_CREATE : 0;
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(ctx->sk);
  struct hf_socket* state;
  __u8 flags = 0;
  void* holder = tcp ? hf_holder(ctx, tcp, &flags) : 0;

  if (!holder) {
    if (create) hf_count(HF_COUNT_KERNEL_SOCKET);
    return;
  }
  if (hf_moving) hf_move(holder);
  state = bpf_sk_storage_get(&sockets, holder, 0, create);
  if (!state) {
    if (create) hf_count(HF_COUNT_NO_STORAGE);
    return;
  }
  if ((state->flags & HF_SOCKET_BYPASS) && decision->counter != HF_COUNT_MISS) {
    hf_decide(decision, HF_VERDICT_PASS, HF_COUNT_BYPASSED);
    return;
  }
  if (state->flags & HF_SOCKET_LIVE) hf_settle(state, (struct sock*)tcp);
  if (!create) return;
  hf_remember(state, key, decision);
  state->dialled_at = hf_dialled_at(tcp);
  state->flags = HF_SOCKET_LIVE | flags;
}

HF_INLINE int hf_deny(__u32 verdict) {
  bpf_set_retval(verdict == HF_VERDICT_REFUSE ? -ECONNREFUSED : -EHOSTUNREACH);
  return 0;
}

HF_INLINE int hf_connect(struct bpf_sock_addr* ctx, int v6) {
  struct hf_frontend_key key = {};
  struct hf_decision decision = {};

  if (ctx->protocol != IPPROTO_TCP) {
    hf_count(HF_COUNT_OTHER_PROTOCOL);
    return 1;
  }
  hf_read_addr(ctx, v6, &key.addr);
  key.port = (__be16)ctx->user_port;
  key.protocol = IPPROTO_TCP;
  hf_lookup(ctx, &key, &decision);
  /* After the look-up: a miss, which decides nothing, need not ask. */
  if (hf_have_retval && decision.counter != HF_COUNT_MISS && bpf_get_retval() < 0) {
    hf_count(HF_COUNT_DECIDED_BEFORE);
    return 1;
  }
  if (decision.verdict == HF_VERDICT_ENDPOINT) hf_fetch_stats(decision.endpoint);
  /* Pools are of one family; an IPv6-only socket could not follow to an IPv4 endpoint. */
  if (decision.verdict == HF_VERDICT_ENDPOINT &&
      hf_is_v4(&decision.target.addr) != hf_is_v4(&key.addr))
    hf_decide(&decision, HF_VERDICT_PASS, HF_COUNT_OTHER_FAMILY);
  hf_enter(ctx, &key, &decision);
  if (decision.verdict == HF_VERDICT_ENDPOINT)
    hf_write_addr(ctx, v6, &decision.target.addr, decision.target.port);
  /* Before 5.18 a program can only answer EPERM, which says something else: pass through. */
  if (decision.verdict >= HF_VERDICT_REFUSE && !hf_have_retval)
    hf_decide(&decision, HF_VERDICT_PASS, HF_COUNT_EMPTY_PASSED);
  hf_count(decision.counter);
  if (decision.verdict < HF_VERDICT_REFUSE) return 1;
  return hf_have_retval ? hf_deny(decision.verdict) : 1;
}

SEC("cgroup/connect4")
int hf_connect4(struct bpf_sock_addr* ctx) {
  return hf_connect(ctx, 0);
}

SEC("cgroup/connect6")
int hf_connect6(struct bpf_sock_addr* ctx) {
  return hf_connect(ctx, 1);
}

HF_INLINE int hf_getpeername(struct bpf_sock_addr* ctx, int v6) {
  struct hf_socket copy;
  struct hf_socket* state = hf_state_of(ctx->sk, &copy);
  struct hf_endpoint* endpoint;
  struct hf_addr peer;

  if (!state) return 1;
  HF_OPAQUE(state);
  if (!(state->flags & HF_SOCKET_LIVE)) return 1;
  endpoint = bpf_map_lookup_elem(&endpoints, &state->endpoint);
  hf_read_addr(ctx, v6, &peer);
  if (!endpoint || !hf_peer_is_endpoint(state, endpoint, &peer, (__be16)ctx->user_port)) {
    hf_count(HF_COUNT_PEER_UNTOUCHED);
    return 1;
  }
  hf_write_addr(ctx, v6, &state->dialled, state->dialled_port);
  hf_count(HF_COUNT_PEER_TRANSLATED);
  return 1;
}

SEC("cgroup/getpeername4")
int hf_getpeername4(struct bpf_sock_addr* ctx) {
  return hf_getpeername(ctx, 0);
}

SEC("cgroup/getpeername6")
int hf_getpeername6(struct bpf_sock_addr* ctx) {
  return hf_getpeername(ctx, 1);
}

SEC("cgroup/sock_release")
int hf_sock_release(struct bpf_sock* ctx) {
  struct hf_socket copy;
  struct hf_socket* state = hf_state_of(ctx, &copy);

  if (!state) return 1;
  HF_OPAQUE(state);
  if (state->flags & HF_SOCKET_LIVE) hf_settle(state, hf_attempt_of(state, ctx));
  return 1;
}

/* The kernel offers sk_storage and CO-RE reads to GPL-compatible programs only. */
char LICENSE[] SEC("license") = "GPL";
