/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* What a socket's state still means, and how an attempt ended. Pure inline C. */
#ifndef HOLDFAST_BPF_LIB_SOCKET_H
#define HOLDFAST_BPF_LIB_SOCKET_H

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

#endif
