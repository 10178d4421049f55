/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* The context of an iterator over a map of socket states, as far as it is read
 * (include/net/bpf_sk_storage.h); in every network namespace. */
#ifndef HOLDFAST_BPF_ITER_H
#define HOLDFAST_BPF_ITER_H

#include <linux/bpf.h>

struct bpf_iter_meta;
struct bpf_map;
struct sock;
struct bpf_iter__bpf_sk_storage_map {
  __bpf_md_ptr(struct bpf_iter_meta*, meta);
  __bpf_md_ptr(struct bpf_map*, map);
  __bpf_md_ptr(struct sock*, sk);
  __bpf_md_ptr(void*, value);
} __attribute__((preserve_access_index));

#endif
