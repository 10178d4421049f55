// SPDX-License-Identifier: Apache-2.0
// What the files of tests/unit/snapshot/data hold. Each was written by the encoder of its time and
// is never made anew: format-1.snap and format-2.snap by the ones before sections were introduced.
// placed-3.1.snap is what golden_placed() was before pools told their traffic and their node port.
#pragma once

#include <memory>
#include <string>

#include "agent/snapshot/snapshot.h"

namespace holdfast {

// Both families, every kind of frontend, a held endpoint, a whole service held by an operator's
// word, one without pools, two sources, a tombstone.
inline Snapshot golden_snapshot() {
  const auto address = [](const char* text) { return *IpAddress::parse(text); };
  const auto endpoint = [&](const char* at, const char* uid) {
    Endpoint one;
    one.address = address(at);
    one.port = 8080;
    one.identity = Identity::from_text(uid);
    one.node = Text("node-1");
    one.zone = Text("zone-a");
    one.origin = Text("catalog.yaml");
    return one;
  };
  Endpoint held = endpoint("10.1.0.2", "0f4d2c1e-1111-4222-8333-444455556666");
  held.held = true;
  held.weight = 7;
  Endpoint leaving = endpoint("fd77::1", "any text");
  leaving.ready = false;
  leaving.terminating = true;

  Service song;
  song.key = {"shop", "song"};
  song.created_at = 1700000000;
  song.origin = Text("catalog.yaml");
  song.policy = {HF_EMPTY_PASS, GuardMode::trust};
  Pool four, six;
  four.port_name = six.port_name = "http";
  four.service_port = six.service_port = 80;
  four.frontends = {{address("10.96.0.1"), 80, FrontendKind::cluster_ip, false},
                    {address("192.0.2.1"), 80, FrontendKind::external_ip, false},
                    {address("192.0.2.2"), 80, FrontendKind::load_balancer, false}};
  four.node_port = 30080;
  four.endpoints = {endpoint("10.1.0.1", "uid-1"), held};
  six.family = 6;
  six.protocol = Protocol::udp;
  six.frontends = {{address("fd96::1"), 80, FrontendKind::cluster_ip, false}};
  six.endpoints = {leaving};
  song.pools = {four, six};
  Service image, headless;
  image.key = {"shop", "image"};
  image.pools = {four};
  image.pools[0].port_name = "";
  image.pools[0].endpoints.clear();
  headless.key = {"shop", "artist"};

  const auto entry = [](Service service, bool absent, bool rejected) {
    return GuardMemory::Entry{std::make_shared<const Service>(std::move(service)), absent,
                              rejected};
  };
  Snapshot snapshot;
  snapshot.generation = 4711;
  snapshot.written_at = 1700000001;
  snapshot.sources.push_back({"kube", {{entry(song, false, false), entry(headless, true, false)}}});
  snapshot.sources.push_back({"file", {{entry(image, true, true)}}});
  snapshot.tombstones = {{{"shop", "gone"}, "kube"}};
  return snapshot;
}

// What of it is this node's alone: a local pool with an endpoint here and one elsewhere, a node
// port beside it, and two nodes. `far`: false: as a version before 3.2 had it, which knew node-1's
// part.
inline Snapshot golden_placed(bool far = true) {
  const auto address = [](const char* text) { return *IpAddress::parse(text); };
  const auto endpoint = [&](const char* at, const char* node) {
    Endpoint one;
    one.address = address(at);
    one.port = 8080;
    one.identity = Identity::from_text(at);
    one.node = Text(node);
    return one;
  };
  Pool local, outer;
  local.service_port = outer.service_port = 80;
  local.traffic = TrafficPolicy::local;
  local.frontends = {{address("10.96.0.3"), 80, FrontendKind::cluster_ip, false}};
  local.endpoints = {endpoint("10.1.1.1", "node-1")};
  if (far) local.endpoints.push_back(endpoint("10.1.2.1", "node-2"));
  outer.node_port = 30081;
  outer.endpoints = {endpoint("10.1.1.1", "node-1"), endpoint("10.1.2.1", "node-2")};
  Service album;
  album.key = {"shop", "album"};
  album.pools = {outer, local};
  Snapshot snapshot;
  snapshot.generation = 12;
  snapshot.written_at = 1700000002;
  snapshot.node = "node-1";
  GuardMemory memory;
  memory.services = {{std::make_shared<const Service>(std::move(album)), false, false}};
  memory.nodes["node-1"] = {"node-1", "", {}, {address("192.0.2.1")}};
  if (far) {
    memory.nodes["node-1"].zone = "zone-a";
    memory.nodes["node-2"] = {"node-2", "zone-b", {}, {address("192.0.2.2")}};
  }
  snapshot.sources.push_back({"kube", std::move(memory)});
  return snapshot;
}

inline constexpr const char* kGoldenWay =
    R"({"cluster":"7f0c6e0e-6d0a-4c39-9b59-000000000001","servers":["https://192.0.2.10:6443"]})";

}  // namespace holdfast
