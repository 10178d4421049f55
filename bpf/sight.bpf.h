/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* What the kernel's sockets show: the few fields that are read, found by CO-RE. */
#ifndef HOLDFAST_BPF_SIGHT_H
#define HOLDFAST_BPF_SIGHT_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "bpf/lib/outcome.h"

/* Set by the loader before the load: bpf_skc_to_mptcp_sock exists (5.19). */
volatile const __u8 hf_have_mptcp = 0;

struct in6_addr___hf {
  __u8 bytes[16];
};

struct sock_common {
  __u16 skc_family;
  unsigned char skc_state;
  __be16 skc_dport;
  __be32 skc_daddr;
  struct in6_addr___hf skc_v6_daddr;
} __attribute__((preserve_access_index));

struct sock {
  struct sock_common __sk_common;
  unsigned int sk_kern_sock : 1;
} __attribute__((preserve_access_index));

struct tcp_sock {
  __u32 srtt_us; /* in eighths */
  __u32 rcv_nxt;
  __u64 tcp_clock_cache; /* CLOCK_MONOTONIC at the last segment sent or received; never set back */
} __attribute__((preserve_access_index));

struct mptcp_sock {
  struct sock* first; /* the subflow that connect() made */
} __attribute__((preserve_access_index));

#define HF_AF_INET6 10 /* include/linux/socket.h */

/* Nanoseconds of CLOCK_MONOTONIC; where the kernel offers it (5.11) as of the last tick, at most
 * 10 ms ago, which spares reading the clock. */
HF_INLINE __u64 hf_now(void) {
  if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_ktime_get_coarse_ns))
    return bpf_ktime_get_coarse_ns();
  return bpf_ktime_get_ns();
}

/* Later than any segment of the socket's attempts before, and not later than the next one's. */
HF_INLINE __u64 hf_dialled_at(const struct tcp_sock* tcp) {
  __u64 now = hf_now(), last = 0;

  if (bpf_core_field_exists(tcp->tcp_clock_cache)) last = tcp->tcp_clock_cache;
  return last < now ? now : last + 1;
}

HF_INLINE int hf_mptcp(void) {
  return hf_have_mptcp && bpf_core_field_exists(((struct mptcp_sock*)0)->first);
}

/* The socket whose release will be told to cgroup/sock_release. Of the kernel's own sockets it is
 * not (inet_release, net/ipv4/af_inet.c), though their connects run our hook: a state there would
 * be in flight for ever. One kind of them is a subflow of an MPTCP socket, which the application
 * holds, and closes. 0: there is none (NFS, CIFS, SMC; MPTCP before 5.19). */
HF_INLINE void* hf_holder(struct bpf_sock_addr* ctx, struct tcp_sock* tcp, __u8* flags) {
  struct mptcp_sock* above;

  if (!BPF_CORE_READ_BITFIELD((struct sock*)tcp, sk_kern_sock)) return ctx->sk;
  if (!hf_mptcp()) return 0;
  above = bpf_skc_to_mptcp_sock(ctx->sk);
  if (!above || BPF_CORE_READ_BITFIELD((struct sock*)above, sk_kern_sock)) return 0;
  *flags = HF_SOCKET_MPTCP;
  return above;
}

/* The TCP socket of the attempt that a state stands for. */
HF_INLINE struct sock* hf_attempt_of(const struct hf_socket* state, void* sk) {
  if (hf_mptcp() && (state->flags & HF_SOCKET_MPTCP))
    return BPF_CORE_READ((struct mptcp_sock*)sk, first);
  return sk;
}

HF_INLINE void hf_look_at(struct sock* sk, struct hf_sight* sight) {
  struct tcp_sock* tcp = (struct tcp_sock*)sk;

  sight->port = BPF_CORE_READ(sk, __sk_common.skc_dport);
  sight->srtt_us = BPF_CORE_READ(tcp, srtt_us) >> 3;
  if (!sight->srtt_us) { /* else it says all: each read is a call */
    sight->rcv_nxt = BPF_CORE_READ(tcp, rcv_nxt);
    sight->state = BPF_CORE_READ(sk, __sk_common.skc_state);
    sight->segment_at = bpf_core_field_exists(tcp->tcp_clock_cache)
                            ? BPF_CORE_READ(tcp, tcp_clock_cache)
                            : hf_now();
  }
  if (bpf_core_field_exists(sk->__sk_common.skc_v6_daddr) && /* no: a kernel without IPv6 */
      BPF_CORE_READ(sk, __sk_common.skc_family) == HF_AF_INET6) {
    bpf_core_read(&sight->peer, sizeof(sight->peer), &sk->__sk_common.skc_v6_daddr);
    return;
  }
  sight->peer.word[2] = HF_V4_MAPPED_WORD;
  sight->peer.word[3] = BPF_CORE_READ(sk, __sk_common.skc_daddr);
}

#endif
