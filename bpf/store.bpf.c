/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* Moves a frontend to another pool by a store into its element, where the kernel's own update of a
 * hash makes another element and recycles this one under its readers (kernel/bpf/hashtab.c,
 * alloc_htab_elem: the spare element of the CPU), so that a grace period must follow each. Run by
 * the daemon, the one writer: nobody deletes the element meanwhile. Since 5.14. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <holdfast/abi/store.h>

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, struct hf_frontend_key);
  __type(value, __u32);
  __uint(max_entries, 1024);
} frontends SEC(".maps");

SEC("syscall")
int hf_store_frontend(struct hf_frontend_store* ctx) {
  struct hf_frontend_key key = ctx->key;
  __u32* word = bpf_map_lookup_elem(&frontends, &key);

  if (!word) return 1;
  *(volatile __u32*)word = ctx->word;
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
