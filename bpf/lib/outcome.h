/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* What a socket's state still means, and how an attempt ended. Pure inline C. */
#ifndef HOLDFAST_BPF_LIB_OUTCOME_H
#define HOLDFAST_BPF_LIB_OUTCOME_H

#include <holdfast/abi/endpoint.h>
#include <holdfast/abi/socket.h>

#ifndef HF_INLINE
#define HF_INLINE static inline __attribute__((always_inline))
#endif

HF_INLINE int hf_same_addr(const struct hf_addr* a, const struct hf_addr* b) {
  return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] &&
         a->word[3] == b->word[3];
}

/* Does the handle still mean the endpoint it was made for? An id is given out again only with
 * another incarnation. */
HF_INLINE int hf_handle_valid(const struct hf_socket* socket, const struct hf_endpoint* endpoint) {
  return (socket->flags & HF_SOCKET_LIVE) && endpoint->incarnation &&
         socket->incarnation == endpoint->incarnation;
}

/* Is `addr:port` the endpoint this socket was sent to? connect(AF_UNSPEC) runs no hook, and another
 * program may have rewritten the address after us: so the peer is compared, never assumed. */
HF_INLINE int hf_peer_is_endpoint(const struct hf_socket* socket,
                                  const struct hf_endpoint* endpoint, const struct hf_addr* addr,
                                  __be16 port) {
  return hf_handle_valid(socket, endpoint) && endpoint->port == port &&
         hf_same_addr(&endpoint->addr, addr);
}

enum hf_outcome {
  HF_OUTCOME_ESTABLISHED = 0,
  HF_OUTCOME_FAILED = 1,
  HF_OUTCOME_ABANDONED = 2,
  HF_OUTCOME_FOREIGN = 3, /* connected elsewhere by another program: not ours to judge */
  HF_OUTCOME_UNSENT = 4,  /* no segment left: refused by the kernel or by another program */
};

#define HF_TCP_SYN_SENT 2 /* include/net/tcp_states.h */

/* What a TCP socket shows at its release, or when it is connected again. */
struct hf_sight {
  struct hf_addr peer;
  __be16 port; /* of the peer; 0: disconnected, so the peer is not to be trusted either */
  __u8 state;
  __u8 pad;
  __u32 srtt_us;
  __u32 rcv_nxt;
  __u64 segment_at; /* ns, CLOCK_MONOTONIC: when it last sent or received anything */
};

/* A round trip is measured, and the peer's first sequence number known, only once the handshake
 * ended. A disconnect (a failed blocking connect, connect to AF_UNSPEC) forgets the round trip but
 * not the number, which the next connect sets to 0 just before its SYN. Still in SYN_SENT: the
 * application gave up. A socket that sent nothing since `dialled_at` says nothing of the endpoint:
 * what it shows is of the attempt before. */
HF_INLINE __u32 hf_outcome_of(const struct hf_sight* sight, const struct hf_endpoint* endpoint,
                              __u64 dialled_at) {
  if (sight->port &&
      (sight->port != endpoint->port || !hf_same_addr(&sight->peer, &endpoint->addr)))
    return HF_OUTCOME_FOREIGN;
  if (sight->srtt_us) return HF_OUTCOME_ESTABLISHED;
  if (sight->segment_at < dialled_at) return HF_OUTCOME_UNSENT;
  if (sight->rcv_nxt) return HF_OUTCOME_ESTABLISHED;
  return sight->state == HF_TCP_SYN_SENT ? HF_OUTCOME_ABANDONED : HF_OUTCOME_FAILED;
}

/* `elapsed_ns`: from the connect to the segment that ended it, or to the last one sent. */
HF_INLINE __u32 hf_failure_of(__u64 elapsed_ns) {
  return elapsed_ns < HF_REFUSED_WITHIN_NS ? HF_FAILURE_REFUSED : HF_FAILURE_TIMED_OUT;
}

/* Of two moments modulo 2^24 units: is `a` the earlier one? */
HF_INLINE int hf_failed_before(__u32 a, __u32 b) {
  return ((a - b) & HF_FAILURE_AT_MASK) > HF_FAILURE_AT_MASK / 2;
}

/* hf_endpoint_stats.failure after a failure of `kind` at `at`, in the units of `handshake_at`. An
 * outcome is told when its socket ends, so failures come late: one from before a handshake adds
 * nothing to the row, and one from before the last failure does not set the time back. */
HF_INLINE __u32 hf_failure_after_failure(__u32 word, __u32 incarnation, __u32 kind, __u32 at,
                                         __u32 handshake_at) {
  __u32 row = hf_failures_in_row(word, incarnation), latest = at;

  if (row && hf_failed_before(at, hf_failure_at(word))) latest = hf_failure_at(word);
  if (at >= handshake_at && row < HF_FAILURE_ROW_MASK) ++row;
  return hf_failure_word(kind, row, incarnation, latest);
}

/* The same after a handshake of a connect dialled at `dialled_at`: a connection that was open
 * before the endpoint began to fail says nothing of it when it ends. Kind and time stay. */
HF_INLINE __u32 hf_failure_after_handshake(__u32 word, __u32 incarnation, __u32 dialled_at) {
  const __u32 row = HF_FAILURE_ROW_MASK << HF_FAILURE_ROW_SHIFT;

  if (!(word & row)) return word; /* as nearly always */
  if (hf_failures_in_row(word, incarnation) && hf_failed_before(dialled_at, hf_failure_at(word)))
    return word;
  return word & ~row;
}

#endif
