// SPDX-License-Identifier: Apache-2.0
#include "agent/app/daemon.h"

#include <fmt/format.h>

#include <csignal>
#include <utility>

#include "agent/app/log.h"
#include "agent/app/notify.h"
#include "agent/dataplane/kernel/kernel.h"
#include "agent/dataplane/map_table.h"
#include "agent/sources/source.h"
#include "agent/sources/surroundings.h"

namespace holdfast {

using namespace std::chrono_literals;

namespace {

constexpr auto kPatience = 2s;  // of whoever waits for us to have begun

}  // namespace

Daemon::Daemon(boost::asio::io_context& loop, Config config)
    : loop_(loop),
      config_(std::move(config)),
      timers_(loop),
      snapshots_(loop, timers_, config_.state_dir, config_.node_name,
                 [this] { return pipeline_.snapshot(); }),
      // A socket that cannot be marked is probed all the same: endpoints are no frontends.
      prober_(
          loop, config_.probe,
          [this](int fd) {
            if (Hooks* const hooks = pipeline_.serving().hooks()) (void)hooks->bypass(fd);
            return true;
          },
          [this](const Evidence& found) { pipeline_.health().learn(found); }, config_.node_name),
      pipeline_(timers_, prober_,
                {config_.node_name,
                 {config_.capacity_services, config_.capacity_endpoints},
                 config_.probe.enabled,
                 config_.node_zone},
                surroundings()),
      routes_(pipeline_, timers_, [this]() -> const SnapshotFacts& { return snapshots_.facts(); }),
      admin_(loop, [this](const admin::Request& request) { return routes_.answer(request); }),
      signals_(loop, SIGTERM, SIGINT),
      watchdog_timer_(timers_.timer()),
      waiters_timer_(timers_.timer()) {}

Daemon::~Daemon() = default;

Pipeline::Surroundings Daemon::surroundings() {
  return {.open = [this](const Capacity& wanted,
                         const Capacity& limit) { return open_kernel(wanted, limit); },
          .maps_exist = [this] { return PinnedReader::open(config_.bpffs).has_value(); },
          .keep = [this](bool complete) { snapshots_.changed(complete); },
          .attached =
              [] {
                notify({"READY=1", "STATUS=serving"});
              },
          .failed = [this](const Error& error) { stop(error); },
          .beside = std::launch::async};
}

Result<OpenedDataplane> Daemon::open_kernel(const Capacity& wanted, const Capacity& limit) const {
  auto opened = KernelDataplane::open({config_.cgroup, config_.bpffs, wanted, limit});
  if (!opened) return tl::unexpected(opened.error());
  const std::shared_ptr<KernelDataplane> kernel = std::move(*opened);
  return OpenedDataplane{kernel, kernel};
}

MapsRoom Daemon::maps_room() const {
  const auto maps = pipeline_.serving().maps();
  if (!maps) return {};
  const Capacity room = maps->capacity();
  return {room.services, room.endpoints, bytes_of(room)};
}

// Our own sockets never go through our own frontends (design.md 4.14).
void Daemon::add_sources() {
  const SourceSurroundings around{
      loop_, config_.node_name, [this](int fd) { pipeline_.serving().bypass(fd); },
      std::make_shared<MemoryGate>(memory_of_this_process(), [this] { return maps_room(); })};
  for (const SourceConfig& source : config_.sources) {
    std::visit(
        [&](const auto& kind) {
          pipeline_.intake().add(source.name, kind.kKind, source.fallback,
                                 kind.make(source.name, around), config_.guard);
        },
        source.kind);
  }
}

Result<> Daemon::start() {
  auto loaded = snapshots_.start();
  if (!loaded) return tl::unexpected(loaded.error());
  add_sources();
  if (auto begun = pipeline_.start(std::move(*loaded), snapshots_.highest()); !begun) return begun;
  if (auto listening = listen(); !listening) return listening;
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (!error) on_signal(signal);
  });
  pipeline_.start_sources();
  prober_.on_reach([this] { pipeline_.health().report_reach(); });
  serve_notices();
  return {};
}

Result<> Daemon::listen() {
  if (auto bound = admin_.listen_unix(config_.admin_socket); !bound) return bound;
  if (config_.admin_listen.empty()) return {};
  return admin_.listen_tcp(config_.admin_listen);
}

// What systemd starts after us waits for a last known good, never for a first catalog: its control
// plane may be among those that wait. /readyz goes on saying what is missing.
void Daemon::serve_notices() {
  waiters_timer_->after(kPatience, [this] {
    if (!pipeline_.serving().attached()) notify({"READY=1", "STATUS=waiting for a first catalog"});
  });
  feed_watchdog();
}

void Daemon::feed_watchdog() {
  const auto period = watchdog_period();
  if (!period) return;
  notify({"WATCHDOG=1"});
  watchdog_timer_->after(*period, [this] { feed_watchdog(); });
}

void Daemon::on_signal(int signal) {
  log::info(fmt::format("signal {}: stopping; maps and links go on serving", signal));
  stop(std::nullopt);
}

void Daemon::stop(std::optional<Error> failure) {
  failure_ = std::move(failure);
  notify({"STOPPING=1"});
  pipeline_.stop();
  snapshots_.stop();
  prober_.stop();
  admin_.stop();
  loop_.stop();
}

}  // namespace holdfast
