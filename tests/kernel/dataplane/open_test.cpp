// SPDX-License-Identifier: Apache-2.0
// Making, taking over, refusing and removing: pins, links and locks.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "holdfast/abi/pins.h"
#include "holdfast/abi/socket.h"
#include "tests/kernel/dataplane/host.h"

namespace holdfast::kernel_test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(KernelHost, PinsEveryMapAndLinkOfTheLayout) {
  live();
#define SHARED(kind, name, ...) EXPECT_TRUE(fs::exists(root_ + "/shared/" #name)) << #name;
#define SET(kind, name, ...) EXPECT_TRUE(fs::exists(root_ + "/current/" #name)) << #name;
#define LINK(object, name, section) EXPECT_TRUE(fs::exists(root_ + "/links/" #name)) << #name;
  HF_SHARED_MAPS(SHARED)
  HF_SET_MAPS(SET)
  HF_PROGRAMS(LINK)
#undef SHARED
#undef SET
#undef LINK
  EXPECT_EQ(fs::read_symlink(root_ + "/current").string().substr(0, 4), "set_");
}

// A first start that finds more than it made room for.
TEST_F(KernelHost, ASetWithNothingInItGivesWayToALargerOne) {
  auto opened = KernelDataplane::open(options());
  ASSERT_TRUE(opened) << opened.error().what;
  dataplane_ = std::move(*opened);
  const Fd own = tcp_socket(AF_INET);
  ASSERT_TRUE(dataplane_->bypass(own.get()));
  Capacity more = dataplane_->capacity();
  more.endpoints *= 8;
  std::vector<std::string> steps;
  trial_.before_step = [&](const std::string& step) { steps.push_back(step); };
  const auto grown = dataplane_->grow(more);
  trial_.before_step = nullptr;
  ASSERT_TRUE(grown) << grown.error().what;
  EXPECT_EQ(dataplane_->set(), 2u);
  EXPECT_GE(dataplane_->capacity().endpoints, more.endpoints);
  EXPECT_THAT(steps, testing::Not(testing::Contains("fill"))) << "there is nothing to fill it with";
  for (const std::string& path : tree(root_)) EXPECT_THAT(path, testing::Not(HasSubstr("_1")));
  hf_socket state{};
  const int fd = own.get();
  ASSERT_EQ(::bpf_map_lookup_elem(pinned(root_ + "/shared/sockets").get(), &fd, &state), 0);
  EXPECT_EQ(state.flags, HF_SOCKET_BYPASS);
  die();
  serve("127.0.0.2");
  live();
  ASSERT_TRUE(say({song({"127.0.0.2"})}));
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
}

TEST_F(KernelHost, OpeningAttachesNothing) {
  auto opened = KernelDataplane::open(options());
  ASSERT_TRUE(opened) << opened.error().what;
  EXPECT_FALSE((*opened)->took_over());
  EXPECT_EQ(programs_attached(scratch_->cgroup()), 0u);
  for (const ProgramStatus& one : (*opened)->programs()) EXPECT_FALSE(one.attached) << one.name;
  ASSERT_TRUE((*opened)->attach());
  EXPECT_EQ(programs_attached(scratch_->cgroup()), 5u);
  for (const ProgramStatus& one : (*opened)->programs()) EXPECT_TRUE(one.attached) << one.name;
}

TEST_F(KernelHost, GoesOnServingWhenItEndsAndIsTakenOver) {
  serve("127.0.0.2");
  live();
  ASSERT_TRUE(say({song({"127.0.0.2"})}));
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
  const auto before = tree(root_);
  die();
  EXPECT_EQ(tree(root_), before);
  EXPECT_EQ(programs_attached(scratch_->cgroup()), 5u);
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2") << "with nobody there";
  live();
  EXPECT_TRUE(dataplane_->took_over());
  EXPECT_EQ(programs_attached(scratch_->cgroup()), 5u) << "switched, not added";
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
  EXPECT_EQ(reconciler_->found().meta.generation, 1u);
}

TEST_F(KernelHost, ATakeOverKeepsTheCapacityOfTheMaps) {
  live();
  const Capacity made = dataplane_->capacity();
  die();
  KernelOptions other = options();
  other.capacity.endpoints *= 2;
  const auto opened = KernelDataplane::open(other);
  ASSERT_TRUE(opened) << opened.error().what;
  EXPECT_EQ((*opened)->capacity(), made);
}

// What a start that was killed half-way leaves.
TEST_F(KernelHost, ASetThatWasNeverPublishedIsMadeAnew) {
  ASSERT_TRUE(KernelDataplane::open(options()));
  fs::remove(root_ + "/current");
  serve("127.0.0.2");
  live();
  ASSERT_TRUE(say({song({"127.0.0.2"})}));
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
}

TEST_F(KernelHost, ASecondOneIsRefusedByItsCgroupAndByItsBpffsDirectory) {
  serve("127.0.0.2");
  live();
  ASSERT_TRUE(say({song({"127.0.0.2"})}));
  KernelOptions same_cgroup = options();
  same_cgroup.bpffs = bpffs_->path() + "/second";
  KernelOptions same_directory = options();
  same_directory.cgroup = scratch_->cgroup() + "/child";
  ASSERT_EQ(::mkdir(same_directory.cgroup.c_str(), 0755), 0);
  for (const KernelOptions& second : {same_cgroup, same_directory, options()}) {
    const auto opened = KernelDataplane::open(second);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::exists);
    EXPECT_THAT(opened.error().what, HasSubstr("another holdfastd"));
  }
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
  EXPECT_FALSE(fs::exists(same_cgroup.bpffs)) << "refused before it made anything";
  die();
  EXPECT_TRUE(KernelDataplane::open(options())) << "the locks end with the holder";
  ASSERT_EQ(::rmdir(same_directory.cgroup.c_str()), 0);
}

TEST_F(KernelHost, MapsThatDoNotSayHowTheyAreLaidOutServeUntilOthersAreFilled) {
  serve("127.0.0.2");
  live();
  ASSERT_TRUE(say({song({"127.0.0.2"})}));
  die();
  const Fd layout = pinned(root_ + "/current/layout");
  const __u32 key = 0;
  hf_layout good{}, damaged{};
  ASSERT_EQ(::bpf_map_lookup_elem(layout.get(), &key, &good), 0);
  damaged = good;
  damaged.text[0] = '?';
  ASSERT_EQ(::bpf_map_update_elem(layout.get(), &key, &damaged, BPF_ANY), 0);
  {
    const auto opened = KernelDataplane::open(options());
    ASSERT_TRUE(opened) << opened.error().what;
    EXPECT_THAT((*opened)->unreadable(), HasSubstr("layout"));
    EXPECT_FALSE((*opened)->took_over());
    EXPECT_EQ((*opened)->set(), 2u);
    EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
  }
  // What was begun beside them is gone with the next start; they are as they were.
  ASSERT_EQ(::bpf_map_update_elem(layout.get(), &key, &good, BPF_ANY), 0);
  const auto opened = KernelDataplane::open(options());
  ASSERT_TRUE(opened);
  EXPECT_EQ((*opened)->unreadable(), "");
  EXPECT_EQ((*opened)->set(), 1u);
  EXPECT_FALSE(fs::exists(root_ + "/building_2"));
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
}

TEST_F(KernelHost, LinksAttachedToAnotherCgroupAreRefusedAndGoOnServing) {
  serve("127.0.0.2");
  live();
  ASSERT_TRUE(say({song({"127.0.0.2"})}));
  die();
  KernelOptions other = options();
  other.cgroup = scratch_->cgroup() + "/child";
  ASSERT_EQ(::mkdir(other.cgroup.c_str(), 0755), 0);
  const auto opened = KernelDataplane::open(other);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::incompatible);
  EXPECT_THAT(opened.error().what, HasSubstr("another cgroup"));
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
  ASSERT_EQ(::rmdir(other.cgroup.c_str()), 0);
}

TEST_F(KernelHost, WrongDirectoriesAreNamedWithWhatToDo) {
  KernelOptions no_bpffs = options(), no_cgroup = options(), missing = options();
  no_bpffs.bpffs = "/tmp/holdfast-is-not-here";
  no_cgroup.cgroup = "/tmp";
  missing.cgroup = scratch_->cgroup() + "/none";
  EXPECT_THAT(KernelDataplane::open(no_bpffs).error().what, HasSubstr("mount -t bpf"));
  EXPECT_THAT(KernelDataplane::open(no_cgroup).error().what, HasSubstr("not a cgroup2"));
  EXPECT_THAT(KernelDataplane::open(missing).error().what, HasSubstr(missing.cgroup));
  EXPECT_THAT(tree(bpffs_->path()), IsEmpty());
}

TEST_F(KernelHost, UninstallRemovesExactlyWhatIsOurs) {
  serve("127.0.0.2");
  live();
  ASSERT_TRUE(say({song({"127.0.0.2"})}));
  const std::string foreign = bpffs_->path() + "/another_product";
  ASSERT_EQ(::mkdir(foreign.c_str(), 0700), 0);
  const Fd map(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "another", 4, 4, 1, nullptr));
  ASSERT_EQ(::bpf_obj_pin(map.get(), (foreign + "/map").c_str()), 0);
  const auto refused = uninstall(root_, false);
  ASSERT_FALSE(refused) << "a daemon runs";
  EXPECT_EQ(refused.error().code, Errc::exists);
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
  die();
  const std::size_t pins = tree(root_).size();
  const auto removed = uninstall(root_, false);
  ASSERT_TRUE(removed) << removed.error().what;
  EXPECT_EQ(removed->size(), pins + 1) << "and the directory itself";
  EXPECT_THAT(tree(bpffs_->path()),
              testing::ElementsAre("/another_product", "/another_product/map"));
  EXPECT_EQ(programs_attached(scratch_->cgroup()), 0u);
  EXPECT_NE(reached("10.96.0.1"), "127.0.0.2");
  const auto again = uninstall(root_, false);
  ASSERT_TRUE(again);
  EXPECT_THAT(*again, IsEmpty());
}

TEST_F(KernelHost, UninstallLeavesWhatSomebodyElsePinnedAmongOurs) {
  live();
  die();
  const Fd map(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "another", 4, 4, 1, nullptr));
  ASSERT_EQ(::bpf_obj_pin(map.get(), (root_ + "/not_ours").c_str()), 0);
  const auto removed = uninstall(root_, false);
  ASSERT_FALSE(removed);
  EXPECT_THAT(removed.error().what, HasSubstr(root_));
  EXPECT_THAT(tree(root_), testing::ElementsAre("/not_ours"));
  ASSERT_EQ(::unlink((root_ + "/not_ours").c_str()), 0);
}

}  // namespace
}  // namespace holdfast::kernel_test
