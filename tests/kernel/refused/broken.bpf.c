/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* The product's object and one program more, which no verifier accepts: it writes to address 0. */
#include "bpf/tcp.bpf.c"

SEC("cgroup/connect4")
int hf_refused(struct bpf_sock_addr* ctx) {
  volatile __u32* nowhere = (void*)0;

  *nowhere = ctx->user_ip4;
  return 1;
}
