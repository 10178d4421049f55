// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/bpf/story.h"

#include <algorithm>
#include <stdexcept>

#include "agent/dataplane/apply.h"

namespace holdfast::interleaving {
namespace {

std::string endpoint_address(int last) {
  return "10.1.0." + std::to_string(last);
}

ServicePtr service(const char* name, const std::vector<std::string>& frontends,
                   const std::vector<int>& endpoints, int weight) {
  if (frontends.empty()) return nullptr;
  Service result;
  result.key = {"d", name};
  Pool pool;
  pool.service_port = 80;
  for (const std::string& address : frontends) {
    pool.frontends.push_back({*IpAddress::parse(address), 80, FrontendKind::cluster_ip, false});
  }
  for (const int last : endpoints) {
    Endpoint endpoint;
    endpoint.address = *IpAddress::parse(endpoint_address(last));
    endpoint.port = 8080;
    if (last == endpoints.front()) endpoint.weight = static_cast<std::uint16_t>(weight);
    pool.endpoints.push_back(endpoint);
  }
  result.pools = {pool};
  return std::make_shared<const Service>(std::move(result));
}

Generation generation(const Small& small, std::uint64_t number) {
  return {
      number,
      {{{"d", "image"}, service("image", small.image_frontends, small.image, 100), "file"},
       {{"d", "song"}, service("song", small.song_frontends, small.song, small.weight), "file"}}};
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

// Services that are absent, empty, of one and two endpoints, weighted; an endpoint that belongs to
// the other service, or to both; addresses that move.
std::vector<Small> family() {
  return {{{}, {}, {}, {}},
          {{kSong}, {}, {kImage}, {11}},
          {{kSong}, {1}, {}, {}},
          {{kSong}, {1, 2}, {kImage}, {11}},
          {{kSong}, {1, 2}, {kImage}, {11}, 200},
          {{kSong}, {3}, {kImage}, {12}},
          {{kSong}, {2}, {kImage}, {1, 2}},
          {{kImage}, {1}, {kSong}, {11}},
          {{}, {}, {kImage, kSong}, {11, 12}},
          {{kImage, kSong}, {2}, {}, {}}};
}

hf_frontend_key key_of(const std::string& address) {
  hf_frontend_key key{};
  key.addr = IpAddress::parse(address)->to_abi();
  key.port = net_port(80);
  key.protocol = 6;
  return key;
}

Story::Story(std::vector<Small> catalogs, Conditions conditions)
    : conditions_(std::move(conditions)), states_(std::move(catalogs)) {
  states_.insert(states_.begin(), Small{});
  for (std::size_t state = 1; state < states_.size(); ++state) reach(state);
  memories = run_writer(steps);
}

void Story::reach(std::size_t state) {
  if (!planner_) {
    auto adopted = Planner::adopt(image_, {16, 8, 12, 64, 12, 64});
    if (!adopted) throw std::runtime_error(adopted.error().what);
    planner_ = std::move(*adopted);
  }
  auto diff = planner_->plan(generation(states_[state], state));
  if (!diff) throw std::runtime_error(diff.error().what);
  hf_endpoint_stats stats{};
  stats.connects = conditions_.in_flight && state + 1 < states_.size();
  const auto collect = [&] { return planner_->collect([&](std::uint32_t) { return stats; }); };
  const bool planned = add(std::move(*diff), reached_, state);
  if (planned) reached_ = state;
  if (planned && add(collect(), state, state)) return;
  planner_.reset();
  reach(state);
}

bool Story::add(Diff diff, std::size_t before, std::size_t after) {
  conditions_.sabotage(diff);
  const bool dies =
      conditions_.dies_after - operations < diff.ops.size() && conditions_.dies_after >= operations;
  if (dies) {
    diff.ops.resize(conditions_.dies_after - operations);
    diff.ops.emplace_back(op::Grace{});  // a restart takes longer than any program runs
    conditions_.dies_after = kNever;
  }
  operations += diff.ops.size();
  for (const Op& operation : diff.ops) apply_to(image_, operation);
  append_steps(diff, spans_.size(), conditions_.moves, steps);
  spans_.emplace_back(before, after);
  return !dies;
}

// Within a diff both its states may be seen; between two, what the second begins with.
std::pair<std::size_t, std::size_t> Story::states_between(std::size_t first,
                                                          std::size_t last) const {
  const std::size_t done = last == 0 ? 0 : spans_[steps[last - 1].diff].second;
  const std::size_t from = first == steps.size() ? done : spans_[steps[first].diff].first;
  return {from, std::max(from, done)};
}

bool Story::right(const std::string& address, const Outcome& outcome) const {
  const auto [from, to] = states_between(outcome.first, outcome.last);
  bool nothing = false, song_owned = false, image_owned = false, of_song = false, of_image = false;
  const auto names = [&](const std::vector<int>& endpoints) {
    return std::any_of(endpoints.begin(), endpoints.end(), [&](int last) {
      return outcome.answer == endpoint_address(last) + ":8080";
    });
  };
  for (std::size_t at = from; at <= to; ++at) {
    const Small& state = states_[at];
    const bool song = contains(state.song_frontends, address);
    const bool image = contains(state.image_frontends, address);
    song_owned |= song;
    image_owned |= image;
    of_song |= names(state.song);
    of_image |= names(state.image);
    nothing |= (!song || state.song.empty()) && (!image || state.image.empty());
  }
  if (outcome.answer == "miss" || outcome.answer == "refuse") return nothing;
  return (song_owned && of_song) || (image_owned && of_image);
}

}  // namespace holdfast::interleaving
