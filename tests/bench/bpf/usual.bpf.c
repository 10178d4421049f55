/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* For the benchmark only: an empty hook, and the layout that socket load balancers usually have:
 * a service, one of its slots and a backend, each a hash element, and an LRU for the way back.
 * No affinity, health, scope or counters: less than such a product does, and so no straw man. */
#include <linux/bpf.h>
#include <linux/in.h>

#include <bpf/bpf_helpers.h>

#define BENCH_INLINE static inline __attribute__((always_inline))

struct usual_service_key {
  __be32 addr;
  __be16 port;
  __u16 slot; /* 0: the service itself */
  __u8 protocol;
  __u8 scope;
  __u16 pad;
};

struct usual_service {
  __u32 backend; /* id, of a slot */
  __u16 count;   /* of slots, of the service itself */
  __u16 id;      /* for the way back */
  __u32 flags;
};

struct usual_backend {
  __be32 addr;
  __be16 port;
  __u8 protocol;
  __u8 flags;
};

struct usual_back_key {
  __u64 cookie;
  __be32 addr;
  __be16 port;
  __u16 pad;
};

struct usual_back {
  __be32 addr;
  __be16 port;
  __u16 service;
};

/* Sizes are set by the loader. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct usual_service_key);
  __type(value, struct usual_service);
  __uint(max_entries, 64);
} usual_services SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u32);
  __type(value, struct usual_backend);
  __uint(max_entries, 64);
} usual_backends SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __type(key, struct usual_back_key);
  __type(value, struct usual_back);
  __uint(max_entries, 262144); /* 256 Ki: what such a product makes of it by default */
} usual_way_back SEC(".maps");

BENCH_INLINE int usual_connect(struct bpf_sock_addr* ctx, int remember) {
  struct usual_service_key key = {
      .addr = ctx->user_ip4, .port = (__be16)ctx->user_port, .protocol = IPPROTO_TCP};
  struct usual_service* service = bpf_map_lookup_elem(&usual_services, &key);
  struct usual_backend* backend;
  struct usual_back back;
  struct usual_back_key back_key = {};

  if (!service || !service->count) return 1;
  back = (struct usual_back){.addr = key.addr, .port = key.port, .service = service->id};
  key.slot = 1 + bpf_get_prandom_u32() % service->count;
  service = bpf_map_lookup_elem(&usual_services, &key);
  if (!service) return 1;
  backend = bpf_map_lookup_elem(&usual_backends, &service->backend);
  if (!backend) return 1;
  if (remember) {
    back_key.cookie = bpf_get_socket_cookie(ctx);
    back_key.addr = backend->addr;
    back_key.port = backend->port;
    bpf_map_update_elem(&usual_way_back, &back_key, &back, BPF_ANY);
  }
  ctx->user_ip4 = backend->addr;
  ctx->user_port = backend->port;
  return 1;
}

SEC("cgroup/connect4")
int bench_usual(struct bpf_sock_addr* ctx) {
  return usual_connect(ctx, 0);
}

SEC("cgroup/connect4")
int bench_usual_lru(struct bpf_sock_addr* ctx) {
  return usual_connect(ctx, 1);
}

SEC("cgroup/connect4")
int bench_empty4(struct bpf_sock_addr* ctx) {
  (void)ctx;
  return 1;
}

SEC("cgroup/connect6")
int bench_empty6(struct bpf_sock_addr* ctx) {
  (void)ctx;
  return 1;
}

char LICENSE[] SEC("license") = "GPL";
