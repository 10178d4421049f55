// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/strings.h"

namespace holdfast {

std::uint32_t StringHeap::cells_of(const std::string& text) {
  return static_cast<std::uint32_t>((text.size() + HF_STRING_CELL - 1) / HF_STRING_CELL);
}

void StringHeap::enter(const std::string& text, std::uint32_t cell) {
  by_cell_[cell] = &*entries_.emplace(text, Entry{cell, 1}).first;
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
  enter(text, *cell);
  put.push_back(op::PutString{*cell, text});
  return hf_string_ref{*cell, length};
}

void StringHeap::drop(hf_string_ref ref) {
  const auto known = by_cell_.find(ref.cell);
  if (ref.length == 0 || known == by_cell_.end()) return;
  const auto& text = known->second->first;
  if (text.size() != ref.length || --known->second->second.references != 0) return;
  cells_.free(ref.cell, cells_of(text));
  entries_.erase(entries_.find(text));
  by_cell_.erase(known);
}

void StringHeap::adopt(hf_string_ref ref, const std::string& text) {
  if (ref.length == 0 || text.size() != ref.length) return;
  if (const auto known = entries_.find(text); known != entries_.end()) {
    if (known->second.cell == ref.cell) ++known->second.references;
  } else if (cells_.reserve(ref.cell, cells_of(text))) {
    enter(text, ref.cell);
  }
}

}  // namespace holdfast
