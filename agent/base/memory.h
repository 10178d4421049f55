// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace holdfast {

// Gives the kernel what the allocator holds and nobody uses: after work of a size that seldom
// comes.
void give_back_memory();

}  // namespace holdfast
