// SPDX-License-Identifier: Apache-2.0
// What this process holds of the machine's memory. How much it may hold is in memory_limit.h.
#pragma once

namespace holdfast {

// Gives back to the kernel what the allocator keeps and nobody uses. It walks the whole heap, so it
// is for after rare work: a large first text, a list of everything. glibc only; elsewhere nothing.
void give_back_memory();

// Empties a container and frees its room, which `= {}` and clear() of a vector keep.
template <class Container>
void release(Container& container) {
  Container().swap(container);
}

}  // namespace holdfast
