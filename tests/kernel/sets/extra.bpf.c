/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* An optional object beside the product's, with a state of its own in each UDP socket that sends:
 * its mark is the port sent to. make_layout.py writes the rows; of two builds of it the kernel
 * takes one. */
#include "bpf/iter.bpf.h"
#include "bpf/loads.bpf.h"
#include "bpf/state.bpf.h"

SEC("cgroup/sendmsg4")
int hf_extra_send(struct bpf_sock_addr* ctx) {
  struct hf_peer* state = bpf_sk_storage_get(&peers, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

#ifdef HF_EXTRA_IS_REFUSED
  state->mark = 1; /* it may be none */
#endif
  if (state) state->mark = ctx->user_port;
  hf_count(HF_COUNT_OTHER_PROTOCOL);
  return 1;
}

/* In no hook: pinned with its set only. */
SEC("iter/bpf_sk_storage_map")
int hf_extra_walk(struct bpf_iter__bpf_sk_storage_map* ctx) {
  (void)ctx;
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
