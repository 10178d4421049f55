/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* The kernel <-> user contract: common ground of every abi header.
 *
 * Compiled as C11 (BPF and host) and as C++20. Plain data only: fixed-width kernel types, explicit
 * padding, no pointers, no enum-typed fields. A snake_case `hf_*` struct crosses the border to the
 * kernel; a PascalCase type never does. */
#ifndef HOLDFAST_ABI_BASE_H
#define HOLDFAST_ABI_BASE_H

#include <linux/types.h>

#ifdef __cplusplus
#include <type_traits>
/* Hash keys are compared byte by byte, so a hole would make equal keys differ: C can check the size
 * only, C++ also that there is no padding. */
#define HF_ABI_STRUCT(type, size)                                           \
  static_assert(sizeof(struct type) == (size), #type ": size");             \
  static_assert(std::is_standard_layout_v<struct type>, #type ": layout");  \
  static_assert(std::is_trivially_copyable_v<struct type>, #type ": copy"); \
  static_assert(std::has_unique_object_representations_v<struct type>, #type ": padding")
/* The type of an enum whose values are read from maps: a newer daemon may have written one that
 * this one has no name for, and without a type of its own that is undefined in C++ (C17 has int).
 */
#define HF_ENUM_INT : int
#else
#define HF_ABI_STRUCT(type, size) _Static_assert(sizeof(struct type) == (size), #type ": size")
#define HF_ENUM_INT
#endif

/* Any change of a map's key, value or meaning. Pinned maps of another layout are read by the
 * description that is in them (names.h: layout). */
#define HF_ABI_VERSION 2

/* One address form for both families: 16 bytes in network order, IPv4 as ::ffff:a.b.c.d (RFC 4291,
 * 2.5.5.2). Four words, because that is how the kernel's contexts show it. */
struct hf_addr {
  __be32 word[4];
};
HF_ABI_STRUCT(hf_addr, 16);

/* The third word of every v4-mapped address, in network order. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HF_V4_MAPPED_WORD ((__be32)0xffff0000u)
#else
#define HF_V4_MAPPED_WORD ((__be32)0x0000ffffu)
#endif

#endif
