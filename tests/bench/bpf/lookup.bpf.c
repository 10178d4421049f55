/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* For the benchmark only: the shipped look-up, over the shipped maps, without per-socket state and
 * for any protocol, so that a UDP socket connected again and again can time it alone. Includes the
 * shipped source instead of repeating its loads; its own programs are not loaded. */
#include "bpf/tcp.bpf.c"

SEC("cgroup/connect4")
int bench_lookup(struct bpf_sock_addr* ctx) {
  struct hf_frontend_key key = {};
  struct hf_decision decision = {};

  hf_read_addr(ctx, 0, &key.addr);
  key.port = (__be16)ctx->user_port;
  key.protocol = IPPROTO_TCP;
  hf_lookup(ctx, &key, &decision);
  if (decision.verdict == HF_VERDICT_ENDPOINT)
    hf_write_addr(ctx, 0, &decision.target.addr, decision.target.port);
  hf_count(decision.counter);
  return 1;
}
