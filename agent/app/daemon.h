// SPDX-License-Identifier: Apache-2.0
// The composition root: builds the parts, and joins them to the loop, the kernel, the state
// directory and the admin socket. One thread, beside which files are parsed and snapshots written.
// Its end, whatever the cause, leaves maps and links serving.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <optional>

#include "agent/admin/http.h"
#include "agent/app/loop_timers.h"
#include "agent/app/pipeline.h"
#include "agent/app/routes.h"
#include "agent/app/snapshots.h"
#include "agent/base/result.h"
#include "agent/config/config.h"
#include "agent/health/prober.h"
#include "agent/sources/memory_cost.h"

namespace holdfast {

class Daemon {
 public:
  Daemon(boost::asio::io_context& loop, Config config);
  ~Daemon();

  // Locks, maps, the last known good, sources, admin socket. An error leaves the kernel as it was.
  Result<> start();
  // The error that ended the loop, if it was not a signal.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  Pipeline::Surroundings surroundings();
  Result<OpenedDataplane> open_kernel(const Capacity& wanted, const Capacity& limit) const;
  MapsRoom maps_room() const;
  void add_sources();
  Result<> listen();
  void serve_notices();
  void feed_watchdog();
  void on_signal(int signal);
  void stop(std::optional<Error> failure);

  boost::asio::io_context& loop_;
  Config config_;
  LoopTimers timers_;
  Snapshots snapshots_;
  Prober prober_;
  Pipeline pipeline_;
  Routes routes_;
  admin::Server admin_;
  boost::asio::signal_set signals_;
  std::unique_ptr<Timer> watchdog_timer_, waiters_timer_;
  std::optional<Error> failure_;
};

}  // namespace holdfast
