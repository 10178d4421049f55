/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* The copier: gives each socket that has a state of one layout only the same state in another map.
 * An iterator over the old map, in every network namespace. A field is a row {from, to, size}:
 * either layout may be of a version that this program does not know. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <holdfast/abi/socket.h>

#include "bpf/iter.bpf.h"

#define HF_LARGEST_STATE 128
#define HF_MOST_ROWS 16

/* Set by the loader before the load. */
volatile const struct hf_move_row hf_rows[HF_MOST_ROWS] = {};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, __u64);
} move_to SEC(".maps");

SEC("iter/bpf_sk_storage_map")
int hf_move_sockets(struct bpf_iter__bpf_sk_storage_map* ctx) {
  char state[HF_LARGEST_STATE] = {};
  struct sock* sk = ctx->sk;
  char* value = ctx->value;
  __u32 row, byte;

  if (!sk || !value) return 0;
#pragma unroll
  for (row = 0; row < HF_MOST_ROWS; ++row) {
    const __u32 from = hf_rows[row].from, to = hf_rows[row].to, size = hf_rows[row].size;

    for (byte = 0; byte < size && byte < 16; ++byte) {
      if (to + byte < HF_LARGEST_STATE) state[to + byte] = value[from + byte];
    }
  }
  /* Only where there is none: what a connect or an earlier copy made is newer. */
  bpf_sk_storage_get(&move_to, sk, state, BPF_SK_STORAGE_GET_F_CREATE);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
