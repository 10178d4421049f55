// SPDX-License-Identifier: Apache-2.0
// The BPF objects that serve, a row each of HF_OBJECTS: what of them is typed by a skeleton.
// Private to this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/dataplane/kernel/maps.h"

struct bpf_object;

namespace holdfast::kernel {

// The network namespace that host frontends belong to: this process's. Its cookie is told since
// 5.14; before that the programs compare with the initial one's, which they can ask for.
struct HostNetns {
  std::uint64_t cookie = 0;
  bool initial = false;
  bool known() const { return cookie != 0 || initial; }
};

// What programs are told before they are loaded. An object takes what it has a variable for.
struct ObjectSettings {
  HostNetns netns;
  bool have_retval = false;
  bool have_mptcp = false;
  const Maps* before = nullptr;     // of the set before
  std::vector<std::string> moving;  // storages that are of another layout there
};

// Opened; loaded after load().
class Object {
 public:
  virtual ~Object() = default;
  virtual bpf_object* get() const = 0;
  virtual Result<> set(const ObjectSettings& settings) = 0;
  virtual int load() = 0;  // 0, or a negative errno
};

struct ObjectRow {
  const char* name;
  bool optional;                      // one that the kernel refuses is left out
  std::unique_ptr<Object> (*open)();  // nullptr: errno says why
};
const std::vector<ObjectRow>& object_rows();

}  // namespace holdfast::kernel
