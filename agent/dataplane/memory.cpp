// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/memory.h"

#include <algorithm>

#include "agent/dataplane/apply.h"

namespace holdfast {

Result<> MemoryDataplane::apply(const Diff& diff) {
  for (const Op& operation : diff.ops) {
    if (const auto* insert = std::get_if<op::InsertFrontend>(&operation)) {
      if (image_.frontends.size() >= capacity_.frontends &&
          !image_.frontends.contains(insert->key)) {
        return fail(Errc::exhausted, "map 'frontends' is full");
      }
    }
    apply_to(image_, operation);
    if (watcher_) watcher_(operation, image_);
  }
  return {};
}

Result<Image> MemoryDataplane::observe(Part part, std::uint32_t first, std::uint32_t count) {
  Image image;
  const auto cut = [&](const auto& from, auto& into, std::size_t unit = 1) {
    const std::size_t begin = std::min(from.size(), first * unit);
    const std::size_t end = std::min(from.size(), (std::size_t{first} + count) * unit);
    into.assign(from.begin() + static_cast<std::ptrdiff_t>(begin),
                from.begin() + static_cast<std::ptrdiff_t>(end));
  };
  if (part == Part::strings) cut(image_.strings, image.strings, HF_STRING_CELL);
  if (part == Part::service_names) cut(image_.service_names, image.service_names);
  if (part == Part::pool_names) cut(image_.pool_names, image.pool_names);
  if (part == Part::pools) cut(image_.pools, image.pools);
  if (part == Part::meta) image.meta = image_.meta;
  if (part == Part::endpoints) {
    cut(image_.endpoints, image.endpoints);
    cut(image_.endpoint_names, image.endpoint_names);
  }
  if (part == Part::slots) {
    cut(image_.slots, image.slots);
    cut(image_.slot_info, image.slot_info);
  }
  return image;
}

// Small pages, so that tests turn many.
Result<FrontendPage> MemoryDataplane::frontends(const std::string& cursor) {
  constexpr std::size_t kPage = 2;
  const std::size_t first = cursor.empty() ? 0 : std::stoul(cursor);
  FrontendPage page;
  std::size_t at = 0;
  for (const auto& one : image_.frontends) {
    if (at >= first && at < first + kPage) page.frontends.emplace_back(one);
    ++at;
  }
  page.cursor = std::to_string(first + kPage);
  page.last = first + kPage >= at;
  return page;
}

Result<std::optional<std::uint32_t>> MemoryDataplane::frontend(const hf_frontend_key& key) {
  const auto found = image_.frontends.find(key);
  if (found == image_.frontends.end()) return std::nullopt;
  return found->second;
}

class MemoryDataplane::Larger : public Growth {
 public:
  Larger(MemoryDataplane& maps, const Capacity& room) : maps_(maps), room_(room) {}

  Result<Image> run() override {
    image_ = maps_.image_;
    carry_stats(image_, image_);
    image_.stats = begin_stats(image_);
    return image_;
  }
  void finish() override {
    maps_.image_ = std::move(image_);
    maps_.capacity_ = room_;
    ++maps_.set_;
  }

 private:
  MemoryDataplane& maps_;
  Capacity room_;
  Image image_;
};

std::unique_ptr<Growth> MemoryDataplane::growth(const Capacity& room) {
  return std::make_unique<Larger>(*this, room);
}

Result<hf_endpoint_stats> MemoryDataplane::stats(std::uint32_t endpoint) {
  if (endpoint >= capacity_.endpoints) return fail(Errc::invalid, "endpoint id out of range");
  return endpoint < image_.stats.size() ? image_.stats[endpoint] : hf_endpoint_stats{};
}

Result<std::vector<std::uint32_t>> MemoryDataplane::live(
    const std::vector<EndpointHandle>& endpoints) {
  std::vector<std::uint32_t> sockets;
  for (const EndpointHandle& one : endpoints) {
    if (one.id >= image_.stats.size() || one.id >= image_.endpoint_names.size())
      return fail(Errc::invalid, "endpoint id out of range");
    const hf_endpoint_stats& now = image_.stats[one.id];
    const hf_endpoint_name& base = image_.endpoint_names[one.id];
    const auto lost = lost_.find(one.id);
    sockets.push_back((now.connects - base.base_connects) - (now.closes - base.base_closes) -
                      (lost == lost_.end() ? 0 : lost->second));
  }
  return sockets;
}

bool FaultyDataplane::strikes() {
  state_ ^= state_ << 13;  // xorshift32: the same faults for the same seed, on every machine
  state_ ^= state_ >> 17;
  state_ ^= state_ << 5;
  if (state_ % 100 >= percent_) return false;
  ++faults_;
  return true;
}

Result<Image> FaultyDataplane::observe() {
  if (strikes()) return fail(Errc::unavailable, "observe: a fault on purpose");
  return inner_.observe();
}

Result<Image> FaultyDataplane::observe(Part part, std::uint32_t first, std::uint32_t count) {
  if (strikes()) return fail(Errc::unavailable, "observe: a fault on purpose");
  return inner_.observe(part, first, count);
}

Result<FrontendPage> FaultyDataplane::frontends(const std::string& cursor) {
  if (strikes()) return fail(Errc::unavailable, "frontends: a fault on purpose");
  return inner_.frontends(cursor);
}

std::unique_ptr<Growth> FaultyDataplane::growth(const Capacity& room) {
  if (strikes()) return std::make_unique<FailedGrowth>("a fault on purpose");
  return inner_.growth(room);
}

Result<std::vector<std::uint32_t>> FaultyDataplane::live(
    const std::vector<EndpointHandle>& endpoints) {
  if (strikes()) return fail(Errc::unavailable, "live: a fault on purpose");
  return inner_.live(endpoints);
}

Result<> FaultyDataplane::apply(const Diff& diff) {
  for (const Op& operation : diff.ops) {
    if (strikes()) return fail(Errc::unavailable, "a fault on purpose, before the operation");
    if (auto applied = inner_.apply(Diff{{operation}}); !applied) return applied;
    if (strikes()) return fail(Errc::unavailable, "a fault on purpose, after the operation");
  }
  return {};
}

}  // namespace holdfast
