// SPDX-License-Identifier: Apache-2.0
// Running a program once for each socket state of a map. Private to this folder.
#pragma once

#include <string>

#include "agent/base/result.h"

struct bpf_program;

namespace holdfast::kernel {

// Whether the kernel lets programs walk the states of sockets; asked once. denied: it refuses the
// kind, as hardened kernels do with iterators that are handed the values of a map, whoever asks.
// What else may go wrong is told by whoever runs one.
const Result<>& may_iterate();

// The program runs in one read for up to a million states, and writes nothing to the reader. What
// has a state during all of it is visited; what comes or goes meanwhile may be. `name`: what the
// program is, for errors.
Result<> run_for_sockets(const bpf_program* program, int map, const std::string& name);

}  // namespace holdfast::kernel
