/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* What hf_store_frontend is told: the frontend that moves, and its new word. */
#ifndef HOLDFAST_ABI_STORE_H
#define HOLDFAST_ABI_STORE_H

#include <holdfast/abi/frontend.h>

struct hf_frontend_store {
  struct hf_frontend_key key;
  __u32 word;
};
HF_ABI_STRUCT(hf_frontend_store, sizeof(struct hf_frontend_key) + sizeof(__u32));

#endif
