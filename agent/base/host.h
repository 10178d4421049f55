// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace holdfast {

// What a node is called that nothing else names; "localhost" when the kernel does not tell.
std::string host_name();

}  // namespace holdfast
