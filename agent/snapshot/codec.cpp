// SPDX-License-Identifier: Apache-2.0
#include "agent/snapshot/codec.h"

namespace holdfast::snapshot {

std::uint32_t TextNumbers::of(std::string_view text) {
  const auto [known, fresh] = known_.emplace(text, static_cast<std::uint32_t>(table_.size()));
  if (fresh) table_.push_back(text);
  return known->second;
}

std::uint32_t TextNumbers::of(const Text& text) {
  const std::string& value = text.get();
  const auto known = interned_.find(&value);
  if (known != interned_.end()) return known->second;
  return interned_[&value] = of(std::string_view(value));
}

std::string TextNumbers::table() const {
  TextNumbers none;
  Writer writer(none);
  writer.number(static_cast<std::uint32_t>(table_.size()));
  for (const std::string_view text : table_) {
    writer.number(static_cast<std::uint32_t>(text.size()));
    writer.raw(text.data(), text.size());
  }
  return writer.bytes();
}

const Text& Texts::interned(std::uint32_t number) {
  if (interned_.size() < table_.size()) interned_.resize(table_.size());
  auto& text = interned_[number];
  if (!text) text.emplace(table_[number]);
  return *text;
}

std::string Reader::text() {
  const auto index = number<std::uint32_t>();
  require(texts_->knows(index));
  return good_ ? std::string(texts_->plain(index)) : std::string();
}

Text Reader::interned() {
  const auto index = number<std::uint32_t>();
  require(texts_->knows(index));
  return good_ ? texts_->interned(index) : Text();
}

std::string_view Reader::bytes(std::size_t size) {
  if (!has(size)) return {};
  const std::string_view part = bytes_.substr(0, size);
  bytes_.remove_prefix(size);
  return part;
}

std::uint32_t Reader::count(std::size_t least) {
  const auto value = number<std::uint32_t>();
  require(value <= bytes_.size() / least);
  return good_ ? value : 0;
}

bool read_texts(Reader& reader, Texts& texts) {
  for (std::uint32_t left = reader.count(sizeof(std::uint32_t)); left > 0 && reader.good();
       --left) {
    const auto length = reader.number<std::uint32_t>();
    texts.add(reader.bytes(length));
  }
  return reader.good();
}

}  // namespace holdfast::snapshot
