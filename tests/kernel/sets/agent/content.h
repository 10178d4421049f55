// SPDX-License-Identifier: Apache-2.0
// Services for the tests of sets. Service i: frontends 10.96.x.y:80 and [fd96::x:y]:80, endpoints
// 127.1.x.y and ::1 at `port`, where x is i / 256 and y is i % 256.
#pragma once

#include <cstdint>
#include <string>

#include "agent/dataplane/dataplane.h"

namespace holdfast::test {

std::string frontend4(std::uint32_t service);
std::string frontend6(std::uint32_t service);
Result<> fill(Dataplane& dataplane, std::uint32_t services, std::uint16_t port);

}  // namespace holdfast::test
