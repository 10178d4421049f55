// SPDX-License-Identifier: Apache-2.0
// Credentials as text: decoding and checking them before they are used.
#pragma once

#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/net/http_stream.h"

namespace holdfast::net {

// Standard base64 with its padding; white space is ignored. Errors: invalid.
Result<std::string> decode_base64(std::string_view text);

// Whether a connection could be set up with these: invalid says which PEM is wrong, and why.
Result<> check_tls(const TlsSettings& settings);

}  // namespace holdfast::net
