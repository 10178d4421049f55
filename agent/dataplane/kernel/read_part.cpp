// SPDX-License-Identifier: Apache-2.0
// The maps read in parts, in this program's own layout: only what a daemon serves from is read so.
#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

#include "agent/dataplane/kernel/maps.h"

namespace holdfast::kernel {
namespace {

// Elements of the map, of `size` bytes each; several make one element of the array where the array
// comes in lines. The cursor of an array is the last key that was read.
Result<std::string> read_range(int fd, const char* name, std::size_t size, std::uint32_t first,
                               std::uint32_t count) {
  const auto shape = shape_of(fd);
  if (!shape) return tl::unexpected(shape.error());
  const auto in_line = static_cast<std::uint32_t>(shape->value_size / size);
  const std::uint32_t line = first / in_line;
  if (line >= shape->max_entries) return std::string();
  auto lines = static_cast<__u32>((std::uint64_t{first} + count + in_line - 1) / in_line - line);
  lines = std::min(lines, shape->max_entries - line);
  std::string bytes(std::size_t{lines} * shape->value_size, '\0');
  std::vector<__u32> keys(lines);
  __u32 before = line ? line - 1 : 0, cursor = 0;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  if (::bpf_map_lookup_batch(fd, line ? &before : nullptr, &cursor, keys.data(), bytes.data(),
                             &lines, &options) != 0 &&
      errno != ENOENT) {
    return fail_errno(errno, std::string("read map '") + name + "'");
  }
  bytes.resize(std::size_t{lines} * shape->value_size);
  bytes.erase(0, std::size_t{first - line * in_line} * size);
  bytes.resize(std::min(bytes.size(), std::size_t{count} * size));
  return bytes;
}

template <class T>
Result<> fill_range(const Maps& maps, const char* name, std::uint32_t first, std::uint32_t count,
                    std::vector<T>& into) {
  const auto bytes = read_range(maps.fd(name), name, sizeof(T), first, count);
  if (!bytes) return tl::unexpected(bytes.error());
  into.resize(bytes->size() / sizeof(T));
  std::copy(bytes->begin(), bytes->end(), reinterpret_cast<char*>(into.data()));
  return {};
}

Result<> fill_part(const Maps& maps, Part part, std::uint32_t first, std::uint32_t count,
                   Image& image) {
  const auto fill = [&](const char* name, auto& into) {
    return fill_range(maps, name, first, count, into);
  };
  switch (part) {
    case Part::service_names:
      return fill("service_names", image.service_names);
    case Part::pool_names:
      return fill("pool_names", image.pool_names);
    case Part::pools:
      return fill("pools", image.pools);
    case Part::endpoints:
      if (auto read = fill("endpoints", image.endpoints); !read) return read;
      return fill("endpoint_names", image.endpoint_names);
    case Part::slots:
      if (auto read = fill("slots", image.slots); !read) return read;
      return fill("slot_info", image.slot_info);
    case Part::meta: {
      std::vector<hf_meta> meta;
      auto read = fill("meta", meta);
      if (!meta.empty()) image.meta = meta[0];
      return read;
    }
    case Part::strings:
      break;
  }
  auto bytes = read_range(maps.fd("strings"), "strings", HF_STRING_CELL, first, count);
  if (!bytes) return tl::unexpected(bytes.error());
  image.strings = std::move(*bytes);
  return {};
}

}  // namespace

Result<Image> read_part(const Maps& maps, Part part, std::uint32_t first, std::uint32_t count) {
  Image image;
  if (auto read = fill_part(maps, part, first, count, image); !read)
    return tl::unexpected(read.error());
  return image;
}

Result<FrontendPage> read_page(const Maps& maps, const std::string& cursor) {
  constexpr __u32 kPage = 4096;
  std::vector<hf_frontend_key> keys(kPage);
  std::vector<__u32> words(kPage);
  FrontendPage page;
  page.cursor = cursor;
  page.cursor.resize(sizeof(hf_frontend_key));
  __u32 count = kPage;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  const int status =
      ::bpf_map_lookup_batch(maps.fd("frontends"), cursor.empty() ? nullptr : page.cursor.data(),
                             page.cursor.data(), keys.data(), words.data(), &count, &options);
  if (status != 0 && errno != ENOENT) return fail_errno(errno, "read map 'frontends'");
  page.last = status != 0;
  for (__u32 one = 0; one < count; ++one) page.frontends.emplace_back(keys[one], words[one]);
  return page;
}

Result<std::optional<std::uint32_t>> read_frontend(const Maps& maps, const hf_frontend_key& key) {
  std::uint32_t word = 0;
  if (::bpf_map_lookup_elem(maps.fd("frontends"), &key, &word) == 0) return word;
  if (errno == ENOENT) return std::nullopt;
  return fail_errno(errno, "read map 'frontends'");
}

}  // namespace holdfast::kernel
