// SPDX-License-Identifier: Apache-2.0
// Takes secrets out of text that leaves the host. Pure. Errs on the side of taking too much.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::cli {

// Replaced by "[redacted]": PEM blocks; the value after a key such as token, password, secret or
// client-key-data; what follows Bearer or Basic; the user part of a URL; JSON web tokens, bootstrap
// tokens, and words that look random: 24 characters or more with capitals, small letters and
// digits.
std::string redact(std::string_view text);

}  // namespace holdfast::cli
