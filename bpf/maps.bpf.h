/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* Every map, once. Sizes here are placeholders: the loader sets max_entries before the load.
 * Keys, values, writers and readers: include/holdfast/abi/. */
#ifndef HOLDFAST_BPF_MAPS_H
#define HOLDFAST_BPF_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <holdfast/abi/counters.h>
#include <holdfast/abi/endpoint.h>
#include <holdfast/abi/frontend.h>
#include <holdfast/abi/names.h>
#include <holdfast/abi/pool.h>
#include <holdfast/abi/socket.h>

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, struct hf_frontend_key);
  __type(value, __u32);
  __uint(max_entries, 1024);
} frontends SEC(".maps");

#define HF_ARRAY(name, value_type)     \
  struct {                             \
    __uint(type, BPF_MAP_TYPE_ARRAY);  \
    __uint(map_flags, BPF_F_MMAPABLE); \
    __type(key, __u32);                \
    __type(value, value_type);         \
    __uint(max_entries, 64);           \
  } name SEC(".maps")

HF_ARRAY(pools, struct hf_pool);
HF_ARRAY(slots, struct hf_slot_line);
HF_ARRAY(slot_info, struct hf_slot_line);
HF_ARRAY(endpoints, struct hf_endpoint);
HF_ARRAY(endpoint_stats, struct hf_endpoint_stats);
HF_ARRAY(service_names, struct hf_service_name);
HF_ARRAY(pool_names, struct hf_pool_name);
HF_ARRAY(endpoint_names, struct hf_endpoint_name);
HF_ARRAY(strings, struct hf_string_cell);
HF_ARRAY(meta, struct hf_meta);
HF_ARRAY(layout, struct hf_layout);

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct hf_socket);
} sockets SEC(".maps");

/* The loader gives it the map it finds, with that map's element, or makes none. */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct hf_socket);
} sockets_before SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __type(key, __u32);
  __type(value, __u64);
  __uint(max_entries, HF_COUNTER_NR);
} counters SEC(".maps");

#endif
