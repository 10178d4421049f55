// SPDX-License-Identifier: Apache-2.0
// The compiled object against the headers: what the daemon and the CLI take for granted when they
// open pinned maps. Opens the object only, so it needs no privilege.
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "holdfast/abi/counters.h"
#include "holdfast/abi/endpoint.h"
#include "holdfast/abi/frontend.h"
#include "holdfast/abi/names.h"
#include "holdfast/abi/pins.h"
#include "holdfast/abi/pool.h"
#include "holdfast/abi/socket.h"
#include "tcp.skel.h"

namespace {

constexpr std::size_t kLongestName = BPF_OBJ_NAME_LEN - 1;

struct Shape {
  bpf_map_type type;
  std::size_t key_size;
  std::size_t value_size;
  std::uint32_t flags;
};

// As the rows say what is of each kind.
constexpr bpf_map_type hash = BPF_MAP_TYPE_HASH, array = BPF_MAP_TYPE_ARRAY,
                       storage = BPF_MAP_TYPE_SK_STORAGE, per_cpu = BPF_MAP_TYPE_PERCPU_ARRAY;

std::uint32_t flags_of(bpf_map_type kind) {
  return kind == array ? BPF_F_MMAPABLE : kind == storage ? BPF_F_NO_PREALLOC : 0;
}

std::map<std::string, Shape> shapes() {
#define SHAPE(kind, name, key, value, room, member) \
  {#name, {kind, sizeof(key), sizeof(value), flags_of(kind)}},
  return {HF_SET_MAPS(SHAPE) HF_SHARED_MAPS(SHAPE) HF_MOVING_MAPS(SHAPE)};
#undef SHAPE
}

struct Object : testing::Test {
  void SetUp() override {
    skeleton.reset(hf_tcp_bpf__open());
    ASSERT_NE(skeleton, nullptr);
  }
  std::unique_ptr<hf_tcp_bpf, decltype(&hf_tcp_bpf__destroy)> skeleton{nullptr,
                                                                       &hf_tcp_bpf__destroy};
};

TEST_F(Object, MapsHaveTheShapesOfTheHeaders) {
  for (const auto& [name, shape] : shapes()) {
    SCOPED_TRACE(name);
    const bpf_map* map = bpf_object__find_map_by_name(skeleton->obj, name.c_str());
    ASSERT_NE(map, nullptr);
    EXPECT_EQ(bpf_map__type(map), shape.type);
    EXPECT_EQ(bpf_map__key_size(map), shape.key_size);
    EXPECT_EQ(bpf_map__value_size(map), shape.value_size);
    EXPECT_EQ(bpf_map__map_flags(map), shape.flags);
    EXPECT_LE(name.size(), kLongestName);
  }
}

// A map that is in the object but in no list would be neither sized, pinned nor read back.
TEST_F(Object, MapsAreTheOnesOfTheLayout) {
  std::set<std::string> listed, found;
#define NAME(kind, name, ...) listed.insert(#name);
  HF_SET_MAPS(NAME)
  HF_SHARED_MAPS(NAME)
  HF_MOVING_MAPS(NAME)
#undef NAME
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton->obj) {
    if (!bpf_map__is_internal(map)) found.insert(bpf_map__name(map));
  }
  EXPECT_EQ(found, listed);
  std::set<std::string> described;
  for (const auto& [name, shape] : shapes()) described.insert(name);
  EXPECT_EQ(described, listed);
}

TEST_F(Object, CountersHaveOneElementEach) {
  const bpf_map* map = bpf_object__find_map_by_name(skeleton->obj, "counters");
  ASSERT_NE(map, nullptr);
  EXPECT_EQ(bpf_map__max_entries(map), static_cast<std::uint32_t>(HF_COUNTER_NR));
}

TEST_F(Object, ProgramsAreTheOnesOfTheLayout) {
  std::map<std::string, std::string> listed, found;
#define PROGRAM(object, program, section) listed[#program] = section;
  HF_PROGRAMS(PROGRAM)
#undef PROGRAM
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) {
    found[bpf_program__name(program)] = bpf_program__section_name(program);
    EXPECT_LE(std::string(bpf_program__name(program)).size(), kLongestName);
  }
  EXPECT_EQ(found, listed);
}

TEST_F(Object, AttachTypesAreWhatTheSectionsSay) {
  const std::map<std::string, bpf_attach_type> wanted = {
      {"hf_sock_release", BPF_CGROUP_INET_SOCK_RELEASE},
      {"hf_getpeername4", BPF_CGROUP_INET4_GETPEERNAME},
      {"hf_getpeername6", BPF_CGROUP_INET6_GETPEERNAME},
      {"hf_connect4", BPF_CGROUP_INET4_CONNECT},
      {"hf_connect6", BPF_CGROUP_INET6_CONNECT}};
  for (const auto& [name, type] : wanted) {
    const bpf_program* program = bpf_object__find_program_by_name(skeleton->obj, name.c_str());
    ASSERT_NE(program, nullptr) << name;
    EXPECT_EQ(bpf_program__expected_attach_type(program), type) << name;
  }
}

// What reverses and settles a redirect is attached before what redirects.
TEST(Layout, ConnectIsAttachedLast) {
  std::vector<std::string> order;
#define PROGRAM(object, program, section) order.push_back(#program);
  HF_PROGRAMS(PROGRAM)
#undef PROGRAM
  ASSERT_EQ(order.size(), 5u);
  EXPECT_EQ(order[0], "hf_sock_release");
  EXPECT_EQ(order[3], "hf_connect4");
  EXPECT_EQ(order[4], "hf_connect6");
}

// No value needs the kernel's rounding up to eight bytes, so that
// an mmapped array is exactly an array of the struct.
TEST(Layout, ArrayValuesAreMultiplesOfEightBytes) {
  for (const auto& [name, shape] : shapes()) {
    if (shape.type != BPF_MAP_TYPE_ARRAY) continue;
    EXPECT_EQ(shape.value_size % 8, 0u) << name;
  }
}

TEST(Layout, CounterNamesAreUniqueAndUsableAsLabels) {
  std::set<std::string> names;
#define COUNTER(symbol, name, help)                                                                \
  EXPECT_TRUE(names.insert(name).second) << name;                                                  \
  EXPECT_EQ(std::string(name).find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos) \
      << name;
  HF_COUNTERS(COUNTER)
#undef COUNTER
  EXPECT_EQ(names.size(), static_cast<std::size_t>(HF_COUNTER_NR));
}

}  // namespace
