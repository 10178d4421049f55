/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* Names of the maps, programs and links under the bpffs directory, and their bounds.
 *
 *   <bpffs>/shared/         sockets, counters: outlive a set
 *   <bpffs>/set_<n>/        the other maps of a set, and its programs; n only grows
 *   <bpffs>/building_<n>/   a set in the making: becomes set_<n>, by one rename, when it is whole
 *   <bpffs>/links/          one pinned bpf_link per program, stable over every upgrade
 *   <bpffs>/current         symlink to the set that serves
 * A set whose sockets or counters are not those of the set before holds its own until they replace
 * the shared ones: what is not in the set's directory is in shared/.
 * (bpffs forbids dots in names.) A kernel object name has at most 15 characters. */
#ifndef HOLDFAST_ABI_LAYOUT_H
#define HOLDFAST_ABI_LAYOUT_H

/* X(name): every map, as named in the object file, pinned under the same name. */
/* clang-format off */
#define HF_SET_MAPS(X)                                                                   \
  X(frontends) X(pools) X(slots) X(slot_info) X(endpoints) X(endpoint_stats)             \
  X(service_names) X(pool_names) X(endpoint_names) X(strings) X(meta) X(layout)
#define HF_SHARED_MAPS(X) X(sockets) X(counters)
/* The sockets of the set before, of another layout, while they move; made only then, and pinned
 * under its own name there. */
#define HF_MOVING_MAPS(X) X(sockets_before)
/* clang-format on */

/* In the order of the first attach: what reverses and settles a redirect before what redirects.
 * X(program, section) */
#define HF_PROGRAMS(X)                      \
  X(hf_sock_release, "cgroup/sock_release") \
  X(hf_getpeername4, "cgroup/getpeername4") \
  X(hf_getpeername6, "cgroup/getpeername6") \
  X(hf_connect4, "cgroup/connect4")         \
  X(hf_connect6, "cgroup/connect6")

#define HF_MAX_SERVICES (1u << 20)
#define HF_MAX_ENDPOINTS (1u << 22)

#endif
