// SPDX-License-Identifier: Apache-2.0
// How long to wait before the API is asked again: full jitter, bounded, by what ended the last try.
// Pure; the random source is the caller's.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

namespace holdfast::kubernetes {

// What ended a request or a stream.
enum class Ending : std::uint8_t {
  clean,        // a watch ran its time
  expired,      // 410: the version is gone, a list must follow
  silent,       // nothing came for longer than two bookmark periods
  unreachable,  // no connection: refused, timed out, no route, TLS
  broken,       // the connection or the answer ended half-way, or is not what it should be
  overloaded,   // 429, 5xx
  denied,       // 401, 403, 404: it answers, but not to us
  older,        // a server that is behind what is known
  foreign,      // another cluster's
  brief,        // a watch that ended at once, well, and said nothing
};
inline constexpr std::size_t kEndings = 10;
const char* to_string(Ending ending);  // "clean", "expired", ...

class Backoff {
 public:
  using Milliseconds = std::chrono::milliseconds;
  // Uniform over zero to the bound, which doubles with each ending of the kind in a row. A server's
  // Retry-After is the least, with up to a quarter more, so that agents spread.
  Milliseconds next(Ending ending, std::optional<std::chrono::seconds> retry_after,
                    std::mt19937_64& random);
  // All is well again: a stream has lived for kHealthy.
  void reset() { tries_ = {}; }

  static constexpr std::chrono::seconds kHealthy{30};

 private:
  std::array<unsigned, kEndings> tries_{};
};

}  // namespace holdfast::kubernetes
