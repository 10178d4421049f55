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
  __u16 flags;       /* 0; reserved */
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
  __u32 last_failure; /* enum hf_failure */
  __u32 srtt_us;      /* smoothed round trip of the last closed connection, microseconds; 0: none */
  __u32 handshake_at; /* of those established the latest to be dialled; see below; 0: none */
};
HF_ABI_STRUCT(hf_endpoint_stats, 32);

/* handshake_at: CLOCK_MONOTONIC in units of 2^30 ns. Told when the connection ends, as all outcomes
 * are. */
#define HF_HANDSHAKE_SHIFT 30

/* A failed blocking connect clears the socket's error before it is released, so refused and timed
 * out are told apart by the time from the connect to its last segment. */
enum hf_failure {
  HF_FAILURE_NONE = 0,
  HF_FAILURE_REFUSED = 1,   /* failed within HF_REFUSED_WITHIN_NS */
  HF_FAILURE_TIMED_OUT = 2, /* failed later */
};
#define HF_REFUSED_WITHIN_NS 900000000ull /* below the first SYN retransmission (1 s, RFC 6298) */

#endif
