/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* Counts the sockets that are connected to some endpoints: the truth beside the counters, which
 * lose a close where no program runs at it (its link was removed for a moment). An iterator over
 * the map of socket states. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <holdfast/abi/live.h>
#include <holdfast/abi/socket.h>

#include "bpf/iter.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, HF_LIVE_MOST);
  __type(key, __u32);
  __type(value, struct hf_live);
} asked SEC(".maps");

SEC("iter/bpf_sk_storage_map")
int hf_count_live(struct bpf_iter__bpf_sk_storage_map* ctx) {
  const struct hf_socket* state = ctx->value;
  struct hf_live* live;
  __u32 endpoint;

  if (!state || !(state->flags & HF_SOCKET_LIVE)) return 0;
  endpoint = state->endpoint;
  live = bpf_map_lookup_elem(&asked, &endpoint);
  if (live && live->incarnation == state->incarnation) ++live->sockets;
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
