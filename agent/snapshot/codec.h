// SPDX-License-Identifier: Apache-2.0
// Bounded reading and writing of little-endian values. Private to agent/snapshot.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "agent/model/service.h"

namespace holdfast::snapshot {

// Between this machine's order and little-endian, either way.
template <class T>
T little(T value) {
  static_assert(std::is_integral_v<T>);
  if constexpr (std::endian::native == std::endian::little) return value;
  auto bits = static_cast<std::uint64_t>(value);
  std::uint64_t turned = 0;
  for (std::size_t byte = 0; byte < sizeof(T); ++byte, bits >>= 8)
    turned = turned << 8 | (bits & 0xff);
  return static_cast<T>(turned);
}

// Texts are written once, in a table, and named by number. Refers to the texts it was given.
class TextNumbers {
 public:
  std::uint32_t of(std::string_view text);
  std::uint32_t of(const Text& text);  // by where it is interned, without a look at its bytes
  std::string table() const;           // count; length and bytes of each

 private:
  std::vector<std::string_view> table_;
  std::unordered_map<std::string_view, std::uint32_t> known_;
  std::unordered_map<const std::string*, std::uint32_t> interned_;
};

class Writer {
 public:
  explicit Writer(TextNumbers& texts) : texts_(texts) {}

  template <class T>
  void number(T value) {
    const T bytes = little(value);
    raw(&bytes, sizeof bytes);
  }
  void raw(const void* data, std::size_t size) {
    bytes_.append(static_cast<const char*>(data), size);
  }
  template <class String>
  void text(const String& value) {
    number(texts_.of(value));
  }
  // Preceded by its length, so that an older reader skips the end it does not know.
  template <class Work>
  void record(Work work) {
    const std::size_t at = bytes_.size();
    number(std::uint32_t{0});
    work();
    const auto length =
        little(static_cast<std::uint32_t>(bytes_.size() - at - sizeof(std::uint32_t)));
    std::memcpy(bytes_.data() + at, &length, sizeof length);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  TextNumbers& texts_;
  std::string bytes_;
};

// The table of texts of a file; each is interned once, however many endpoints name it.
class Texts {
 public:
  void add(std::string_view text) { table_.push_back(text); }
  bool knows(std::uint32_t number) const { return number < table_.size(); }
  std::string_view plain(std::uint32_t number) const { return table_[number]; }
  const Text& interned(std::uint32_t number);

 private:
  std::vector<std::string_view> table_;
  std::vector<std::optional<Text>> interned_;
};

// Once a read goes past the end, every further one gives zero and good() is false.
class Reader {
 public:
  Reader(std::string_view bytes, Texts& texts) : bytes_(bytes), texts_(&texts) {}

  template <class T>
  T number() {
    T value{};
    raw(&value, sizeof value);
    return little(value);
  }
  void raw(void* data, std::size_t size) {
    if (!has(size)) return;
    std::memcpy(data, bytes_.data(), size);
    bytes_.remove_prefix(size);
  }
  std::string text();
  Text interned();
  std::string_view bytes(std::size_t size);
  // The next bytes, for a reader of their own; an empty one when there are not so many.
  Reader part(std::size_t size) { return {bytes(size), *texts_}; }
  // A count of elements of at least `least` bytes each: never more than the bytes left can hold.
  std::uint32_t count(std::size_t least);
  void require(bool condition) { good_ = good_ && condition; }
  bool good() const { return good_; }
  bool at_end() const { return bytes_.empty(); }
  std::size_t left() const { return bytes_.size(); }

 private:
  bool has(std::size_t size) {
    require(size <= bytes_.size());
    return good_;
  }

  std::string_view bytes_;
  Texts* texts_;
  bool good_ = true;
};

// The table as TextNumbers::table() writes it; false: it does not parse.
bool read_texts(Reader& reader, Texts& texts);

}  // namespace holdfast::snapshot
