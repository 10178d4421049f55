/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* counters (per-CPU array of __u64): one per early return and per decision of the programs.
 * X(symbol, name, help): the one list that the programs, the CLI and the metrics share. */
#ifndef HOLDFAST_ABI_COUNTERS_H
#define HOLDFAST_ABI_COUNTERS_H

#include <holdfast/abi/base.h>

#define HF_COUNTERS(X)                                                                        \
  X(MISS, "miss", "connects to an address that is no frontend, passed through")               \
  X(REDIRECTED, "redirected", "connects sent to an endpoint")                                 \
  X(REFUSED, "refused", "connects to an empty pool answered ECONNREFUSED or EHOSTUNREACH")    \
  X(EMPTY_PASSED, "empty_passed", "connects to an empty pool passed through")                 \
  X(OTHER_PROTOCOL, "other_protocol", "connects of a protocol not served, passed through")    \
  X(DECIDED_BEFORE, "decided_before", "connects that another program had already rejected")   \
  X(BYPASSED, "bypassed", "connects of the agent's own sockets")                              \
  X(OTHER_SCOPE, "other_scope", "connects to a host frontend from another network namespace") \
  X(OTHER_FAMILY, "other_family",                                                             \
    "frontends whose endpoint is of the other family, passed through")                        \
  X(BAD_POOL, "bad_pool", "frontends naming a pool out of range, passed through")             \
  X(BAD_SLOT, "bad_slot", "pools naming a slot out of range, passed through")                 \
  X(BAD_ENDPOINT, "bad_endpoint", "slots naming no live endpoint, passed through")            \
  X(NO_STORAGE, "no_storage", "connects redirected without per-socket state")                 \
  X(PEER_TRANSLATED, "peer_translated", "getpeername answered with the address dialled")      \
  X(PEER_UNTOUCHED, "peer_untouched", "getpeername left alone")                               \
  X(STALE_HANDLE, "stale_handle", "sockets whose endpoint id has a newer incarnation")        \
  X(SETTLED, "settled", "redirected sockets settled at release or at the next connect")       \
  X(FOREIGN_PEER, "foreign_peer", "released sockets connected elsewhere by another program")  \
  X(UNSENT, "unsent", "redirected connects that ended before anything left this node")        \
  X(KERNEL_SOCKET, "kernel_socket",                                                           \
    "connects of the kernel's own sockets (NFS, CIFS, SMC), redirected without a state")

enum hf_counter HF_ENUM_INT {
#define HF_COUNTER_ENUM(symbol, name, help) HF_COUNT_##symbol,
  HF_COUNTERS(HF_COUNTER_ENUM)
#undef HF_COUNTER_ENUM
      HF_COUNTER_NR
};

#endif
