// SPDX-License-Identifier: Apache-2.0
// Bearer tokens, which kubelet replaces in their file while we run. The text is checked before it
// stands in a header of HTTP.
#pragma once

#include <string>

#include "agent/base/result.h"

namespace holdfast::kubernetes {

// The token in a file, without the white space around it. Errors never show it.
Result<std::string> read_token(const std::string& path);

// The same of a text. Errors: invalid, when it is empty or could not be sent in a header.
Result<std::string> clean_token(const std::string& text);

}  // namespace holdfast::kubernetes
