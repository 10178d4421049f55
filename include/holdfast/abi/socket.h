/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* sockets (sk_storage): what a socket dialled and where it went. Freed with the socket.
 *
 * Writer: the programs; and the daemon, once, for its own sockets (HF_SOCKET_BYPASS, set by file
 * descriptor before connecting). Overwritten at each connect, LIVE cleared by a miss: connect()
 * with AF_UNSPEC runs no hook, so a stale state is normal and every use compares. */
#ifndef HOLDFAST_ABI_SOCKET_H
#define HOLDFAST_ABI_SOCKET_H

#include <holdfast/abi/base.h>

struct hf_socket {
  __u32 endpoint;         /* handle: id ... */
  __u32 incarnation;      /* ... and incarnation */
  struct hf_addr dialled; /* what the application asked for */
  __be16 dialled_port;
  __u8 protocol;
  __u8 flags;
  __u32 service;    /* service id, for the CLI */
  __u64 dialled_at; /* ns, CLOCK_MONOTONIC: at most a tick behind, after every earlier segment */
};
HF_ABI_STRUCT(hf_socket, 40);

/* F(of, type, field): its fields, for what walks them: the description of a set, and programs that
 * read a state of another layout, which get the place of each there, in bytes. */
#define HF_SOCKET_FIELDS(F, of)  \
  F(of, __u32, endpoint)         \
  F(of, __u32, incarnation)      \
  F(of, struct hf_addr, dialled) \
  F(of, __be16, dialled_port)    \
  F(of, __u8, protocol)          \
  F(of, __u8, flags)             \
  F(of, __u32, service)          \
  F(of, __u64, dialled_at)

/* For struct <element>_offsets. */
#define HF_OFFSET_OF_FIELD(of, type, field) __u32 field;

struct hf_socket_offsets {
  HF_SOCKET_FIELDS(HF_OFFSET_OF_FIELD, )
};
HF_ABI_STRUCT(hf_socket_offsets, 32);

/* One field of a state, from one layout to another, in bytes: given to the program that copies. */
struct hf_move_row {
  __u32 from;
  __u32 to;
  __u32 size;
};
HF_ABI_STRUCT(hf_move_row, 12);

#define HF_SOCKET_LIVE 1u   /* the last connect was redirected; not yet settled in the stats */
#define HF_SOCKET_BYPASS 2u /* the agent's own socket: never redirect */
#define HF_SOCKET_MPTCP 4u  /* the state of an MPTCP socket, whose first subflow was connected */

#endif
