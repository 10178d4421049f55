// SPDX-License-Identifier: Apache-2.0
// Result<T> and Error: how everything below the edges reports a failure.
// Library code never logs and never exits; the caller with context adds it once and reports.
// Exceptions of libraries (yaml-cpp, Boost) are caught at config/, sources/ and admin/.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace holdfast {

enum class Errc {
  invalid,  // input that breaks a rule
  not_found,
  exists,        // somebody else holds it: a lock, a name
  denied,        // a permission or capability is missing
  exhausted,     // a capacity is reached
  unavailable,   // try again later
  incompatible,  // made by another version
  internal,      // a bug, or a kernel that behaves unlike its documentation
};

std::string_view to_string(Errc code);

struct Error {
  Errc code = Errc::internal;
  int sys = 0;  // errno, 0: none
  std::string
      what;  // lower case, outermost first, cause last: "open map 'pools': permission denied"
};

template <class T = void>
using Result = tl::expected<T, Error>;

using Failure = tl::unexpected<Error>;

[[nodiscard]] Failure fail(Errc code, std::string what);
// Appends ": <strerror> (<NAME>)" and derives the code from `sys` (an errno value, positive).
[[nodiscard]] Failure fail_errno(int sys, std::string what);
// The same error with "context: " before it.
[[nodiscard]] Failure within(std::string_view context, Error error);

}  // namespace holdfast
