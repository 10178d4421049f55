// SPDX-License-Identifier: Apache-2.0
// Bounded reading and writing of little-endian values. Private to agent/snapshot.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

namespace holdfast::snapshot {

// Texts are written once, in a table, and named by number.
class Writer {
 public:
  template <class T>
  void number(T value) {
    static_assert(std::is_integral_v<T>);
    auto bits = static_cast<std::uint64_t>(value);
    for (std::size_t byte = 0; byte < sizeof(T); ++byte, bits >>= 8) {
      bytes_.push_back(static_cast<char>(bits & 0xff));
    }
  }
  void raw(const void* data, std::size_t size) {
    bytes_.append(static_cast<const char*>(data), size);
  }
  void text(const std::string& value);
  std::string finish();  // the table, then what was written

 private:
  std::string bytes_;
  std::vector<std::string> table_;
  std::unordered_map<std::string, std::uint32_t> known_;
};

// Once a read goes past the end, every further one gives zero and good() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes);

  template <class T>
  T number() {
    std::uint64_t bits = 0;
    if (!has(sizeof(T))) return T{};
    for (std::size_t byte = sizeof(T); byte-- > 0;) {
      bits = bits << 8 | static_cast<unsigned char>(bytes_[byte]);
    }
    bytes_.remove_prefix(sizeof(T));
    return static_cast<T>(bits);
  }
  void raw(void* data, std::size_t size);
  std::string text();
  // A count of elements of at least `least` bytes each: never more than the bytes left can hold.
  std::uint32_t count(std::size_t least);
  // One byte that must be one of `known`, as an enumerator or a flag is.
  template <class T>
  T one_of(std::initializer_list<T> known) {
    // Compared as a number: T may not be able to hold another value.
    const auto value = number<std::uint8_t>();
    for (const T one : known) {
      if (static_cast<std::uint8_t>(one) == value) return one;
    }
    good_ = false;
    return *known.begin();
  }
  bool good() const { return good_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  bool has(std::size_t size);

  std::string_view bytes_;
  std::vector<std::string_view> table_;
  bool good_ = true;
};

}  // namespace holdfast::snapshot
