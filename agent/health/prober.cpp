// SPDX-License-Identifier: Apache-2.0
#include "agent/health/prober.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

namespace holdfast {
namespace {

using std::chrono::steady_clock;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Address to_socket(const ProbeTarget& target) {
  Address result;
  if (target.address.is_v4()) {
    auto* const v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = net_port(target.port);
    std::memcpy(&v4->sin_addr, target.address.bytes.data() + 12, 4);
    result.size = sizeof *v4;
  } else {
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = net_port(target.port);
    std::memcpy(&v6->sin6_addr, target.address.bytes.data(), 16);
    result.size = sizeof *v6;
  }
  return result;
}

std::function<double()> chance() {
  // A fixed seed would make all nodes probe in step.
  return [engine = std::minstd_rand(std::random_device{}())]() mutable {
    return std::uniform_real_distribution<double>(0, 1)(engine);
  };
}

// What a packet that came back says: not what connect() returns at once, which is this node's own
// trouble. EACCES: ICMPv6, administratively prohibited.
bool unreachable(int error) {
  return error == EHOSTUNREACH || error == ENETUNREACH || error == EACCES;
}

// To an address of this host the source is the address itself: no network was needed.
bool to_itself(int fd, const ProbeTarget& target) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (::getsockname(fd, address, &size) != 0) return false;
  IpAddress own = target.address;
  if (storage.ss_family == AF_INET) {
    std::memcpy(own.bytes.data() + 12, &reinterpret_cast<sockaddr_in*>(&storage)->sin_addr, 4);
  } else {
    std::memcpy(own.bytes.data(), &reinterpret_cast<sockaddr_in6*>(&storage)->sin6_addr, 16);
  }
  return own == target.address;
}

ProbeOutcome failed(int error) {
  return {ProbeOutcome::Kind::failed, error, {}};
}

}  // namespace

struct Prober::Probe {
  Probe(boost::asio::io_context& loop, int fd, const ProbeTarget& at)
      : socket(loop, fd), timer(loop), target(at), started(steady_clock::now()) {}

  boost::asio::posix::stream_descriptor socket;
  boost::asio::steady_timer timer;
  ProbeTarget target;
  TimePoint started;
};

Prober::Prober(boost::asio::io_context& loop, ProbeSettings settings, Prepare prepare,
               Report report, std::string own_node)
    : loop_(loop),
      timeout_(settings.timeout),
      prepare_(std::move(prepare)),
      report_(std::move(report)),
      schedule_(settings, chance(), std::move(own_node)),
      timer_(loop) {}

Prober::~Prober() {
  stop();
}

void Prober::set_targets(const std::vector<ProbeTarget>& targets) {
  if (stopped_) return;
  schedule_.set_targets(targets, steady_clock::now());
  run();
}

void Prober::set_controls(const std::vector<ProbeTarget>& outside) {
  schedule_.set_controls(outside);
}

void Prober::doubt_network() {
  schedule_.doubt_network();
  run();
}

void Prober::stop() {
  stopped_ = true;
  timer_.cancel();
  boost::system::error_code ignored;
  for (const auto& probe : std::exchange(probes_, {})) {
    probe->timer.cancel();
    probe->socket.close(ignored);
  }
}

void Prober::run() {
  if (stopped_) return;
  for (const ProbeTarget& target : schedule_.take(steady_clock::now())) send(target);
  tell_reach();
  const auto next = schedule_.next(steady_clock::now());
  if (!next) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(*next);
  timer_.async_wait([this, alive = watch()](const boost::system::error_code& error) {
    if (!error && !alive.expired()) run();
  });
}

void Prober::tell_reach() {
  const std::array now{schedule_.reach(true).state, schedule_.reach(false).state};
  if (std::exchange(told_, now) != now && changed_) changed_();
}

void Prober::send(const ProbeTarget& target) {
  const bool tcp = target.protocol == Protocol::tcp;
  const Address address = to_socket(target);
  const int fd = ::socket(address.storage.ss_family,
                          (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return conclude(target, failed(errno));
  const auto probe = std::make_shared<Probe>(loop_, fd, target);
  if (prepare_ && !prepare_(fd)) return conclude(target, failed(EPERM));
  const int connected =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  int error = connected == 0 ? 0 : errno;
  if (!tcp && error == 0 && ::send(fd, nullptr, 0, MSG_NOSIGNAL) < 0) error = errno;
  // On the spot only loopback refuses; that there is no route is this node's own trouble.
  if (error == ECONNREFUSED) {
    return conclude(target, {ProbeOutcome::Kind::refused, error, {}, to_itself(fd, target)});
  }
  if (error != 0 && error != EINPROGRESS) return conclude(target, failed(error));
  probes_.insert(probe);
  probe->timer.expires_after(timeout_);
  probe->timer.async_wait(
      [this, probe, alive = watch()](const boost::system::error_code& cancelled) {
        if (!cancelled && !alive.expired()) finish(probe, {ProbeOutcome::Kind::silent, 0, {}});
      });
  using Wait = boost::asio::posix::stream_descriptor::wait_type;
  probe->socket.async_wait(
      tcp ? Wait::wait_write : Wait::wait_read,
      [this, probe, alive = watch()](const boost::system::error_code& cancelled) {
        if (!cancelled && !alive.expired()) ready(probe);
      });
}

void Prober::ready(const std::shared_ptr<Probe>& probe) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(probe->socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - probe->started);
  const bool local = to_itself(probe->socket.native_handle(), probe->target);
  if (error == ECONNREFUSED)
    return finish(probe, {ProbeOutcome::Kind::refused, error, took, local});
  if (unreachable(error)) return finish(probe, {ProbeOutcome::Kind::unreachable, error, took});
  if (error == ETIMEDOUT) return finish(probe, {ProbeOutcome::Kind::silent, error, took});
  if (error != 0) return finish(probe, failed(error));
  const bool tcp = probe->target.protocol == Protocol::tcp;
  finish(probe, {tcp ? ProbeOutcome::Kind::answered : ProbeOutcome::Kind::replied, 0, took, local});
}

void Prober::finish(const std::shared_ptr<Probe>& probe, const ProbeOutcome& outcome) {
  if (probes_.erase(probe) == 0) return;  // ended already
  boost::system::error_code ignored;
  probe->timer.cancel();
  probe->socket.close(ignored);
  conclude(probe->target, outcome);
}

// Later, not from within: a report may change the targets while they are being taken.
void Prober::conclude(const ProbeTarget& target, const ProbeOutcome& outcome) {
  boost::asio::post(loop_, [this, alive = watch(), target, outcome] {
    if (alive.expired() || stopped_) return;
    const auto finding = schedule_.finish(target, outcome, steady_clock::now());
    if (finding) report_(*finding);
    run();
  });
}

}  // namespace holdfast
