// SPDX-License-Identifier: Apache-2.0
#include "agent/base/memory.h"

#include <malloc.h>

namespace holdfast {

void give_back_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace holdfast
