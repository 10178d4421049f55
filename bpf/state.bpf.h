/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* The state that sockets carry (HF_STORAGES), and where it is while sockets move from a map of
 * another layout. */
#ifndef HOLDFAST_BPF_STATE_H
#define HOLDFAST_BPF_STATE_H

#include "bpf/loads.bpf.h"

/* Of each storage. Set by the loader before the load, while sockets move: 1, and where that layout
 * has the fields. hf_before_<storage> gives the state of a socket that has one in the map before:
 * 0: it has none. */
#define HF_READ_BEFORE(storage, type, field) \
  state->field = *(type*)(old + hf_offsets_##storage.field);

#define HF_STATE_BEFORE(unused, storage, before, value, fields)      \
  volatile const __u8 hf_moving_##storage = 0;                       \
  volatile const struct value##_offsets hf_offsets_##storage = {};   \
                                                                     \
  HF_INLINE int hf_before_##storage(void* sk, struct value* state) { \
    const char* old = bpf_sk_storage_get(&before, sk, 0, 0);         \
                                                                     \
    if (!old) return 0;                                              \
    fields(HF_READ_BEFORE, storage) return 1;                        \
  }

HF_STORAGES(HF_STATE_BEFORE, )

/* clang would reckon with a field's address before it is known that there is a state, which the
 * verifier refuses: to be said of a pointer after that. */
#define HF_OPAQUE(pointer) asm volatile("" : "+r"(pointer))

/* New, then old. `copy` is the caller's: what is changed in it is changed there only. */
HF_INLINE struct hf_socket* hf_state_of(void* sk, struct hf_socket* copy) {
  struct hf_socket* state = bpf_sk_storage_get(&sockets, sk, 0, 0);

  if (state || !hf_moving_sockets) return state;
  return hf_before_sockets(sk, copy) ? copy : 0;
}

/* Before anything else is made of a socket that is connected again while sockets move. The copier
 * (bpf/move.bpf.c) makes a state only where there is none: so there is one from here on, the
 * attempt before is settled once, from the one or the other, and the old state is gone. Connects
 * hold the socket's lock, so there are no two of them. */
HF_INLINE void hf_move(void* holder) {
  struct hf_socket* state;
  struct hf_socket copy;

  if (!hf_before_sockets(holder, &copy)) return;
  state = bpf_sk_storage_get(&sockets, holder, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!state) return;
  if (!(state->flags & HF_SOCKET_LIVE)) *state = copy;
  bpf_sk_storage_delete(&sockets_before, holder);
}

HF_INLINE void hf_remember(struct hf_socket* state, const struct hf_frontend_key* key,
                           const struct hf_decision* decision) {
  struct hf_endpoint_stats* stats;

  state->endpoint = decision->endpoint;
  state->incarnation = decision->target.incarnation;
  state->dialled = key->addr;
  state->dialled_port = key->port;
  state->protocol = key->protocol;
  state->service = decision->service;
  stats = bpf_map_lookup_elem(&endpoint_stats, &decision->endpoint);
  if (stats) __sync_fetch_and_add(&stats->connects, 1);
}

#endif
