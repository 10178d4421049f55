// SPDX-License-Identifier: Apache-2.0
// What the kernel says of itself, of our pins, and of programs at our hooks. Changes nothing: the
// probes load programs of two instructions that go at once.
#pragma once

#include <string>

#include "agent/host/facts.h"

namespace holdfast {

host::KernelFacts read_kernel_facts();
host::CgroupFacts read_cgroup_facts(const std::string& configured, const std::string& bpffs);
// `cgroup`: where links should be attached; "": anywhere.
host::PinFacts read_pin_facts(const std::string& bpffs, const std::string& cgroup);

}  // namespace holdfast
