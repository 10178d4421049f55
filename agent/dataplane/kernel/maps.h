// SPDX-License-Identifier: Apache-2.0
// Open maps: reading them by system call, writing them through mmap. Private to this folder.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "agent/dataplane/dataplane.h"
#include "agent/dataplane/image.h"
#include "agent/dataplane/kernel/pins.h"
#include "agent/dataplane/schema.h"

namespace holdfast::kernel {

// Every map of a set by name, the shared ones included; owns the descriptors. `schema` is the
// set's. A storage that the set's version did not know is not there.
struct Maps {
  std::map<std::string, Fd> fds;
  Schema schema = own_schema();
  bool has(const std::string& name) const { return fds.contains(name); }
  int fd(const std::string& name) const { return fds.at(name).get(); }
};

struct MapShape {
  std::uint32_t type = 0, key_size = 0, value_size = 0, max_entries = 0, flags = 0;
};
Result<MapShape> shape_of(int fd);
// incompatible: the set says nothing of its layout that this version understands.
Result<Maps> open_pinned(const Pins& pins, const std::string& directory, bool read_only);
Result<Schema> read_schema(int layout_map);
Capacity capacity_of(const Maps& maps);
// In this program's layout, whatever the set's.
Result<Image> read_image(const Maps& maps);
// Parts of it, for a read-back in steps; see Dataplane.
Result<Image> read_part(const Maps& maps, Part part, std::uint32_t first, std::uint32_t count);
Result<FrontendPage> read_page(const Maps& maps, const std::string& cursor);
Result<std::optional<std::uint32_t>> read_frontend(const Maps& maps, const hf_frontend_key& key);
Result<Image> read_evidence(const Maps& maps);  // endpoints, their stats and names only
Result<std::vector<CounterValue>> read_counters(const Maps& maps);

// The mmapable arrays, writable. Unmaps at destruction.
class Mappings {
 public:
  static Result<Mappings> map(const Maps& maps);
  Mappings(Mappings&&) noexcept;
  Mappings& operator=(Mappings&&) = delete;
  ~Mappings();

  template <class T>
  T* array(const std::string& name) const {
    return static_cast<T*>(areas_.at(name).first);
  }

 private:
  Mappings() = default;
  std::map<std::string, std::pair<void*, std::size_t>> areas_;
};

}  // namespace holdfast::kernel
