/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* endpoints (array, mmapable): endpoint id -> where it is. Stored once, however many pools share
 * it. endpoint_stats (array, mmapable): endpoint id -> evidence.
 *
 * A handle is an endpoint id and its incarnation: whatever outlives a grace period stores the
 * handle and compares it at each use. No word has two writers: the daemon writes hf_endpoint, the
 * programs write hf_endpoint_stats. Endpoint 0 means "none" and stays zero. */
#ifndef HOLDFAST_ABI_ENDPOINT_H
#define HOLDFAST_ABI_ENDPOINT_H

#include <holdfast/abi/base.h>

struct hf_endpoint {
  struct hf_addr addr;
  __be16 port;
  __u8 protocol;     /* IPPROTO_TCP; others are reserved. Who it is, not how it is dialled */
  __u8 flags;        /* 0; reserved */
  __u32 incarnation; /* grows by one each time the id is given to an endpoint; 0: retired or free */
};
HF_ABI_STRUCT(hf_endpoint, 24);

/* Counters only grow, modulo 2^32, over all incarnations of the id: the daemon keeps in the names
 * where they stood when the incarnation began (hf_endpoint_name.base_*). In flight is
 * connects - closes. An in-flight connect counts from the redirect to the socket's last close. */
struct hf_endpoint_stats {
  __u32 connects;     /* redirected to this endpoint */
  __u32 closes;       /* of those, the sockets that are gone or were connected again */
  __u32 established;  /* of those, with a completed handshake */
  __u32 failures;     /* the handshake failed: refused, unreachable or timed out */
  __u32 abandoned;    /* the application closed before the handshake ended */
  __u32 failure;      /* the last one, and those in a row: see hf_failure_word; 0: none */
  __u32 srtt_us;      /* smoothed round trip of the last closed connection, microseconds; 0: none */
  __u32 handshake_at; /* of those established the latest to be dialled; see below; 0: none */
};
HF_ABI_STRUCT(hf_endpoint_stats, 32);

/* handshake_at: CLOCK_MONOTONIC in units of 2^30 ns. Told when the connection ends, as all outcomes
 * are. */
#define HF_HANDSHAKE_SHIFT 30

/* A failed blocking connect clears the socket's error before it is released, so refused and timed
 * out are told apart by the time from the connect to its last segment. */
enum hf_failure HF_ENUM_INT {
  HF_FAILURE_NONE = 0,
  HF_FAILURE_REFUSED = 1,   /* failed within HF_REFUSED_WITHIN_NS */
  HF_FAILURE_TIMED_OUT = 2, /* failed later */
};
#define HF_REFUSED_WITHIN_NS 900000000ull /* below the first SYN retransmission (1 s, RFC 6298) */

/* hf_endpoint_stats.failure: one load says whether an endpoint fails now. Kind (enum hf_failure) in
 * bits 0-1; failures in a row in 2-5, where 15 stands for more; in 6-7 the low bits of the
 * incarnation that failed, since the word outlives it; when the last one failed in 8-31, in the
 * units of handshake_at, modulo 2^24 (208 days). A row ends with a handshake that was dialled when
 * the last failure had been seen, or later. The programs store the word whole, without a lock: of
 * two failures at the same moment one may not be counted in the row. */
#define HF_FAILURE_KIND_MASK 3u
#define HF_FAILURE_ROW_SHIFT 2
#define HF_FAILURE_ROW_MASK 15u
#define HF_FAILURE_INCARNATION_SHIFT 6
#define HF_FAILURE_INCARNATION_MASK 3u
#define HF_FAILURE_AT_SHIFT 8
#define HF_FAILURE_AT_MASK 0xffffffu

static inline __u32 hf_failure_word(__u32 kind, __u32 row, __u32 incarnation, __u32 at) {
  return (kind & HF_FAILURE_KIND_MASK) | (row & HF_FAILURE_ROW_MASK) << HF_FAILURE_ROW_SHIFT |
         (incarnation & HF_FAILURE_INCARNATION_MASK) << HF_FAILURE_INCARNATION_SHIFT |
         (at & HF_FAILURE_AT_MASK) << HF_FAILURE_AT_SHIFT;
}
static inline __u32 hf_failure_kind(__u32 word) {
  return word & HF_FAILURE_KIND_MASK;
}
static inline __u32 hf_failure_at(__u32 word) {
  return word >> HF_FAILURE_AT_SHIFT;
}
/* Of this incarnation: what another one left counts for nothing. */
static inline __u32 hf_failures_in_row(__u32 word, __u32 incarnation) {
  if ((word >> HF_FAILURE_INCARNATION_SHIFT & HF_FAILURE_INCARNATION_MASK) !=
      (incarnation & HF_FAILURE_INCARNATION_MASK))
    return 0;
  return word >> HF_FAILURE_ROW_SHIFT & HF_FAILURE_ROW_MASK;
}

#endif
