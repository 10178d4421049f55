// SPDX-License-Identifier: Apache-2.0
#include "agent/base/result.h"

#include <cerrno>
#include <cstring>

namespace holdfast {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::invalid:
      return "invalid";
    case Errc::not_found:
      return "not found";
    case Errc::exists:
      return "exists";
    case Errc::denied:
      return "denied";
    case Errc::exhausted:
      return "exhausted";
    case Errc::unavailable:
      return "unavailable";
    case Errc::incompatible:
      return "incompatible";
    case Errc::internal:
      return "internal";
  }
  return "unknown";
}

namespace {

Errc from_errno(int sys) {
  switch (sys) {
    case EINVAL:
      return Errc::invalid;
    case ENOENT:
      return Errc::not_found;
    case EEXIST:
    case EWOULDBLOCK:
      return Errc::exists;
    case EPERM:
    case EACCES:
      return Errc::denied;
    case ENOMEM:
    case ENOSPC:
    case E2BIG:
      return Errc::exhausted;
    case ECONNREFUSED:
    case EINTR:
      return Errc::unavailable;
    default:
      return Errc::internal;
  }
}

}  // namespace

Failure fail(Errc code, std::string what) {
  return Failure(Error{code, 0, std::move(what)});
}

Failure fail_errno(int sys, std::string what) {
  what += ": ";
  what += strerrordesc_np(sys) ? strerrordesc_np(sys) : "error";
  if (const char* name = strerrorname_np(sys)) what += std::string(" (") + name + ")";
  return Failure(Error{from_errno(sys), sys, std::move(what)});
}

Failure within(std::string_view context, Error error) {
  error.what = std::string(context) + ": " + error.what;
  return Failure(std::move(error));
}

}  // namespace holdfast
