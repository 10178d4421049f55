// SPDX-License-Identifier: Apache-2.0
// The machine's own name: what node.name is without the configuration, in both programs.
#pragma once

#include <string>

namespace holdfast {

// What a node is called that nothing else names; "localhost" when the kernel does not tell.
std::string host_name();

}  // namespace holdfast
