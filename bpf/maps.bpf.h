/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* Every map, of the rows of abi/pins.h. Sizes here are placeholders: the loader sets max_entries
 * before the load. Keys, values, writers and readers: include/holdfast/abi/. */
#ifndef HOLDFAST_BPF_MAPS_H
#define HOLDFAST_BPF_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <holdfast/abi/counters.h>
#include <holdfast/abi/endpoint.h>
#include <holdfast/abi/frontend.h>
#include <holdfast/abi/pins.h>
#include <holdfast/abi/names.h>
#include <holdfast/abi/pool.h>
#include <holdfast/abi/socket.h>

#define HF_DEFINE_hash(map, key_type, value_type) \
  struct {                                        \
    __uint(type, BPF_MAP_TYPE_HASH);              \
    __type(key, key_type);                        \
    __type(value, value_type);                    \
    __uint(max_entries, 1024);                    \
  } map SEC(".maps")

#define HF_DEFINE_array(map, key_type, value_type) \
  struct {                                         \
    __uint(type, BPF_MAP_TYPE_ARRAY);              \
    __uint(map_flags, BPF_F_MMAPABLE);             \
    __type(key, key_type);                         \
    __type(value, value_type);                     \
    __uint(max_entries, 64);                       \
  } map SEC(".maps")

#define HF_DEFINE_storage(map, key_type, value_type) \
  struct {                                           \
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);           \
    __uint(map_flags, BPF_F_NO_PREALLOC);            \
    __type(key, key_type);                           \
    __type(value, value_type);                       \
  } map SEC(".maps")

#define HF_DEFINE_per_cpu(map, key_type, value_type) \
  struct {                                           \
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);         \
    __type(key, key_type);                           \
    __type(value, value_type);                       \
    __uint(max_entries, HF_COUNTER_NR);              \
  } map SEC(".maps")

#define HF_DEFINE(kind, map, key_type, value_type, room, member) \
  HF_DEFINE_##kind(map, key_type, value_type);

HF_SET_MAPS(HF_DEFINE)
HF_SHARED_MAPS(HF_DEFINE)
/* The loader gives it the map it finds, with that map's element, or makes none. */
HF_MOVING_MAPS(HF_DEFINE)

#endif
