/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* Names of the maps, programs and links under the bpffs directory, and their bounds.
 *
 *   <bpffs>/shared/         storages, counters: outlive a set
 *   <bpffs>/set_<n>/        the other maps of a set, and its programs; n only grows
 *   <bpffs>/building_<n>/   a set in the making: becomes set_<n>, by one rename, when it is whole
 *   <bpffs>/links/          one pinned bpf_link a program of the cgroup, stable over every upgrade
 *   <bpffs>/current         symlink to the set that serves
 *
 * A set whose storages or counters are not those of the set before holds its own until they replace
 * the shared ones: what is not in the set's directory is in shared/.
 * (bpffs forbids dots in names.) A kernel object name has at most 15 characters. */
#ifndef HOLDFAST_ABI_PINS_H
#define HOLDFAST_ABI_PINS_H

/* X(kind, name, key, value, room, member): every map, as named in the object file, whose
 * definitions bpf/maps.bpf.h makes of these rows, and pinned under the same name. room: how many
 * elements, a member of Capacity; member: what an Image calls the content
 * (agent/dataplane/image.h). What walks the maps walks these (agent/dataplane/map_table.h). A
 * reader finds a name behind its pool word. */
/* clang-format off */
#define HF_CONTENT_MAPS(X)                                                                      \
  X(hash,  frontends,      struct hf_frontend_key, __u32,                    frontends, frontends)      \
  X(array, pools,          __u32,                  struct hf_pool,           pools,     pools)          \
  X(array, slots,          __u32,                  struct hf_slot_line,      slots,     slots)          \
  X(array, slot_info,      __u32,                  struct hf_slot_line,      slots,     slot_info)      \
  X(array, endpoints,      __u32,                  struct hf_endpoint,       endpoints, endpoints)      \
  X(array, endpoint_stats, __u32,                  struct hf_endpoint_stats, endpoints, stats)          \
  X(array, service_names,  __u32,                  struct hf_service_name,   services,  service_names)  \
  X(array, pool_names,     __u32,                  struct hf_pool_name,      pools,     pool_names)     \
  X(array, endpoint_names, __u32,                  struct hf_endpoint_name,  endpoints, endpoint_names) \
  X(array, strings,        __u32,                  struct hf_string_cell,    strings,   strings)        \
  X(array, meta,           __u32,                  struct hf_meta,           one,       meta)
#define HF_SET_MAPS(X)                                                                          \
  HF_CONTENT_MAPS(X)                                                                            \
  X(array, layout,         __u32,                  struct hf_layout,         one,       none)
/* ROW(X, storage, before, value, fields): each sk_storage map, which outlives a set; its map before,
 * of another layout, while sockets move, made only then and pinned under its own name there; its
 * element `struct value`, and that element's fields (HF_SOCKET_FIELDS). X is handed on. */
#define HF_STORAGES(ROW, X)                                                                     \
  ROW(X, sockets, sockets_before, hf_socket, HF_SOCKET_FIELDS)
#define HF_ROW_OF_STORAGE(X, storage_, before, value, fields)                                          \
  X(storage, storage_,       int,                  struct value,             none,      none)
#define HF_ROW_OF_BEFORE(X, storage_, before, value, fields)                                           \
  X(storage, before,         int,                  struct value,             none,      none)
#define HF_SHARED_MAPS(X)                                                                       \
  HF_STORAGES(HF_ROW_OF_STORAGE, X)                                                                    \
  X(per_cpu, counters,       __u32,                __u64,                    none,      none)
#define HF_MOVING_MAPS(X)                                                                       \
  HF_STORAGES(HF_ROW_OF_BEFORE, X)
/* clang-format on */

/* X(object, need): the BPF objects that serve, bpf/<object>.bpf.c each, in the order of loading: a
 * later one uses the maps of those before. `optional`: where the kernel refuses it, it is left out,
 * and that is told. The maps of a set are all made by the first. */
#define HF_OBJECTS(X) X(tcp, required)

/* X(object, program, section), in the order of the first attach: what reverses and settles a
 * redirect before what redirects. Sections "cgroup/..." have a pinned link at the cgroup; a program
 * of any other section is pinned with its set only, for whoever runs it. */
#define HF_PROGRAMS(X)                           \
  X(tcp, hf_sock_release, "cgroup/sock_release") \
  X(tcp, hf_getpeername4, "cgroup/getpeername4") \
  X(tcp, hf_getpeername6, "cgroup/getpeername6") \
  X(tcp, hf_connect4, "cgroup/connect4")         \
  X(tcp, hf_connect6, "cgroup/connect6")

#define HF_MAX_SERVICES (1u << 20)
#define HF_MAX_ENDPOINTS (1u << 22)

#endif
