/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* Names and facts that no program reads: with them the CLI explains the maps while the daemon is
 * dead, and a returning daemon finds its ids again, 1:1. All arrays, mmapable; writer: the daemon.
 */
#ifndef HOLDFAST_ABI_NAMES_H
#define HOLDFAST_ABI_NAMES_H

#include <holdfast/abi/base.h>

/* A piece of the `strings` heap, counted in cells of 64 bytes: first cell and length in bytes.
 * Interned and reference-counted by the daemon; length 0 is the empty string. */
struct hf_string_ref {
  __u32 cell;
  __u32 length;
};
HF_ABI_STRUCT(hf_string_ref, 8);

#define HF_STRING_CELL 64
struct hf_string_cell {
  __u8 text[HF_STRING_CELL]; /* UTF-8, not terminated */
};
HF_ABI_STRUCT(hf_string_cell, 64);

/* service_names: by service id. Service 0 means "none". */
struct hf_service_name {
  __u64 generation;                /* of the catalog that last changed it; 0: id not in use */
  struct hf_string_ref name_space; /* "namespace" is a C++ keyword */
  struct hf_string_ref name;
  struct hf_string_ref source;
};
HF_ABI_STRUCT(hf_service_name, 32);

/* pool_names: by pool id. */
struct hf_pool_name {
  __u32 service; /* service id; 0: id not in use */
  __be16 port;   /* the service port, network order */
  __u8 protocol;
  __u8 family; /* 4 or 6: the family of the frontends */
  struct hf_string_ref port_name;
  __u32 traffic; /* enum hf_traffic */
  __u32 tail;    /* of slots that no program picks: hf_tail_word (pool.h) */
};
HF_ABI_STRUCT(hf_pool_name, 24);

/* Which endpoints a pool may hold. A service port may have a pool of each. */
enum hf_traffic HF_ENUM_INT {
  HF_TRAFFIC_CLUSTER = 0, /* all */
  HF_TRAFFIC_LOCAL = 1,   /* this node's */
};

/* endpoint_names: by endpoint id. identity: the pod's uid as a binary UUID, or the 128-bit XXH3
 * of any other identity text; all zero: none given. */
struct hf_endpoint_name {
  __u8 identity[16];
  struct hf_string_ref node;
  struct hf_string_ref zone;
  __u32 incarnation;   /* of hf_endpoint when this was written */
  __u32 base_connects; /* hf_endpoint_stats' counters when the incarnation began */
  __u32 base_closes;
  __u32 base_established;
  __u32 base_failures;
  __u32 base_abandoned;
};
HF_ABI_STRUCT(hf_endpoint_name, 56);

enum hf_grace_mode HF_ENUM_INT {
  HF_GRACE_MEMBARRIER = 1, /* membarrier(MEMBARRIER_CMD_GLOBAL) */
  HF_GRACE_MAP_IN_MAP = 2, /* an update of a map-in-map, which waits for one in the kernel */
};

/* meta: one element. */
struct hf_meta {
  __u32 abi_version;  /* HF_ABI_VERSION */
  __u32 complete;     /* 1 once a whole generation has been applied to these maps */
  __u64 generation;   /* of the catalog last applied */
  __u64 netns_cookie; /* of the network namespace that host frontends belong to */
  __u64 applied_at;   /* seconds, CLOCK_REALTIME, when the generation was applied */
  __u32 grace_mode;   /* enum hf_grace_mode */
  __u32 pad;          /* 0: elements of mapped arrays are whole words */
};
HF_ABI_STRUCT(hf_meta, 40);

/* layout: one element, written once, before anything else: the names, offsets and sizes of the
 * fields of this set's elements, as text. By it a build of another layout, older or newer, reads
 * the set. A field that changes its meaning changes its name in the text. What is reserved has none
 * there. */
#define HF_LAYOUT_BYTES 4096
struct hf_layout {
  __u8 text[HF_LAYOUT_BYTES]; /* ends with the first zero byte */
};
HF_ABI_STRUCT(hf_layout, 4096);

#endif
