// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/api/api_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstdlib>

#include "agent/sources/kubernetes/api/api_status.h"
#include "agent/sources/kubernetes/api/comparer.h"
#include "agent/sources/kubernetes/api/pulse.h"
#include "agent/sources/kubernetes/api/reflector.h"
#include "agent/sources/surroundings.h"

namespace holdfast {

namespace asio = boost::asio;
using namespace kubernetes;

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
        store(name) {}

  void start(Sink to);
  void flush(TimePoint received);
  void learn_route();
  Reflector& reflector(Kind kind) { return *reflectors[static_cast<std::size_t>(kind)]; }
  Comparer::Hooks comparer_hooks();

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
  comparer = std::make_shared<Comparer>(loop.get_executor(), compare, access, store, prepare,
                                        comparer_hooks());
  run(comparer, self);
}

Comparer::Hooks KubernetesSource::Core::comparer_hooks() {
  Comparer::Hooks hooks;
  hooks.flush = [this](TimePoint received) { flush(received); };
  hooks.relist = [this](Kind kind, std::string reason) {
    reflector(kind).relist(std::move(reason));
  };
  hooks.behind = [this](Kind kind, const Version& theirs) { reflector(kind).recheck(theirs); };
  hooks.confirmed = [this](Kind kind) { reflector(kind).confirm(); };
  return hooks;
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

void KubernetesSource::heard(const Feedback& feedback) {
  if (core_->comparer) core_->comparer->doubt(feedback.any_held());
}

void KubernetesSource::remember(const std::vector<ServicePtr>& services,
                                const std::map<std::string, Node>& nodes) {
  core_->store.remember(services, nodes);
}

std::string KubernetesSource::memory() const {
  return RouteMemory{core_->access.cluster(), core_->access.route().learned()}.to_json();
}

std::string KubernetesSource::cluster() const {
  return core_->access.cluster();
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

SourceStatus KubernetesSource::status() const {
  std::vector<ReflectorStatus> kinds;
  for (const auto& reflector : core_->reflectors) kinds.push_back(reflector->status());
  return status_of({core_->name, core_->access, core_->store, std::move(kinds),
                    core_->comparer ? core_->comparer->status() : ComparerStatus{}});
}

std::unique_ptr<Source> KubernetesSourceConfig::make(const std::string& name,
                                                     const SourceSurroundings& with) const {
  return std::make_unique<KubernetesSource>(with.loop, name, *this, with.node_name,
                                            with.prepare_socket);
}

}  // namespace holdfast
