// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/strings.h"

namespace holdfast {

std::uint32_t StringHeap::cells_of(const std::string& text) {
  return static_cast<std::uint32_t>((text.size() + HF_STRING_CELL - 1) / HF_STRING_CELL);
}

std::optional<hf_string_ref> StringHeap::take(const std::string& text, std::vector<Op>& put) {
  const auto length = static_cast<std::uint32_t>(text.size());
  if (text.empty()) return hf_string_ref{0, 0};
  if (const auto known = entries_.find(text); known != entries_.end()) {
    ++known->second.references;
    return hf_string_ref{known->second.cell, length};
  }
  const auto cell = cells_.allocate(cells_of(text));
  if (!cell) return std::nullopt;
  entries_[text] = {*cell, 1};
  put.push_back(op::PutString{*cell, text});
  return hf_string_ref{*cell, length};
}

void StringHeap::drop(const std::string& text) {
  const auto known = entries_.find(text);
  if (known == entries_.end() || --known->second.references != 0) return;
  cells_.free(known->second.cell, cells_of(text));
  entries_.erase(known);
}

bool StringHeap::adopt(hf_string_ref ref, const std::string& text) {
  if (ref.length == 0) return true;
  if (text.size() != ref.length) return false;
  if (const auto known = entries_.find(text); known != entries_.end()) {
    if (known->second.cell != ref.cell) return false;
    ++known->second.references;
    return true;
  }
  if (!cells_.reserve(ref.cell, cells_of(text))) return false;
  entries_[text] = {ref.cell, 1};
  return true;
}

}  // namespace holdfast
