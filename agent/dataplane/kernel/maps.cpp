// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/dataplane/layout1.h"
#include "agent/dataplane/map_table.h"
#include "holdfast/abi/counters.h"

namespace holdfast::kernel {

Result<MapShape> shape_of(int fd) {
  bpf_map_info info{};
  __u32 length = sizeof info;
  if (::bpf_obj_get_info_by_fd(fd, &info, &length) != 0) return fail_errno(errno, "map info");
  return MapShape{info.type, info.key_size, info.value_size, info.max_entries, info.map_flags};
}

namespace {

// The description against what the kernel says of the maps.
Result<> check_shapes(const Maps& maps) {
  for (const auto& [name, fd] : maps.fds) {
    const auto layout = maps.schema.elements.find(name);
    if (layout == maps.schema.elements.end()) continue;  // counters, layout: no structs
    const auto shape = shape_of(fd.get());
    if (!shape) return tl::unexpected(shape.error());
    const bool keyed =
        name != "frontends" || shape->key_size == maps.schema.of("frontends_key").size;
    const bool run = name == "slots" || name == "slot_info";
    if (keyed && (run ? shape->value_size % layout->second.size == 0
                      : shape->value_size == layout->second.size)) {
      continue;
    }
    return fail(Errc::incompatible, "pinned map '" + name + "' is not as its set describes it");
  }
  return {};
}

}  // namespace

namespace {

Result<Fd> open_map(const std::string& path, bool read_only) {
  LIBBPF_OPTS(bpf_obj_get_opts, options,
              .file_flags = read_only ? static_cast<__u32>(BPF_F_RDONLY) : 0u);
  Fd fd(::bpf_obj_get_opts(path.c_str(), &options));
  if (!fd && errno == ENOENT) return fail(Errc::incompatible, path + " is not there");
  if (!fd) return fail_errno(errno, "open pinned map " + path);
  return fd;
}

bool is_storage(const std::string& name) {
  return std::find(storages().begin(), storages().end(), name) != storages().end();
}

}  // namespace

// The description first: it says which storages there are.
Result<Maps> open_pinned(const Pins& pins, const std::string& directory, bool read_only) {
  Maps maps;
  auto layout = open_map(pins.map(directory, "layout"), read_only);
  if (!layout && layout.error().code == Errc::incompatible) {
    return fail(Errc::incompatible,
                "the maps in " + directory + " do not say how they are laid out");
  }
  if (!layout) return tl::unexpected(layout.error());
  auto schema = read_schema(layout->get());
  if (!schema) return tl::unexpected(schema.error());
  maps.schema = std::move(*schema);
  maps.fds.emplace("layout", std::move(*layout));
  for (const auto* names : {&set_maps(), &shared_maps()}) {
    for (const std::string& name : *names) {
      if (maps.has(name) || (is_storage(name) && !maps.schema.elements.contains(name))) continue;
      auto fd = open_map(pins.map(directory, name), read_only);
      if (!fd) return tl::unexpected(fd.error());
      maps.fds.emplace(name, std::move(*fd));
    }
  }
  if (auto good = check_shapes(maps); !good) return tl::unexpected(good.error());
  return maps;
}

Result<Schema> read_schema(int layout_map) {
  const auto shape = shape_of(layout_map);
  if (!shape) return tl::unexpected(shape.error());
  std::string text((shape->value_size + 7) / 8 * 8, '\0');
  const __u32 key = 0;
  if (::bpf_map_lookup_elem(layout_map, &key, text.data()) != 0) {
    return fail_errno(errno, "read map 'layout'");
  }
  return parse_schema(text);
}

namespace {

// How many of the schema's elements an array holds: an element of the array may hold several.
std::uint32_t count_of(const Maps& maps, const char* name) {
  const auto shape = shape_of(maps.fd(name));
  if (!shape) return 0;
  return shape->max_entries * (shape->value_size / maps.schema.of(name).size);
}

}  // namespace

Capacity capacity_of(const Maps& maps) {
  Capacity capacity;
  for (const MapRow& row : kSetMaps) {
    if (row.room) capacity.*row.room = count_of(maps, row.name);
  }
  return capacity;
}

namespace {

bool all_zero(const std::string& bytes, std::size_t size) {
  return size == 0 ||
         (bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, size - 1) == 0);
}

// Arrays come in keys' order, many elements a system call. What lies behind the last element in use
// is not kept: a set has room for many times what it holds.
Result<std::string> read_array(int fd, const std::string& name) {
  const auto shape = shape_of(fd);
  if (!shape) return tl::unexpected(shape.error());
  const std::size_t stride = (shape->value_size + 7) / 8 * 8;  // as the kernel copies elements
  if (stride != shape->value_size) {
    return fail(Errc::incompatible, "map '" + name + "' has elements of no whole words");
  }
  constexpr __u32 kBatch = 16384;
  std::string bytes, batch(stride * kBatch, '\0');
  std::vector<__u32> keys(kBatch);
  __u32 cursor = 0;
  std::size_t done = 0;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  while (done < shape->max_entries) {
    __u32 count = std::min<__u32>(kBatch, shape->max_entries - static_cast<__u32>(done));
    const int status = ::bpf_map_lookup_batch(fd, done ? &cursor : nullptr, &cursor, keys.data(),
                                              batch.data(), &count, &options);
    if (status != 0 && errno != ENOENT) return fail_errno(errno, "read map '" + name + "'");
    if (!all_zero(batch, count * stride)) {
      bytes.resize(done * stride, '\0');
      bytes.append(batch, 0, count * stride);
    }
    done += count;
    if (status != 0 || count == 0) break;
  }
  return bytes;
}

// To this program's layout, up to the last element that is not zero.
template <class T>
std::vector<T> elements(const std::string& name, const Schema& from, const std::string& bytes) {
  const ElementLayout& theirs = from.of(name);
  std::size_t end = bytes.find_last_not_of('\0');
  end = end == std::string::npos ? 0 : end / theirs.size + 1;
  std::vector<T> result(end);
  convert(theirs, bytes.data(), own_schema().of(name), reinterpret_cast<char*>(result.data()), end);
  return result;
}

Result<FrontendMap> read_frontends(int fd, const Schema& schema) {
  FrontendMap result;
  constexpr __u32 kBatch = 4096;
  const ElementLayout &key_layout = schema.of("frontends_key"),
                      &word_layout = schema.of("frontends");
  std::string keys(std::size_t{kBatch} * key_layout.size, '\0');
  std::string words(std::size_t{kBatch} * word_layout.size, '\0');
  std::vector<hf_frontend_key> own_keys(kBatch);
  std::vector<__u32> own_words(kBatch);
  std::string cursor(std::max<std::size_t>(key_layout.size, 8), '\0');
  bool first = true;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  for (;;) {
    __u32 count = kBatch;
    const int status = ::bpf_map_lookup_batch(fd, first ? nullptr : cursor.data(), cursor.data(),
                                              keys.data(), words.data(), &count, &options);
    if (status != 0 && errno != ENOENT) return fail_errno(errno, "read map 'frontends'");
    convert(key_layout, keys.data(), own_schema().of("frontends_key"),
            reinterpret_cast<char*>(own_keys.data()), count);
    convert(word_layout, words.data(), own_schema().of("frontends"),
            reinterpret_cast<char*>(own_words.data()), count);
    for (__u32 one = 0; one < count; ++one) result[own_keys[one]] = own_words[one];
    if (status != 0) return result;
    first = false;
  }
}

template <class T>
Result<> read_map(const Maps& maps, const char* name, std::vector<T>& into) {
  auto bytes = read_array(maps.fd(name), name);
  if (!bytes) return tl::unexpected(bytes.error());
  into = elements<T>(name, maps.schema, *bytes);
  return {};
}

Result<> read_map(const Maps& maps, const char* name, FrontendMap& into) {
  auto frontends = read_frontends(maps.fd(name), maps.schema);
  if (!frontends) return tl::unexpected(frontends.error());
  into = std::move(*frontends);
  return {};
}

Result<> read_map(const Maps& maps, const char* name, std::string& cells) {
  auto bytes = read_array(maps.fd(name), name);
  if (!bytes) return tl::unexpected(bytes.error());
  cells = std::move(*bytes);
  const std::size_t used = cells.find_last_not_of('\0');
  cells.resize(used == std::string::npos ? 0 : (used / HF_STRING_CELL + 1) * HF_STRING_CELL);
  cells.shrink_to_fit();
  return {};
}

Result<> read_map(const Maps& maps, const char* name, hf_meta& into) {
  std::vector<hf_meta> meta;
  auto read = read_map(maps, name, meta);
  if (!meta.empty()) into = meta[0];
  return read;
}

}  // namespace

Result<Image> read_image(const Maps& maps) {
  Image image;
  Result<> all;
  const auto read = [&](const char* name, auto& member) {
    if (all) all = read_map(maps, name, member);
  };
  for_each_map(read, image);
  if (!all) return tl::unexpected(all.error());
  if (layout1::has_tails_in_policies(maps.schema)) layout1::move_tails(image);
  return image;
}

Result<Image> read_evidence(const Maps& maps) {
  Image image;
  for (const Result<>& read :
       {read_map(maps, "endpoints", image.endpoints), read_map(maps, "endpoint_stats", image.stats),
        read_map(maps, "endpoint_names", image.endpoint_names)}) {
    if (!read) return tl::unexpected(read.error());
  }
  return image;
}

Result<std::vector<CounterValue>> read_counters(const Maps& maps) {
  std::vector<__u64> per_cpu(static_cast<std::size_t>(::libbpf_num_possible_cpus()));
  std::vector<CounterValue> result;
  for (__u32 id = 0; id < maps.schema.counters.size(); ++id) {
    if (::bpf_map_lookup_elem(maps.fd("counters"), &id, per_cpu.data()) != 0) {
      return fail_errno(errno, "read map 'counters'");
    }
    std::uint64_t sum = 0;
    for (const __u64 value : per_cpu) sum += value;
    result.push_back({maps.schema.counters[id], sum});
  }
  return result;
}

Result<Mappings> Mappings::map(const Maps& maps) {
  Mappings mappings;
  for (const MapRow& row : kSetMaps) {
    if (row.kind != MapKind::array) continue;  // a hash: system calls only
    const std::string name = row.name;
    const auto shape = shape_of(maps.fd(name));
    if (!shape) return tl::unexpected(shape.error());
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t size =
        (std::size_t{shape->value_size} * shape->max_entries + page - 1) / page * page;
    void* area = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, maps.fd(name), 0);
    if (area == MAP_FAILED) return fail_errno(errno, "mmap map '" + name + "'");
    mappings.areas_[name] = {area, size};
  }
  return mappings;
}

Mappings::Mappings(Mappings&& other) noexcept : areas_(std::move(other.areas_)) {
  other.areas_.clear();
}

Mappings::~Mappings() {
  for (const auto& [name, area] : areas_) ::munmap(area.first, area.second);
}

}  // namespace holdfast::kernel
