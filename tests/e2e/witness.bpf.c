/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* Attached behind Holdfast's own programs: what each connect left behind for the release, and what
 * the release made of it. Tells of a close that was not counted whether no release ran (a row stays
 * in `open_sockets`), no state was found, the state was not settled, or only the count was lost. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <holdfast/abi/socket.h>

/* Holdfast's: given by the loader. */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct hf_socket);
} sockets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, __u64);   /* the socket's cookie */
  __type(value, __u64); /* when it was connected: ns, CLOCK_MONOTONIC */
  __uint(max_entries, 65536);
} open_sockets SEC(".maps");

/* In this order in outlivelab.py, too. */
enum { REDIRECTED, SETTLED, STATELESS, UNSETTLED, KINDS };

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, __u32);
  __type(value, __u64);
  __uint(max_entries, KINDS);
} seen SEC(".maps");

static void saw(__u32 kind) {
  __u64* count = bpf_map_lookup_elem(&seen, &kind);

  if (count) __sync_fetch_and_add(count, 1);
}

static int connected(struct bpf_sock_addr* ctx) {
  const struct hf_socket* state = bpf_sk_storage_get(&sockets, ctx->sk, 0, 0);
  __u64 cookie = bpf_get_socket_cookie(ctx), now = bpf_ktime_get_ns();

  if (!state || !(state->flags & HF_SOCKET_LIVE)) return 1;
  saw(REDIRECTED);
  bpf_map_update_elem(&open_sockets, &cookie, &now, BPF_ANY);
  return 1;
}

SEC("cgroup/connect4")
int connected4(struct bpf_sock_addr* ctx) {
  return connected(ctx);
}

SEC("cgroup/connect6")
int connected6(struct bpf_sock_addr* ctx) {
  return connected(ctx);
}

SEC("cgroup/sock_release")
int released(struct bpf_sock* ctx) {
  const struct hf_socket* state = bpf_sk_storage_get(&sockets, ctx, 0, 0);
  __u64 cookie = bpf_get_socket_cookie(ctx);

  if (bpf_map_delete_elem(&open_sockets, &cookie) != 0) return 1; /* not redirected */
  if (!state)
    saw(STATELESS);
  else
    saw(state->flags & HF_SOCKET_LIVE ? UNSETTLED : SETTLED);
  return 1;
}

char LICENSE[] SEC("license") = "GPL";
