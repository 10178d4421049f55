// SPDX-License-Identifier: Apache-2.0
// What others do to links, pins, cgroup and locks while they serve: seen, put back, and nothing
// attached twice.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "holdfast/abi/pins.h"
#include "tests/kernel/dataplane/host.h"
#include "tests/kernel/needs.h"

namespace holdfast::kernel_test {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<std::string> kPrograms = {
#define NAME(object, name, section) #name,
    HF_PROGRAMS(NAME)
#undef NAME
};

// "return 1", at connect4.
Fd harmless_program() {
  constexpr bpf_insn kPass[] = {{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1},
                                {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_CGROUP_INET4_CONNECT);
  return Fd(::bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "harmless", "GPL", kPass,
                            std::size(kPass), &options));
}

class Watch : public KernelHost {
 protected:
  void SetUp() override {
    KernelHost::SetUp();
    if (IsSkipped()) return;
    serve("127.0.0.2");
  }
  void go() {
    live();
    ASSERT_TRUE(say({song({"127.0.0.2"})}));
    ASSERT_EQ(reached("10.96.0.1"), "127.0.0.2");
    ASSERT_THAT(dataplane_->watch().faults, IsEmpty());
  }
  std::string link(const std::string& program) const { return root_ + "/links/" + program; }
  // All is as after an attach, once more looked at.
  void expect_whole(std::size_t attached = 5) {
    EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
    EXPECT_EQ(programs_attached(cgroup_), attached);
    for (const ProgramStatus& one : dataplane_->programs())
      EXPECT_TRUE(one.attached && one.pinned) << one.name;
    EXPECT_THAT(dataplane_->watch().faults, IsEmpty());
  }
  std::uint32_t in_flight() {
    const hf_endpoint_stats stats = *dataplane_->stats(1);
    const hf_endpoint_name base = dataplane_->observe()->endpoint_names[1];
    return (stats.connects - base.base_connects) - (stats.closes - base.base_closes);
  }
};

TEST_F(Watch, ADetachedLinkIsAttachedAgainBesideForeignPrograms) {
  go();
  const Fd program = harmless_program();
  const Fd directory(::open(cgroup_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const Fd foreign(
      ::bpf_link_create(program.get(), directory.get(), BPF_CGROUP_INET4_CONNECT, nullptr));
  ASSERT_TRUE(foreign);
  for (const std::string& name : kPrograms) {
    ASSERT_EQ(::bpf_link_detach(pinned(link(name)).get()), 0);
    for (const ProgramStatus& one : dataplane_->programs())
      EXPECT_EQ(one.attached, one.name != name) << one.name;
    const Watched seen = dataplane_->watch();
    EXPECT_THAT(seen.faults, testing::ElementsAre(name + " is not attached"));
    EXPECT_TRUE(seen.mended);
    expect_whole(6);
  }
}

// Sockets that close while no program runs at it: their ids drain until the sockets are counted,
// and no longer; one that is connected still keeps its own.
TEST_F(Watch, ClosesThatNobodySawKeepAnIdForTwoMinutesOnly) {
  HF_NEEDS_ITERATORS();
  serve("127.0.0.3");
  live();
  ASSERT_TRUE(say({song({"127.0.0.2", "127.0.0.3"})}));
  std::vector<Fd> open;
  for (int dials = 0; dials < 40; ++dials) {
    open.push_back(tcp_socket(AF_INET));
    ASSERT_EQ(dial(open.back(), "10.96.0.1", 80), 0);
  }
  ASSERT_TRUE(say({build::service("other", {"10.96.0.2"}, {"127.0.0.3"}), song({})}));
  ASSERT_EQ(::bpf_link_detach(pinned(link("hf_sock_release")).get()), 0);
  open.clear();
  ASSERT_TRUE(dataplane_->watch().mended);
  ASSERT_TRUE(reconciler_->collect());
  EXPECT_EQ(reconciler_->usage().draining, 1u);
  ASSERT_TRUE(reconciler_->recount());
  EXPECT_EQ(reconciler_->usage().draining, 1u);
  ASSERT_TRUE(reconciler_->recount());
  EXPECT_EQ(reconciler_->usage().draining, 0u);
  EXPECT_GT(reconciler_->status().lost_closes, 0u);
}

TEST_F(Watch, WhatIsConnectedIsCounted) {
  HF_NEEDS_ITERATORS();
  go();
  Fd open = tcp_socket(AF_INET);
  ASSERT_EQ(dial(open, "10.96.0.1", 80), 0);
  ASSERT_TRUE(say({song({})}));
  for (int minute = 0; minute < 3; ++minute) ASSERT_TRUE(reconciler_->recount());
  EXPECT_EQ(reconciler_->usage().draining, 1u);
  EXPECT_EQ(reconciler_->status().lost_closes, 0u);
  EXPECT_THAT(*dataplane_->live({{1, dataplane_->observe()->endpoints[1].incarnation}, {2, 1}}),
              testing::ElementsAre(1u, 0u));
  open = Fd();
  ASSERT_TRUE(reconciler_->collect());
  EXPECT_EQ(reconciler_->usage().draining, 0u);
}

TEST_F(Watch, ALinkWithoutItsPinServesOnAndIsPinnedAgain) {
  go();
  const auto before = tree(root_);
  for (const std::string& name : kPrograms) ASSERT_EQ(::unlink(link(name).c_str()), 0);
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
  EXPECT_EQ(programs_attached(cgroup_), 5u);
  const Watched seen = dataplane_->watch();
  EXPECT_EQ(seen.faults.size(), 5u);
  EXPECT_THAT(seen.faults, Contains("hf_connect4 is not pinned"));
  EXPECT_TRUE(seen.mended);
  expect_whole();
  EXPECT_EQ(tree(root_), before);
  die();
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2") << "with nobody there";
}

TEST_F(Watch, TheWholeDirectoryRemovedIsMadeAgainAndLocked) {
  go();
  const auto before = tree(root_);
  fs::remove_all(root_);
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
  EXPECT_TRUE(dataplane_->watch().mended);
  expect_whole();
  EXPECT_EQ(tree(root_), before);
  EXPECT_EQ(uninstall(root_, false).error().code, Errc::exists) << "the lock is of the new one";
  die();
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
  live();
  EXPECT_TRUE(dataplane_->took_over());
  expect_whole();
}

TEST_F(Watch, WithoutBpffsItServesAndPinsWhenItIsBack) {
  go();
  const auto before = tree(root_);
  ASSERT_EQ(::umount2(bpffs_->path().c_str(), MNT_DETACH), 0);
  for (int looks = 0; looks < 2; ++looks) {
    const Watched seen = dataplane_->watch();
    ASSERT_FALSE(seen.mended);
    EXPECT_THAT(seen.mended.error().what, HasSubstr("is not on bpffs"));
    EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
    EXPECT_EQ(programs_attached(cgroup_), 5u);
  }
  for (const ProgramStatus& one : dataplane_->programs()) {
    EXPECT_TRUE(one.attached) << one.name;
    EXPECT_FALSE(one.pinned) << one.name;
  }
  ASSERT_EQ(::mount("bpf", bpffs_->path().c_str(), "bpf", 0, nullptr), 0);
  EXPECT_TRUE(dataplane_->watch().mended);
  expect_whole();
  EXPECT_EQ(tree(root_), before);
}

TEST_F(Watch, ALinkThatRunsAnotherProgramIsGivenOursAgain) {
  go();
  ASSERT_EQ(::bpf_link_update(pinned(link("hf_connect4")).get(), harmless_program().get(), nullptr),
            0);
  EXPECT_EQ(reached("10.96.0.1"), "ENETUNREACH");
  EXPECT_THAT(dataplane_->watch().faults, Contains("hf_connect4 is not attached"));
  expect_whole();
}

TEST_F(Watch, ACgroupRemovedAndMadeAgainIsServedAgain) {
  cgroup_ += "/child";
  ASSERT_EQ(::mkdir(cgroup_.c_str(), 0755), 0);
  const auto enter = [](const std::string& cgroup) {
    std::ofstream(cgroup + "/cgroup.procs") << ::getpid();
  };
  enter(cgroup_);
  go();
  enter(scratch_->cgroup());
  listeners_.clear();  // their sockets are the cgroup's
  ASSERT_EQ(::rmdir(cgroup_.c_str()), 0);
  const Watched gone = dataplane_->watch();
  EXPECT_FALSE(gone.mended);
  EXPECT_THAT(gone.faults, Contains(HasSubstr(cgroup_)));
  for (const ProgramStatus& one : dataplane_->programs()) EXPECT_FALSE(one.attached) << one.name;
  ASSERT_EQ(::mkdir(cgroup_.c_str(), 0755), 0);
  EXPECT_TRUE(dataplane_->watch().mended);
  enter(cgroup_);
  serve("127.0.0.2");
  expect_whole();
  enter(scratch_->cgroup());
  listeners_.clear();
  die();
  ASSERT_TRUE(uninstall(root_, false));
  EXPECT_EQ(::rmdir(cgroup_.c_str()), 0);
}

TEST_F(Watch, WhatWasUninstalledByForceIsNotPutBack) {
  go();
  ASSERT_TRUE(uninstall(root_, true));
  const Watched seen = dataplane_->watch();
  EXPECT_THAT(seen.faults, Contains(HasSubstr("uninstalled")));
  EXPECT_FALSE(seen.mended);
  EXPECT_EQ(programs_attached(cgroup_), 0u);
  EXPECT_THAT(tree(bpffs_->path()), IsEmpty());
  for (const ProgramStatus& one : dataplane_->programs()) EXPECT_FALSE(one.attached) << one.name;
}

// --- a switch of sets that cannot go on, and cannot go back

TEST_F(Watch, AGrowthThatFailsHalfWayGoesBackWithWhatWasCountedMeanwhile) {
  go();
  Fd client = tcp_socket(AF_INET);
  ASSERT_EQ(dial(client, "10.96.0.1", 80), 0);
  EXPECT_EQ(in_flight(), 1u);
  const std::string last = link("hf_connect6");
  trial_.before_step = [&](const std::string& step) {
    if (step != "switch hf_connect6") return;
    client.reset();  // told to the new set's program
    ::unlink(last.c_str());
  };
  Capacity more = dataplane_->capacity();
  more.endpoints *= 2;
  EXPECT_FALSE(dataplane_->grow(more));
  trial_.before_step = nullptr;
  EXPECT_EQ(in_flight(), 0u);
  EXPECT_EQ(dataplane_->set(), 1u);
  for (const std::string& path : tree(root_)) EXPECT_THAT(path, testing::Not(HasSubstr("_2")));
  EXPECT_TRUE(dataplane_->watch().mended);
  expect_whole();
}

TEST_F(Watch, WhereItCannotGoBackTheNewSetIsNotWholeAndItsLinksAreSwitchedLater) {
  go();
  int switches = 0;
  trial_.before_step = [&](const std::string& step) {
    if (step == "switch hf_connect6") ::unlink(link("hf_connect6").c_str());
    if (step == "switch hf_sock_release" && ++switches == 2)
      ::unlink(link("hf_sock_release").c_str());
  };
  Capacity more = dataplane_->capacity();
  more.endpoints *= 2;
  EXPECT_FALSE(dataplane_->grow(more));
  trial_.before_step = nullptr;
  EXPECT_EQ(switches, 2);
  EXPECT_FALSE(fs::exists(root_ + "/set_2"));
  EXPECT_TRUE(dataplane_->watch().mended);
  expect_whole();
  Fd client = tcp_socket(AF_INET);
  ASSERT_EQ(dial(client, "10.96.0.1", 80), 0);
  const std::uint32_t with = in_flight();
  client.reset();
  EXPECT_EQ(in_flight(), with - 1) << "the close is counted in the set that serves";
  die();
  live();
  EXPECT_EQ(dataplane_->set(), 1u);
  expect_whole();
}

TEST_F(Watch, LinksWhoseMapsAreGoneServeUntilOthersAreFilled) {
  go();
  die();
  fs::remove_all(root_ + "/set_1");
  fs::remove(root_ + "/current");
  {
    const auto opened = KernelDataplane::open(options());
    ASSERT_TRUE(opened) << opened.error().what;
    EXPECT_THAT((*opened)->unreadable(), HasSubstr("maps are gone"));
    EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2") << "not over empty maps";
  }
  live();
  EXPECT_EQ(dataplane_->unreadable(), "");
  expect_whole();
}

// --- locks, and what else a start meets

TEST_F(Watch, ALockOfAProcessThatIsNoDaemonKeepsNobodyFromServing) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const int directory = ::open(cgroup_.c_str(), O_RDONLY | O_DIRECTORY);
    const bool locked = ::setresgid(65534, 65534, 65534) == 0 &&
                        ::setresuid(65534, 65534, 65534) == 0 && ::flock(directory, LOCK_EX) == 0;
    (void)!::write(ready[1], locked ? "y" : "n", 1);
    ::pause();
    ::_exit(0);
  }
  char locked = 0;
  ASSERT_EQ(::read(ready[0], &locked, 1), 1);
  ASSERT_EQ(locked, 'y');
  go();
  EXPECT_THAT(dataplane_->warnings(), Contains(HasSubstr("process " + std::to_string(child))));
  EXPECT_EQ(KernelDataplane::open(options()).error().code, Errc::exists) << "by the directory";
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  for (const int end : ready) ::close(end);
}

TEST_F(Watch, HostFrontendsThatCannotBeServedAreToldOf) {
  trial_.no_netns_cookie = true;  // and this is not the initial namespace
  go();
  EXPECT_THAT(dataplane_->warnings(), Contains(HasSubstr("NodePorts on loopback")));
  die();
  trial_.no_netns_cookie = false;
  go();
  EXPECT_THAT(dataplane_->warnings(), IsEmpty());
}

}  // namespace
}  // namespace holdfast::kernel_test
