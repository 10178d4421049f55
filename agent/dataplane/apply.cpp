// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/apply.h"

#include <algorithm>

namespace holdfast {
namespace {

template <class T>
T& at(std::vector<T>& elements, std::uint32_t id) {
  if (elements.size() <= id) elements.resize(id + 1);
  return elements[id];
}

struct Apply {
  Image& image;

  void operator()(const op::PutString& put) {
    const std::size_t first = std::size_t{put.cell} * HF_STRING_CELL;
    const std::size_t cells = (put.text.size() + HF_STRING_CELL - 1) / HF_STRING_CELL;
    const std::size_t end = first + cells * HF_STRING_CELL;
    if (image.strings.size() < end) image.strings.resize(end);
    std::fill(image.strings.begin() + static_cast<std::ptrdiff_t>(first),
              image.strings.begin() + static_cast<std::ptrdiff_t>(end), '\0');
    image.strings.replace(first, put.text.size(), put.text);
  }
  void operator()(const op::PutServiceName& put) { at(image.service_names, put.id) = put.value; }
  void operator()(const op::PutPoolName& put) { at(image.pool_names, put.id) = put.value; }
  void operator()(const op::PutEndpoint& put) {
    at(image.endpoints, put.id) = put.value;
    at(image.endpoint_names, put.id) = put.name;
  }
  void operator()(const op::PutEndpointName& put) { at(image.endpoint_names, put.id) = put.name; }
  void operator()(const op::RetireEndpoint& retire) {
    at(image.endpoints, retire.id).incarnation = 0;
  }
  void operator()(const op::PutSlots& put) {
    const std::size_t end = put.first + put.slots.size();
    if (image.slots.size() < end) image.slots.resize(end);
    if (image.slot_info.size() < end) image.slot_info.resize(end);
    std::copy(put.slots.begin(), put.slots.end(), image.slots.begin() + put.first);
    std::copy(put.infos.begin(), put.infos.end(), image.slot_info.begin() + put.first);
  }
  void operator()(const op::StorePool& store) { at(image.pools, store.id) = store.value; }
  void operator()(const op::InsertFrontend& insert) { image.frontends[insert.key] = insert.word; }
  void operator()(const op::UpdateFrontend& update) { image.frontends[update.key] = update.word; }
  void operator()(const op::DeleteFrontend& remove) { image.frontends.erase(remove.key); }
  void operator()(const op::Grace&) {}
  void operator()(const op::PutMeta& put) {
    image.meta.abi_version = HF_ABI_VERSION;
    image.meta.complete = put.complete;
    image.meta.generation = put.generation;
  }
};

}  // namespace

void apply_to(Image& image, const Op& operation) {
  std::visit(Apply{image}, operation);
}

}  // namespace holdfast
