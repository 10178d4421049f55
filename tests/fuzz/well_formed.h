// SPDX-License-Identifier: Apache-2.0
// What every later stage takes for granted of a service and of a source's update. A breach ends the
// program with a trap, which libFuzzer reports with the input that led to it.
#pragma once

#include <map>

#include "agent/model/service.h"
#include "agent/model/update.h"

namespace holdfast::fuzz {

// Ends the program, saying what did not hold.
void expect(bool holds, const char* what);

void expect_well_formed(const Service& service);
// `known`: what the updates before have said; brought up to date with this one.
void expect_well_formed(const SourceUpdate& update, std::map<ServiceKey, ServicePtr>& known);

}  // namespace holdfast::fuzz
