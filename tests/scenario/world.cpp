// SPDX-License-Identifier: Apache-2.0
#include "tests/scenario/world.h"

#include <fmt/format.h>

#include "agent/plan/inspect.h"

namespace holdfast::scenario {
namespace {

using namespace std::chrono_literals;

std::string name_of(const ServiceKey& key) {
  return key.name_space == "default" ? key.name : key.to_string();
}

// Port 8080 is what nearly all endpoints of a script have.
std::string address_of(const IpAddress& address, std::uint16_t port) {
  return port == 8080 ? address.to_string() : format_host_port(address, port);
}

std::string row(const ServiceView& service, const Frontend& frontend, const PoolView& pool) {
  std::string line =
      name_of(service.key) + " " + format_host_port(frontend.address, frontend.port) + " ->";
  for (const EndpointView& one : pool.endpoints) {
    if (one.picked) line += " " + address_of(one.endpoint.address, one.endpoint.port);
  }
  if (pool.selectable == 0) line += pool.no_endpoints == HF_EMPTY_REFUSE ? " refused" : " passed";
  return line;
}

}  // namespace

World::World() {
  files["catalog.yaml"] = "";
}

World::~World() {
  end();
}

void World::end() {
  if (!pipeline) return;
  if (const auto snapshot = pipeline->snapshot()) disk_ = encode(*snapshot);
  pipeline->stop();
  pipeline.reset();
}

void World::begin() {
  ++hooks_->life;
  set_ = std::make_unique<FileSet>("file");
  auto open = [this](const Capacity& wanted, const Capacity& limit) -> Result<OpenedDataplane> {
    if (!maps) maps = std::make_shared<ModelMaps>(wanted, limit);
    return OpenedDataplane{maps, hooks_};
  };
  pipeline = std::make_unique<Pipeline>(
      timers, probes_, Pipeline::Settings{"n1", room, false},
      Pipeline::Surroundings{.open = open,
                             .maps_exist = [this] { return maps != nullptr; },
                             .keep = [this](bool) { ++kept; },
                             .attached = [] {},
                             .failed = [](const Error&) {}});
  auto source = std::make_unique<ModelSource>("file", timers);
  source_ = source.get();
  pipeline->intake().add("file", "model", false, std::move(source), guard);
  std::optional<Snapshot> last;
  if (disk_) last = decode(*disk_).value();
  const std::uint64_t highest = last ? last->generation : 0;
  if (const auto begun = pipeline->start(std::move(last), highest); !begun)
    throw std::runtime_error(begun.error().what);
  pipeline->start_sources();
}

void World::restart() {
  end();
  begin();
}

void World::reboot(bool snapshot) {
  end();
  maps.reset();
  hooks_->attached = false;
  if (!snapshot) disk_.reset();
  begin();
}

void World::read() {
  FileTexts texts;
  for (const auto& [path, text] : files) texts.emplace(path, text);
  if (auto update = set_->observe(std::move(texts), "")) source_->say(std::move(*update));
  timers.pass(0s);
}

void World::find(const std::string& endpoint, Verdict verdict, const std::string& words) {
  Evidence found;
  found.address = IpAddress::parse(endpoint).value();
  found.port = 8080;
  found.verdict = verdict;
  found.words = words;
  pipeline->health().learn(found);
  timers.pass(20ms);  // evidence is gathered for so long
}

View World::view() const {
  return {*pipeline, facts_, timers.now(), timers.date()};
}

std::vector<std::string> World::services() const {
  std::vector<std::string> lines;
  if (!maps) return lines;
  for (const ServiceView& service : services_of(maps->image())) {
    for (const PoolView& pool : service.pools) {
      for (const Frontend& frontend : pool.pool.frontends)
        lines.push_back(row(service, frontend, pool));
    }
  }
  return lines;
}

std::vector<std::string> World::holds() const {
  std::vector<std::string> lines;
  for (const GuardedSource& source : pipeline->intake().sources()) {
    for (const Hold& hold : source.guard.holds()) {
      std::string line = name_of(hold.service);
      for (const HeldEndpoint& one : hold.endpoints)
        line += " " + address_of(one.address, one.port);
      if (hold.state == HoldState::rejected) line += " rejected";
      lines.push_back(line);
    }
  }
  return lines;
}

std::vector<std::string> World::left() const {
  std::vector<std::string> rows;
  for (const Ruling why : kDepartureRulings) {
    if (const auto count = pipeline->left().of(why); count > 0)
      rows.push_back(fmt::format("{} {}", to_string(why), count));
  }
  return rows;
}

std::vector<std::string> World::probed() const {
  std::vector<std::string> lines;
  for (const ProbeTarget& one : probes_.targets) lines.push_back(address_of(one.address, one.port));
  return lines;
}

}  // namespace holdfast::scenario
