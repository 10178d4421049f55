// SPDX-License-Identifier: Apache-2.0
#include "agent/snapshot/codec.h"

#include <cstring>

namespace holdfast::snapshot {

void Writer::text(const std::string& value) {
  const auto [known, fresh] = known_.emplace(value, static_cast<std::uint32_t>(table_.size()));
  if (fresh) table_.push_back(value);
  number(known->second);
}

std::string Writer::finish() {
  Writer head;
  head.number(static_cast<std::uint32_t>(table_.size()));
  for (const std::string& text : table_) {
    head.number(static_cast<std::uint32_t>(text.size()));
    head.raw(text.data(), text.size());
  }
  return head.bytes_ + bytes_;
}

Reader::Reader(std::string_view bytes) : bytes_(bytes) {
  const std::uint32_t texts = count(sizeof(std::uint32_t));
  for (std::uint32_t text = 0; text < texts && good_; ++text) {
    const auto length = number<std::uint32_t>();
    if (!has(length)) return;
    table_.push_back(bytes_.substr(0, length));
    bytes_.remove_prefix(length);
  }
}

bool Reader::has(std::size_t size) {
  good_ = good_ && size <= bytes_.size();
  return good_;
}

void Reader::raw(void* data, std::size_t size) {
  if (!has(size)) return;
  std::memcpy(data, bytes_.data(), size);
  bytes_.remove_prefix(size);
}

std::string Reader::text() {
  const auto index = number<std::uint32_t>();
  good_ = good_ && index < table_.size();
  return good_ ? std::string(table_[index]) : std::string();
}

std::uint32_t Reader::count(std::size_t least) {
  const auto value = number<std::uint32_t>();
  good_ = good_ && value <= bytes_.size() / least;
  return good_ ? value : 0;
}

}  // namespace holdfast::snapshot
