// SPDX-License-Identifier: Apache-2.0
#include "agent/reconcile/readback.h"

#include <algorithm>

namespace holdfast {
namespace {

constexpr Part kParts[] = {Part::strings,   Part::service_names, Part::pool_names,
                           Part::endpoints, Part::slots,         Part::pools};

Diff put(const hf_frontend_key& key, std::uint32_t word, bool there) {
  if (there) return Diff{{op::UpdateFrontend{key, word}}};
  return Diff{{op::InsertFrontend{key, word}}};
}

void append(Diff& all, Diff one) {
  std::move(one.ops.begin(), one.ops.end(), std::back_inserter(all.ops));
}

}  // namespace

Readback::Readback(Dataplane& dataplane) : dataplane_(dataplane), set_(dataplane.set()) {}

void Readback::next_stage() {
  ++stage_;
  next_ = 0;
  cursor_.clear();
  buckets_ = 0;
}

std::uint32_t Readback::room() const {
  const Capacity room = dataplane_.capacity();
  const std::uint32_t of[] = {room.strings,   room.services, room.pools,
                              room.endpoints, room.slots,    room.pools};
  return of[stage_];
}

Result<Found> Readback::step(const Image& desired) {
  if (stage_ < kArrays) return array_step(desired);
  if (stage_ == kPages) return page_step(desired);
  if (stage_ == kMissing) return missing_step(desired);
  next_stage();
  auto part = dataplane_.observe(Part::meta, 0, 1);
  if (!part) return tl::unexpected(part.error());
  return compare_part(desired, *part, Part::meta, 0, 1);
}

Result<Found> Readback::array_step(const Image& desired) {
  const Part part = kParts[stage_];
  auto actual = dataplane_.observe(part, next_, kElements);
  if (!actual) return tl::unexpected(actual.error());
  Found found = compare_part(desired, *actual, part, next_, kElements);
  next_ += kElements;
  if (next_ >= room()) next_stage();
  return found;
}

// What is there and should not be, or be otherwise. Only deletes free an element of the hash, and
// they come last.
Result<Found> Readback::page_step(const Image& desired) {
  auto page = dataplane_.frontends(cursor_);
  if (!page) return tl::unexpected(page.error());
  Found found;
  Diff deletes;
  for (const auto& [key, word] : page->frontends) {
    const auto want = desired.frontends.find(key);
    if (want != desired.frontends.end() && want->second == word) continue;
    ++found.differences;
    if (want != desired.frontends.end()) {
      append(found.repair, put(key, want->second, true));
    } else {
      deletes.ops.emplace_back(op::DeleteFrontend{key});
    }
  }
  append(found.repair, std::move(deletes));
  if (found.differences) found.repair.ops.emplace_back(op::Grace{});
  cursor_ = std::move(page->cursor);
  if (page->last) next_stage();
  return found;
}

// What should be there and is not. The table of what is desired may be made anew in between, with
// other buckets: then from the beginning.
Result<Found> Readback::missing_step(const Image& desired) {
  const FrontendMap& table = desired.frontends;
  if (buckets_ != table.bucket_count()) next_ = 0;
  buckets_ = table.bucket_count();
  Found found;
  const std::size_t end = std::min<std::size_t>(buckets_, next_ + kElements / 4);
  for (; next_ < end; ++next_) {
    for (auto one = table.begin(next_); one != table.end(next_); ++one) {
      const auto word = dataplane_.frontend(one->first);
      if (!word) return tl::unexpected(word.error());
      if (*word == one->second) continue;
      ++found.differences;
      append(found.repair, put(one->first, one->second, word->has_value()));
    }
  }
  if (found.differences) found.repair.ops.emplace_back(op::Grace{});
  if (next_ >= buckets_) next_stage();
  return found;
}

}  // namespace holdfast
