// SPDX-License-Identifier: Apache-2.0
// The real maps under the real reconciler: read back, mended, refused, taken over under load.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include "tests/kernel/dataplane/host.h"

namespace holdfast::kernel_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(KernelHost, BothFamiliesReachTheirEndpoints) {
  for (const char* address : {"127.0.0.2", "127.0.0.3", "::1"}) serve(address);
  live();
  Endpoint loopback6 = build::endpoint("::1");
  ASSERT_TRUE(say({song({"127.0.0.2", "127.0.0.3"}),
                   build::service("image", {build::pool({"fd96::1"}, {loopback6})})}));
  std::set<std::string> seen;
  for (int dials = 0; dials < 200 && seen.size() < 2; ++dials) seen.insert(reached("10.96.0.1"));
  EXPECT_THAT(seen, testing::ElementsAre("127.0.0.2", "127.0.0.3"));
  EXPECT_EQ(reached("fd96::1"), "::1");
}

TEST_F(KernelHost, AnEmptyServiceRefusesAndARemovedOnePasses) {
  live();
  ASSERT_TRUE(say({song({})}));
  EXPECT_EQ(reached("10.96.0.1"), "ECONNREFUSED");
  ASSERT_TRUE(reconciler_->apply({++number_, {{{"default", "song"}, nullptr, "file"}}}));
  EXPECT_EQ(reached("10.96.0.1"), "ENETUNREACH") << "as without us";
}

TEST_F(KernelHost, ReadBackEqualsWhatWasPlanned) {
  live();
  ASSERT_TRUE(say({song({"127.0.0.2", "127.0.0.3"}),
                   build::service("image", {"10.96.0.2", "fd96::2"}, {"127.0.0.4"})}));
  EXPECT_THAT(*reconciler_->differences(), IsEmpty());
  EXPECT_EQ(*reconciler_->verify(), 0u);
  auto reader = PinnedReader::open(root_);
  ASSERT_TRUE(reader);
  EXPECT_THAT(compare(*dataplane_->observe(), *reader->image()), IsEmpty());
  die();
  EXPECT_EQ(services_of(*reader->image()).size(), 2u) << "the CLI reads on with the daemon dead";
}

// By system call on the pinned maps, as bpftool or a bug of another product would.
class Vandal : public KernelHost {
 protected:
  void SetUp() override {
    KernelHost::SetUp();
    if (IsSkipped()) return;
    serve("127.0.0.2");
    live();
    ASSERT_TRUE(say({song({"127.0.0.2"})}));
  }
  template <class Value>
  void flip(const char* map, __u32 key, std::size_t byte) {
    const Fd fd = pinned(root_ + "/current/" + map);
    Value value{};
    ASSERT_EQ(::bpf_map_lookup_elem(fd.get(), &key, &value), 0);
    reinterpret_cast<unsigned char*>(&value)[byte] ^= 0x41;
    ASSERT_EQ(::bpf_map_update_elem(fd.get(), &key, &value, BPF_ANY), 0);
  }
  void mends() {
    EXPECT_NE(reconciler_->differences()->size(), 0u);
    const auto mended = reconciler_->verify();
    ASSERT_TRUE(mended) << mended.error().what;
    EXPECT_GE(*mended, 1u);
    EXPECT_THAT(*reconciler_->differences(), IsEmpty());
    EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
  }
};

TEST_F(Vandal, ADeletedFrontendIsPutBack) {
  const Fd fd = pinned(root_ + "/current/frontends");
  hf_frontend_key key{};
  ASSERT_EQ(::bpf_map_get_next_key(fd.get(), nullptr, &key), 0);
  ASSERT_EQ(::bpf_map_delete_elem(fd.get(), &key), 0);
  EXPECT_EQ(reached("10.96.0.1"), "ENETUNREACH");
  mends();
}

TEST_F(Vandal, AnEndpointThatPointsElsewhereIsPutRight) {
  flip<hf_endpoint>("endpoints", 1, 15);
  EXPECT_NE(reached("10.96.0.1"), "127.0.0.2");
  mends();
}

TEST_F(Vandal, APoolWordIsPutRight) {
  flip<hf_pool>("pools", 1, 0);
  mends();
}

TEST_F(Vandal, ASlotIsPutRight) {
  flip<hf_slot_line>("slots", 0, sizeof(__u32));
  mends();
}

TEST_F(Vandal, NamesAreToo) {
  flip<hf_service_name>("service_names", 1, 8);
  flip<hf_endpoint_name>("endpoint_names", 1, 3);
  flip<hf_string_cell>("strings", 1, 0);
  mends();
}

TEST_F(KernelHost, AnOwnSocketPassesByTheService) {
  serve("127.0.0.2");
  live();
  ASSERT_TRUE(say({song({"127.0.0.2"})}));
  const Fd own = tcp_socket(AF_INET), other = tcp_socket(AF_INET);
  ASSERT_TRUE(dataplane_->bypass(own.get()));
  EXPECT_EQ(dial(own, "10.96.0.1", 80), ENETUNREACH);
  EXPECT_EQ(dial(other, "10.96.0.1", 80), 0);
  EXPECT_FALSE(dataplane_->bypass(-1));
}

TEST_F(KernelHost, AServiceLargerThanTheMapsWaitsAndTheRestServes) {
  serve("127.0.0.2");
  serve("127.0.0.3");
  live();
  ASSERT_TRUE(say({song({"127.0.0.2"})}));
  std::vector<std::string> many;
  for (int last = 1; last < 200; ++last) many.push_back("10.1.0." + std::to_string(last));
  ASSERT_TRUE(say({build::service("huge", {"10.96.0.9"}, many), song({"127.0.0.3"})}));
  const auto unfit = reconciler_->status().unfit;
  ASSERT_EQ(unfit.size(), 1u);
  EXPECT_EQ(unfit[0].key.name, "huge");
  EXPECT_THAT(unfit[0].lacking, HasSubstr("map 'endpoints' is full"));
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.3");
  EXPECT_EQ(reached("10.96.0.9"), "ENETUNREACH");
  EXPECT_EQ(*reconciler_->verify(), 0u);
  ASSERT_TRUE(say({build::service("huge", {"10.96.0.9"}, {"127.0.0.2"})}));
  EXPECT_EQ(reached("10.96.0.9"), "127.0.0.2");
  EXPECT_THAT(reconciler_->status().unfit, IsEmpty());
}

// Room for four endpoints, all in use, all replaced at once: nobody is refused meanwhile, and the
// connections of those that had to give way go on.
TEST_F(KernelHost, EndpointsThatGiveWayForLackOfRoomKeepTheirConnections) {
  for (int last = 2; last < 10; ++last) serve("127.0.0." + std::to_string(last));
  capacity_.endpoints = 5;
  live();
  ASSERT_TRUE(say({song({"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"})}));
  std::vector<Fd> open, accepted;
  for (int dials = 0; dials < 40; ++dials) {
    open.push_back(tcp_socket(AF_INET));
    ASSERT_EQ(dial(open.back(), "10.96.0.1", 80), 0);
    for (const Fd& listener : listeners_) {
      Fd peer(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (peer) accepted.push_back(std::move(peer));
    }
  }
  std::atomic<bool> ended = false;
  std::atomic<std::uint64_t> dialled = 0, failed = 0;
  std::thread load([&] {
    for (; !ended; ++dialled) failed += reached("10.96.0.1").starts_with("E");
  });
  const auto said = say({song({"127.0.0.6", "127.0.0.7", "127.0.0.8", "127.0.0.9"})});
  ended = true;
  load.join();
  ASSERT_TRUE(said);
  EXPECT_THAT(reconciler_->status().unfit, IsEmpty());
  EXPECT_GT(reconciler_->status().forced, 0u);
  EXPECT_GT(dialled, 0u);
  EXPECT_EQ(failed, 0u);
  std::set<std::string> seen;
  for (int dials = 0; dials < 400 && seen.size() < 4; ++dials) seen.insert(reached("10.96.0.1"));
  EXPECT_THAT(seen, testing::ElementsAre("127.0.0.6", "127.0.0.7", "127.0.0.8", "127.0.0.9"));
  open.clear();
  ::usleep(50'000);
  for (const EndpointTotals& one : endpoints_of(*dataplane_->observe()))
    EXPECT_EQ(one.in_flight, 0u) << one.endpoint.address.to_string();
}

// By stores into the elements, whatever their number.
TEST_F(KernelHost, AddressesMoveToAnotherService) {
  serve("127.0.0.2");
  serve("127.0.0.3");
  capacity_.frontends = 1024;
  live();
  std::vector<std::string> addresses;
  for (int last = 1; last <= 200; ++last) addresses.push_back("10.96.1." + std::to_string(last));
  ASSERT_TRUE(say({build::service("old", addresses, {"127.0.0.2"})}));
  const auto moved = build::service("new", addresses, {"127.0.0.3"});
  ASSERT_TRUE(reconciler_->apply(
      {++number_, {{moved->key, moved, "file"}, {{"default", "old"}, nullptr, "file"}}}));
  for (const std::string& address : addresses) EXPECT_EQ(reached(address), "127.0.0.3");
  EXPECT_EQ(*reconciler_->verify(), 0u);
}

TEST_F(KernelHost, AnIdIsReusedOnlyWhenItsConnectionHasEnded) {
  serve("127.0.0.2");
  live();
  ASSERT_TRUE(say({song({"127.0.0.2"})}));
  Fd alive = tcp_socket(AF_INET);
  ASSERT_EQ(dial(alive, "10.96.0.1", 80), 0);
  ASSERT_TRUE(say({song({})}));
  ASSERT_TRUE(reconciler_->collect());
  EXPECT_TRUE(reconciler_->draining());
  EXPECT_EQ(peer_of(alive), (Peer{"10.96.0.1", 80})) << "its handle still means the same";
  alive.reset();
  for (int tries = 0; tries < 500 && reconciler_->draining(); ++tries) {
    ASSERT_TRUE(reconciler_->collect());
    ::usleep(10'000);
  }
  EXPECT_FALSE(reconciler_->draining());
}

// No connect may fail because a daemon ended, took over, or changed an endpoint meanwhile; with the
// links removed in between, the same counter must see failures.
class TakeOver : public KernelHost {
 protected:
  struct Count {
    std::uint64_t dialled = 0, failed = 0;
  };
  Count lives(int rounds, bool remove_links) {
    for (const char* address : {"127.0.0.2", "127.0.0.3"}) serve(address);
    live();
    EXPECT_TRUE(say({song({"127.0.0.2"})}));
    std::atomic<bool> stop{false};
    Count count;
    // The listeners' queues are long enough for all of it; the connections are reset at once.
    std::thread client([&] {
      while (!stop) {
        const Fd socket = tcp_socket(AF_INET);
        ++count.dialled;
        count.failed += dial(socket, "10.96.0.1", 80) != 0;
        drain();
      }
    });
    for (int round = 0; round < rounds; ++round) {
      die();
      if (remove_links) {
        EXPECT_TRUE(uninstall(root_, false));
      }
      ::usleep(5'000);
      live();
      EXPECT_TRUE(say({song({round % 2 ? "127.0.0.2" : "127.0.0.3"})}));
    }
    stop = true;
    client.join();
    return count;
  }
  void drain() {
    for (const Fd& listener : listeners_)
      Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  }
};

TEST_F(TakeOver, FailsNoConnect) {
  const Count count = lives(20, false);
  std::cout << "figure: 20 take-overs, " << count.dialled << " connects, " << count.failed
            << " failed\n";
  EXPECT_GT(count.dialled, 100u);
  EXPECT_EQ(count.failed, 0u);
}

TEST_F(TakeOver, SabotageADaemonThatRemovesItsLinksIsSeen) {
  EXPECT_GT(lives(5, true).failed, 0u);
}

// Where membarrier waits for nothing (one CPU), or is refused, the map-in-map is taken.
TEST_F(KernelHost, BothGraceModesServeAndAreShown) {
  serve("127.0.0.2");
  live();
  ASSERT_TRUE(say({song({"127.0.0.2"})}));
  const __u32 chosen = dataplane_->observe()->meta.grace_mode;
  die();
  const std::string one = bpffs_->path() + "-online";
  std::ofstream(one) << "0\n";  // what sysconf counts, in our mount namespace alone
  const char* file = "/sys/devices/system/cpu/online";
  ASSERT_EQ(::mount(one.c_str(), file, nullptr, MS_BIND, nullptr), 0);
  if (::sysconf(_SC_NPROCESSORS_ONLN) != 1) GTEST_SKIP() << "sysconf does not count from " << file;
  live();
  EXPECT_EQ(dataplane_->observe()->meta.grace_mode, static_cast<__u32>(HF_GRACE_MAP_IN_MAP));
  EXPECT_TRUE(say({song({})}));
  EXPECT_TRUE(say({song({"127.0.0.2"})}));
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
  EXPECT_EQ(dataplane_->grace_mode(), HF_GRACE_MAP_IN_MAP);
  die();
  ASSERT_EQ(::umount(file), 0);
  ::unlink(one.c_str());
  live();
  EXPECT_EQ(dataplane_->observe()->meta.grace_mode, chosen);
  // In the middle of a life, as when processors are taken offline.
  std::ofstream(one) << "0\n";
  ASSERT_EQ(::mount(one.c_str(), file, nullptr, MS_BIND, nullptr), 0);
  EXPECT_TRUE(say({song({})}));
  EXPECT_EQ(dataplane_->grace_mode(), HF_GRACE_MAP_IN_MAP);
  EXPECT_TRUE(say({song({"127.0.0.2"})}));
  EXPECT_EQ(reached("10.96.0.1"), "127.0.0.2");
  ASSERT_EQ(::umount(file), 0);
  ::unlink(one.c_str());
}

}  // namespace
}  // namespace holdfast::kernel_test
