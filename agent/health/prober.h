// SPDX-License-Identifier: Apache-2.0
// Probes held endpoints: a TCP handshake, or an empty UDP datagram. The sockets around
// ProbeSchedule. Lives on the daemon's one loop; blocks nothing; every socket is its own.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/health/probes.h"
#include "agent/health/schedule.h"
#include "agent/health/settings.h"

namespace holdfast {

class Prober : public Probes {
 public:
  // Called with each new socket before it connects (the agent's own sockets bypass the hook);
  // false: the probe is not made.
  using Prepare = std::function<bool(int fd)>;
  using Report = std::function<void(const Evidence&)>;

  Prober(boost::asio::io_context& loop, ProbeSettings settings, Prepare prepare, Report report,
         std::string own_node = "");
  ~Prober() override;
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  void set_targets(const std::vector<ProbeTarget>& targets) override;
  void set_controls(const std::vector<ProbeTarget>& outside) override;
  void doubt_network() override;
  Reach reach(bool v4) const override { return schedule_.reach(v4); }
  // Called when what reach() says has changed.
  void on_reach(std::function<void()> changed) { changed_ = std::move(changed); }
  void stop();  // no report comes after it

 private:
  struct Probe;

  void run();
  void send(const ProbeTarget& target);
  void ready(const std::shared_ptr<Probe>& probe);
  void finish(const std::shared_ptr<Probe>& probe, const ProbeOutcome& outcome);
  void conclude(const ProbeTarget& target, const ProbeOutcome& outcome);
  void tell_reach();

  boost::asio::io_context& loop_;
  std::chrono::milliseconds timeout_;
  Prepare prepare_;
  Report report_;
  std::function<void()> changed_;
  std::array<Reach::State, 2> told_{};
  ProbeSchedule schedule_;
  boost::asio::steady_timer timer_;
  std::set<std::shared_ptr<Probe>> probes_;
  bool stopped_ = false;
  // What is queued on the loop may outlive the prober.
  std::weak_ptr<int> watch() const { return alive_; }
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace holdfast
