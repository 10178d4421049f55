// SPDX-License-Identifier: Apache-2.0
// A diff as a table: a row a section, in the order they are applied. Private to agent/plan.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <vector>

#include "agent/base/memory.h"
#include "agent/dataplane/image.h"

namespace holdfast {

struct OrderRow {
  std::vector<Op>* section;
  bool grace = false;  // a grace period follows
};

// Behind what is in `ops`. The sections are empty afterwards: a first fill has millions of
// operations, and they are not in memory twice.
inline void append(std::vector<Op>& ops, std::initializer_list<OrderRow> rows) {
  std::size_t count = ops.size() + 2 * rows.size();  // and what the caller adds between
  for (const OrderRow& row : rows) count += row.section->size();
  ops.reserve(count);
  for (const OrderRow& row : rows) {
    std::move(row.section->begin(), row.section->end(), std::back_inserter(ops));
    release(*row.section);
    if (row.grace) ops.emplace_back(op::Grace{});
  }
}

}  // namespace holdfast
