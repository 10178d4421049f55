// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/api/api_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstdlib>

#include "agent/sources/kubernetes/api/comparer.h"
#include "agent/sources/kubernetes/api/pulse.h"
#include "agent/sources/kubernetes/api/reflector.h"

namespace holdfast {

namespace asio = boost::asio;
using namespace kubernetes;
using std::chrono::steady_clock;

namespace {

CredentialsOrigin origin_of(const KubernetesSourceConfig& config) {
  CredentialsOrigin origin{config.kubeconfig};
  for (const char* name : {"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"}) {
    if (const char* value = std::getenv(name)) origin.environment[name] = value;
  }
  return origin;
}

}  // namespace

// Shared with the coroutines, which may outlive the source by a turn of the loop.
struct KubernetesSource::Core : std::enable_shared_from_this<Core> {
  Core(asio::io_context& on, std::string source, KubernetesSourceConfig settings, std::string node,
       net::HttpStream::Prepare prepare_socket)
      : loop(on),
        name(std::move(source)),
        config(std::move(settings)),
        node_name(std::move(node)),
        prepare(std::move(prepare_socket)),
        access(origin_of(config), config.servers),
        store(name, {node_name}) {}

  void start(Sink to);
  void flush(TimePoint received);
  void learn_route();
  void relist(Kind kind, std::string reason);

  asio::io_context& loop;
  std::string name;
  KubernetesSourceConfig config;
  std::string node_name;
  net::HttpStream::Prepare prepare;
  Access access;
  Store store;
  Sink sink;
  std::vector<std::shared_ptr<Reflector>> reflectors;
  std::shared_ptr<Comparer> comparer;
  std::shared_ptr<Pulse> pulse;
  bool stopped = false;
};

void KubernetesSource::Core::start(Sink to) {
  sink = std::move(to);
  const auto self = shared_from_this();
  // A coroutine's frame holds the core, so that what it refers to outlives it.
  const auto run = [this](auto what, std::shared_ptr<Core> core) {
    asio::co_spawn(
        loop, [what, core = std::move(core)]() -> asio::awaitable<void> { co_await what->run(); },
        asio::detached);
  };
  ReflectorSettings settings;
  settings.node_name = node_name;
  settings.silence = config.silence;
  for (const Kind kind : kKinds) {
    reflectors.push_back(std::make_shared<Reflector>(
        loop.get_executor(), kind, settings, access, store, prepare,
        [this](TimePoint received) { flush(received); }, [this] { comparer->soon(); },
        [this](TimePoint until) { pulse->watch(until); }));
    run(reflectors.back(), self);
  }
  pulse = std::make_shared<Pulse>(loop.get_executor(), access, prepare, [this] {
    for (const auto& reflector : reflectors) reflector->recovered();
  });
  run(pulse, self);
  ComparerSettings compare;
  compare.interval = config.compare_interval;
  comparer = std::make_shared<Comparer>(
      loop.get_executor(), compare, access, store, prepare,
      [this](TimePoint received) { flush(received); },
      [this](Kind kind, std::string reason) { relist(kind, std::move(reason)); });
  run(comparer, self);
}

void KubernetesSource::Core::relist(Kind kind, std::string reason) {
  reflectors[static_cast<std::size_t>(kind)]->relist(std::move(reason));
}

void KubernetesSource::Core::flush(TimePoint received) {
  if (stopped) return;
  auto update = store.take();
  if (!update) return;
  update->trigger_times = store.take_trigger_times();
  update->received = received;
  learn_route();
  sink(std::move(*update));
}

void KubernetesSource::Core::learn_route() {
  std::vector<net::Server> servers;
  for (const EndpointAddress& one : store.api_endpoints())
    servers.push_back({one.address.to_string(), one.port, true});
  access.route().learn(std::move(servers));
}

KubernetesSource::KubernetesSource(asio::io_context& loop, std::string name,
                                   KubernetesSourceConfig config, std::string node_name,
                                   net::HttpStream::Prepare prepare)
    : core_(std::make_shared<Core>(loop, std::move(name), std::move(config), std::move(node_name),
                                   std::move(prepare))) {}

KubernetesSource::~KubernetesSource() = default;

void KubernetesSource::start(Sink sink) {
  core_->start(std::move(sink));
}

void KubernetesSource::stop() {
  core_->stopped = true;
  for (const auto& reflector : core_->reflectors) reflector->stop();
  if (core_->comparer) core_->comparer->stop();
  if (core_->pulse) core_->pulse->stop();
}

void KubernetesSource::doubt(bool held) {
  if (core_->comparer) core_->comparer->doubt(held);
}

void KubernetesSource::remember(const std::vector<ServicePtr>& services) {
  core_->store.remember(services);
}

std::string KubernetesSource::memory() const {
  return RouteMemory{core_->access.cluster(), core_->access.route().learned()}.to_json();
}

void KubernetesSource::restore(const std::string& memory) {
  auto known = RouteMemory::from_json(memory);
  if (!known) return;
  core_->access.remember_cluster(known->cluster);
  core_->access.route().learn(std::move(known->servers));
}

Result<> KubernetesSource::confirm() {
  if (!core_->access.confirm())
    return fail(Errc::not_found, "source " + core_->name + " refuses no cluster");
  for (const auto& reflector : core_->reflectors) reflector->relist("another cluster, confirmed");
  return {};
}

namespace {

std::string seconds_since(steady_clock::time_point then) {
  return std::to_string(
      std::chrono::duration_cast<std::chrono::seconds>(steady_clock::now() - then).count());
}

}  // namespace

SourceStatus KubernetesSource::status() const {
  SourceStatus status;
  status.name = core_->name;
  status.kind = "kubernetes";
  bool all_current = true;
  std::optional<steady_clock::time_point> oldest;
  std::uint64_t events = 0, lists = 0;
  std::string reason = "start";
  for (std::size_t index = 0; index < core_->reflectors.size(); ++index) {
    const ReflectorStatus& one = core_->reflectors[index]->status();
    const std::string resource(row_of(kKinds[index]).resource);
    all_current = all_current && one.current;
    events += one.events;
    lists += one.lists;
    if (one.confirmed && (!oldest || *one.confirmed < *oldest)) oldest = one.confirmed;
    if (!one.error.empty()) status.last_error = resource + ": " + one.error;
    if (!one.last_list_reason.empty()) reason = resource + ": " + one.last_list_reason;
    status.details.emplace_back(resource + "_connected", one.connected ? "true" : "false");
    if (one.confirmed)
      status.details.emplace_back(resource + "_heard_seconds_ago", seconds_since(*one.confirmed));
  }
  // All kinds are as current as the one last heard of longest ago.
  const bool complete = core_->store.synced() && oldest;
  if (complete) {
    status.last_confirmed = std::chrono::system_clock::now() -
                            std::chrono::duration_cast<std::chrono::system_clock::duration>(
                                steady_clock::now() - *oldest);
  }
  if (!core_->access.foreign().empty()) {
    status.state = "refused";
    status.refused_seconds = std::chrono::duration_cast<std::chrono::seconds>(
                                 steady_clock::now() - core_->access.foreign_since())
                                 .count();
  } else if (all_current && !core_->reflectors.empty()) {
    status.state = "current";
  } else {
    status.state = core_->store.synced() ? "degraded" : "starting";
    if (!status.last_error.empty() && !core_->store.synced()) status.state = "failed";
  }
  const std::size_t relists = lists > kKinds.size() ? lists - kKinds.size() : 0;
  status.details.emplace_back("cluster", core_->access.cluster());
  status.details.emplace_back("last_list", reason);
  status.counters = {
      {"events", events}, {"relists", relists}, {"requests", core_->access.requests()}};
  if (core_->comparer) {
    const ComparerStatus& compares = core_->comparer->status();
    status.counters.emplace_back("compares", compares.compares);
    status.counters.emplace_back("corrected", compares.corrected);
  }
  return status;
}

}  // namespace holdfast
