/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* frontends (hash): what a client dials -> one word.
 *
 * Writer: the daemon. Readers: connect programs, CLI. Elements of a kernel hash are recycled under
 * running readers, so the value is one word, read once, and valid for whatever key it is read
 * under only because the writer waits a grace period between a delete (or an in-place update) and
 * the next insert. */
#ifndef HOLDFAST_ABI_FRONTEND_H
#define HOLDFAST_ABI_FRONTEND_H

#include <holdfast/abi/base.h>

struct hf_frontend_key {
  struct hf_addr addr;
  __be16 port;   /* network order, as struct bpf_sock_addr's user_port */
  __u8 protocol; /* IPPROTO_TCP; others are reserved */
  __u8 pad;      /* 0 */
};
HF_ABI_STRUCT(hf_frontend_key, 20);

/* The word: pool id (never 0) in bits 0-25, kind in 26-28, host scope in 29; 30 and 31 are
 * 0. */
#define HF_FRONTEND_POOL_BITS 26
#define HF_FRONTEND_POOL_MASK ((1u << HF_FRONTEND_POOL_BITS) - 1)
#define HF_FRONTEND_KIND_SHIFT 26
#define HF_FRONTEND_KIND_MASK 7u
/* Matches only clients in the network namespace the daemon started in (a NodePort on loopback). */
#define HF_FRONTEND_HOST_SCOPE (1u << 29)

enum hf_frontend_kind HF_ENUM_INT {
  HF_KIND_CLUSTER_IP = 0,
  HF_KIND_NODE_PORT = 1,
  HF_KIND_EXTERNAL_IP = 2,
  HF_KIND_LOAD_BALANCER = 3,
};

static inline __u32 hf_frontend_word(__u32 pool, __u32 kind, __u32 scope_flag) {
  return (pool & HF_FRONTEND_POOL_MASK) | (kind & HF_FRONTEND_KIND_MASK) << HF_FRONTEND_KIND_SHIFT |
         scope_flag;
}
static inline __u32 hf_frontend_pool(__u32 word) {
  return word & HF_FRONTEND_POOL_MASK;
}
static inline __u32 hf_frontend_kind_of(__u32 word) {
  return word >> HF_FRONTEND_KIND_SHIFT & HF_FRONTEND_KIND_MASK;
}

#endif
