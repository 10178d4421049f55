/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* The programs of TCP sockets: connect, getpeername and release, IPv4 and IPv6.
 * Short entries around bpf/lib; an internal fault passes the connect through, counted. */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/in.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "bpf/loads.bpf.h"
#include "bpf/sight.bpf.h"
#include "bpf/state.bpf.h"

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
  if (hf_moving_sockets) hf_move(holder);
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
