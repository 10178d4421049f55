/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0-only) */
/* What hf_count_live is asked, by endpoint id, and what it answers. */
#ifndef HOLDFAST_ABI_LIVE_H
#define HOLDFAST_ABI_LIVE_H

#include <holdfast/abi/base.h>

#define HF_LIVE_MOST 1024u /* endpoints asked for at once */

struct hf_live {
  __u32 incarnation; /* asked for */
  __u32 sockets;     /* whose state names this handle, and is LIVE */
};
HF_ABI_STRUCT(hf_live, 8);

#endif
