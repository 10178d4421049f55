// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/objects.h"

#include <bpf/libbpf.h>

#include <algorithm>

#include "agent/dataplane/kernel/pins.h"
#include "holdfast/abi/pins.h"
#include "holdfast/abi/socket.h"
// clang-format off: the skeletons need the types
#include "objects.skel.h"
// clang-format on

namespace holdfast::kernel {
namespace {

// The layout of the states before, for the programs; or no such map at all, which the verifier
// allows, as it knows the branch dead. `tell` gets the set's description of an element.
template <class Tell>
Result<> choose_before(bpf_map* before, const char* storage, const ObjectSettings& settings,
                       const Tell& tell) {
  const auto& moving = settings.moving;
  if (std::find(moving.begin(), moving.end(), storage) == moving.end()) {
    const int status = bpf_map__set_autocreate(before, false);
    if (status == 0) return {};
    return fail_errno(-status, std::string("leave out the map before '") + storage + "'");
  }
  tell(settings.before->schema.of(storage));
  const int status = bpf_map__reuse_fd(before, settings.before->fd(storage));
  if (status == 0) return {};
  return fail_errno(-status, std::string("reuse map '") + storage + "' of the set before");
}

template <class Skeleton>
class Loadable : public Object {
 public:
  explicit Loadable(Skeleton* skeleton) : skeleton_(skeleton) {}
  ~Loadable() override { Skeleton::destroy(skeleton_); }
  Loadable(const Loadable&) = delete;
  Loadable& operator=(const Loadable&) = delete;

  bpf_object* get() const override { return skeleton_->obj; }
  int load() override { return Skeleton::load(skeleton_); }

  Result<> set(const ObjectSettings& settings) override {
#define HF_TELL(variable, value) \
  if constexpr (requires { skeleton_->rodata->variable; }) skeleton_->rodata->variable = value
    HF_TELL(hf_netns_cookie, settings.netns.cookie);
    HF_TELL(hf_netns_initial, settings.netns.cookie == 0 && settings.netns.initial);
    HF_TELL(hf_have_retval, settings.have_retval);
    HF_TELL(hf_have_mptcp, settings.have_mptcp);
#undef HF_TELL
    Result<> all;
#define HF_TELL_OFFSET(storage, type, field) \
  skeleton_->rodata->hf_offsets_##storage.field = theirs.find(#field)->offset;
#define HF_CHOOSE(unused, storage, before, value, fields)                           \
  if constexpr (requires { skeleton_->maps.before; }) {                             \
    const auto tell = [this](const ElementLayout& theirs) {                         \
      skeleton_->rodata->hf_moving_##storage = 1;                                   \
      fields(HF_TELL_OFFSET, storage)                                               \
    };                                                                              \
    if (all) all = choose_before(skeleton_->maps.before, #storage, settings, tell); \
  }
    HF_STORAGES(HF_CHOOSE, )
#undef HF_CHOOSE
#undef HF_TELL_OFFSET
    return all;
  }

 private:
  Skeleton* skeleton_;
};

template <class Skeleton>
std::unique_ptr<Object> open_object() {
  Skeleton* const skeleton = Skeleton::open();
  if (!skeleton) return nullptr;
  return std::make_unique<Loadable<Skeleton>>(skeleton);
}

}  // namespace

const std::vector<ObjectRow>& object_rows() {
#define HF_ROW(object, need) {#object, is_optional(#object), open_object<hf_##object##_bpf>},
  static const std::vector<ObjectRow> rows = {HF_OBJECTS(HF_ROW)};
#undef HF_ROW
  return rows;
}

}  // namespace holdfast::kernel
