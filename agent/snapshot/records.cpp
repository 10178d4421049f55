// SPDX-License-Identifier: Apache-2.0
#include "agent/snapshot/records.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "agent/model/vantage.h"

namespace holdfast::snapshot {
namespace {

enum EndpointBits : std::uint8_t {
  kReady = 1,
  kServing = 2,
  kTerminating = 4,
  kHeld = 8,
  kDoubted = 16
};
// kLocal: the pools of its cluster IPs are local; those of its other addresses never are. From 3.2
// on the pools tell it themselves.
enum EntryBits : std::uint8_t { kAbsent = 1, kRejected = 2, kLocal = 4 };

constexpr std::uint16_t kEndpointBytes = 16 + 2 + 2 + 1 + 16 + 3 * 4;
constexpr std::uint16_t kFrontendBytes = 16 + 2 + 1 + 1;
constexpr std::uint16_t kTombstoneBytes = 3 * 4, kGoneBytes = 4 + 8;
// The least that a record can be, so that no count reserves more than the file is long.
constexpr std::uint16_t kAddressBytes = 16;
constexpr std::size_t kLeastSource = 8, kLeastEntry = 27, kLeastPool = 16, kLeastNode = 4;

// Reads one record: a part of its own where it has a length, else what comes next.
template <class Work>
void record(Reader& reader, const Dialect& dialect, Work work) {
  if (!dialect.extended) return work(reader);
  Reader part = reader.part(reader.number<std::uint32_t>());
  work(part);
  reader.require(part.good());
}

// Reads an array of elements of equal size, of which an older reader knows only the beginning.
template <class Element, class Get>
void array(Reader& reader, const Dialect& dialect, std::size_t known, std::vector<Element>& into,
           Get get) {
  const auto count = reader.number<std::uint32_t>();
  const std::size_t stride = dialect.extended ? reader.number<std::uint16_t>() : known;
  reader.require(stride >= known);
  reader.require(count <= reader.left() / known);
  if (!reader.good()) return;
  into.reserve(count);
  for (std::uint32_t left = count; left > 0 && reader.good(); --left) {
    Reader part = reader.part(stride);
    into.push_back(get(part));
    reader.require(part.good());
  }
}

void put(Writer& writer, const Endpoint& endpoint) {
  writer.raw(endpoint.address.bytes.data(), endpoint.address.bytes.size());
  writer.number(endpoint.port);
  writer.number(endpoint.weight);
  writer.number(
      static_cast<std::uint8_t>((endpoint.ready ? kReady : 0) | (endpoint.serving ? kServing : 0) |
                                (endpoint.terminating ? kTerminating : 0) |
                                (endpoint.held ? kHeld : 0) | (endpoint.doubted ? kDoubted : 0)));
  writer.raw(endpoint.identity.bytes.data(), endpoint.identity.bytes.size());
  for (const Text* text : {&endpoint.node, &endpoint.zone, &endpoint.origin}) writer.text(*text);
}

Endpoint get_endpoint(Reader& reader) {
  Endpoint endpoint;
  reader.raw(endpoint.address.bytes.data(), endpoint.address.bytes.size());
  endpoint.port = reader.number<std::uint16_t>();
  endpoint.weight = reader.number<std::uint16_t>();
  const auto bits = reader.number<std::uint8_t>();
  endpoint.ready = bits & kReady;
  endpoint.serving = bits & kServing;
  endpoint.terminating = bits & kTerminating;
  endpoint.held = bits & kHeld;
  endpoint.doubted = bits & kDoubted;
  reader.raw(endpoint.identity.bytes.data(), endpoint.identity.bytes.size());
  for (Text* text : {&endpoint.node, &endpoint.zone, &endpoint.origin}) *text = reader.interned();
  return endpoint;
}

void put(Writer& writer, const Frontend& frontend) {
  writer.raw(frontend.address.bytes.data(), frontend.address.bytes.size());
  writer.number(frontend.port);
  writer.number(static_cast<std::uint8_t>(frontend.kind));
  writer.number(static_cast<std::uint8_t>(frontend.host_scope));
}

Frontend get_frontend(Reader& reader) {
  Frontend frontend;
  reader.raw(frontend.address.bytes.data(), frontend.address.bytes.size());
  frontend.port = reader.number<std::uint16_t>();
  const auto kind = reader.number<std::uint8_t>();
  reader.require(kind <= HF_KIND_LOAD_BALANCER);
  frontend.kind = static_cast<FrontendKind>(kind);
  frontend.host_scope = reader.number<std::uint8_t>() != 0;
  return frontend;
}

void put(Writer& writer, const IpAddress& address) {
  writer.raw(address.bytes.data(), address.bytes.size());
}

void put(Writer& writer, const Snapshot::Gone& one) {
  writer.text(one.source);
  writer.number(one.seconds_left);
}

void put(Writer& writer, const Tombstone& one) {
  writer.text(one.key.name_space);
  writer.text(one.key.name);
  writer.text(one.source);
}

template <class Element>
void put_array(Writer& writer, std::uint16_t stride, const std::vector<Element>& elements) {
  writer.number(static_cast<std::uint32_t>(elements.size()));
  writer.number(stride);
  for (const Element& element : elements) put(writer, element);
}

// What the source said, and those of the node port beside it: a reader takes these out again, and
// nothing that was said may go with them.
std::vector<Frontend> all_frontends(const Pool& said, const Pool& seen) {
  std::vector<Frontend> all = said.frontends;
  for (const Frontend& one : seen.frontends) {
    const bool known = std::any_of(all.begin(), all.end(), [&](const Frontend& other) {
      return other.address == one.address && other.port == one.port &&
             other.host_scope == one.host_scope;
    });
    if (one.kind == FrontendKind::node_port && !known) all.push_back(one);
  }
  if (all.size() != said.frontends.size()) std::sort(all.begin(), all.end());
  return all;
}

// `seen`: with the frontends of its node port.
void put(Writer& writer, const Pool& pool, const Pool& seen, const Vantage& vantage) {
  writer.text(pool.port_name);
  writer.number(pool.service_port);
  writer.number(static_cast<std::uint8_t>(pool.protocol));
  writer.number(pool.family);
  put_array(writer, kFrontendBytes, all_frontends(pool, seen));
  std::vector<Endpoint> near, far;
  for (const Endpoint& one : pool.endpoints)
    (is_near(pool, one, vantage) ? near : far).push_back(one);
  put_array(writer, kEndpointBytes, near);
  writer.number(static_cast<std::uint8_t>(pool.traffic));
  writer.number(pool.node_port);
  put_array(writer, kEndpointBytes, far);
}

void put(Writer& writer, const Node& node) {
  writer.text(node.name);
  writer.text(node.zone);
  writer.text(node.origin);
  put_array(writer, kAddressBytes, node.addresses);
}

bool known_protocol(std::uint8_t value) {
  const auto protocol = static_cast<Protocol>(value);
  return protocol == Protocol::tcp || protocol == Protocol::udp || protocol == Protocol::sctp;
}

// As we write them they are in order, each array for itself; the file may be anybody's.
void sort(std::vector<Endpoint>& endpoints) {
  if (!std::is_sorted(endpoints.begin(), endpoints.end(), before_in_order))
    std::stable_sort(endpoints.begin(), endpoints.end(), before_in_order);
}

Pool get_pool(Reader& reader, const Dialect& dialect) {
  Pool pool;
  pool.port_name = reader.text();
  pool.service_port = reader.number<std::uint16_t>();
  const auto protocol = reader.number<std::uint8_t>();
  reader.require(known_protocol(protocol));
  pool.protocol = static_cast<Protocol>(protocol);
  pool.family = reader.number<std::uint8_t>();
  reader.require(pool.family == 4 || pool.family == 6);
  array(reader, dialect, kFrontendBytes, pool.frontends, get_frontend);
  array(reader, dialect, kEndpointBytes, pool.endpoints, get_endpoint);
  sort(pool.endpoints);
  if (!dialect.placed) return pool;
  std::erase_if(pool.frontends,
                [](const Frontend& one) { return one.kind == FrontendKind::node_port; });
  const auto traffic = reader.number<std::uint8_t>();
  reader.require(traffic <= HF_TRAFFIC_LOCAL);
  pool.traffic = static_cast<TrafficPolicy>(traffic);
  pool.node_port = reader.number<std::uint16_t>();
  std::vector<Endpoint> far;
  array(reader, dialect, kEndpointBytes, far, get_endpoint);
  if (far.empty()) return pool;
  pool.endpoints.insert(pool.endpoints.end(), far.begin(), far.end());
  sort(pool.endpoints);
  return pool;
}

Node get_node(Reader& reader, const Dialect& dialect) {
  Node node;
  node.name = reader.text();
  node.zone = reader.text();
  node.origin = reader.interned();
  array(reader, dialect, kAddressBytes, node.addresses, [](Reader& part) {
    IpAddress address;
    part.raw(address.bytes.data(), address.bytes.size());
    return address;
  });
  return node;
}

void put(Writer& writer, const GuardMemory::Entry& entry, const Vantage& vantage,
         const std::vector<IpAddress>& addresses) {
  const Service& service = *entry.admitted;
  writer.text(service.key.name_space);
  writer.text(service.key.name);
  writer.number(service.created_at);
  writer.text(service.origin);
  writer.number(static_cast<std::uint8_t>(service.policy.no_endpoints));
  writer.number(static_cast<std::uint8_t>(service.policy.guard));
  const bool local = std::any_of(service.pools.begin(), service.pools.end(), [](const Pool& pool) {
    return pool.traffic == TrafficPolicy::local;
  });
  writer.number(static_cast<std::uint8_t>((entry.absent ? kAbsent : 0) |
                                          (entry.rejected ? kRejected : 0) | (local ? kLocal : 0)));
  writer.number(static_cast<std::uint32_t>(service.pools.size()));
  const ServicePtr seen = with_frontends_of(entry.admitted, addresses);
  for (std::size_t pool = 0; pool < service.pools.size(); ++pool) {
    writer.record([&] { put(writer, service.pools[pool], seen->pools[pool], vantage); });
  }
}

bool serves_cluster_ip(const Pool& pool) {
  return std::any_of(pool.frontends.begin(), pool.frontends.end(),
                     [](const Frontend& one) { return one.kind == FrontendKind::cluster_ip; });
}

GuardMemory::Entry get_entry(Reader& reader, const Dialect& dialect,
                             std::set<IpAddress>& addresses) {
  Service service;
  service.key.name_space = reader.text();
  service.key.name = reader.text();
  service.created_at = reader.number<std::int64_t>();
  service.origin = reader.interned();
  const auto no_endpoints = reader.number<std::uint8_t>();
  const auto guard = reader.number<std::uint8_t>();
  reader.require(no_endpoints <= HF_EMPTY_UNREACHABLE &&
                 guard <= static_cast<std::uint8_t>(GuardMode::trust));
  service.policy = {static_cast<hf_no_endpoints>(no_endpoints), static_cast<GuardMode>(guard)};
  const auto bits = reader.number<std::uint8_t>();
  for (std::uint32_t left = reader.count(kLeastPool); left > 0 && reader.good(); --left) {
    record(reader, dialect,
           [&](Reader& part) { service.pools.push_back(get_pool(part, dialect)); });
  }
  if (!dialect.placed) {
    for (Pool& pool : service.pools) {
      if ((bits & kLocal) && serves_cluster_ip(pool)) pool.traffic = TrafficPolicy::local;
    }
    take_frontends_of(service, addresses);
  }
  return {std::make_shared<const Service>(std::move(service)), (bits & kAbsent) != 0,
          (bits & kRejected) != 0};
}

Snapshot::SourceMemory get_source(Reader& reader, const Dialect& dialect) {
  Snapshot::SourceMemory source;
  source.name = reader.text();
  if (dialect.has_source_memory) source.source_memory = reader.text();
  if (dialect.extended) source.cluster = reader.text();
  const std::uint32_t entries = reader.count(kLeastEntry);
  source.memory.services.reserve(entries);
  std::set<IpAddress> addresses;
  for (std::uint32_t left = entries; left > 0 && reader.good(); --left) {
    record(reader, dialect, [&](Reader& part) {
      source.memory.services.push_back(get_entry(part, dialect, addresses));
    });
  }
  auto& nodes = source.memory.nodes;
  if (!addresses.empty()) {
    nodes[dialect.node] = {dialect.node, "", {}, {addresses.begin(), addresses.end()}};
  }
  if (!dialect.placed) return source;
  for (std::uint32_t left = reader.count(kLeastNode); left > 0 && reader.good(); --left) {
    record(reader, dialect, [&](Reader& part) {
      Node node = get_node(part, dialect);
      std::string name = node.name;
      nodes[std::move(name)] = std::move(node);
    });
  }
  return source;
}

Tombstone get_tombstone(Reader& reader) {
  Tombstone one;
  one.key.name_space = reader.text();
  one.key.name = reader.text();
  one.source = reader.text();
  return one;
}

void put(Writer& writer, const Snapshot::SourceMemory& source, const std::string& node) {
  const Vantage vantage{Text(node), {}};
  const auto addresses = addresses_of(source.memory.nodes, node);
  writer.text(source.name);
  writer.text(source.source_memory);
  writer.text(source.cluster);
  writer.number(static_cast<std::uint32_t>(source.memory.services.size()));
  for (const GuardMemory::Entry& entry : source.memory.services) {
    writer.record([&] { put(writer, entry, vantage, addresses); });
  }
  writer.number(static_cast<std::uint32_t>(source.memory.nodes.size()));
  for (const auto& [name, one] : source.memory.nodes) {
    writer.record([&, &one = one] { put(writer, one); });
  }
}

}  // namespace

void put(Writer& writer, const std::vector<Snapshot::SourceMemory>& sources,
         const std::string& node) {
  writer.number(static_cast<std::uint32_t>(sources.size()));
  for (const auto& source : sources) {
    writer.record([&] { put(writer, source, node); });
  }
}

void put(Writer& writer, const std::vector<Tombstone>& tombstones) {
  put_array(writer, kTombstoneBytes, tombstones);
}

void put(Writer& writer, const std::vector<Snapshot::Gone>& gone) {
  put_array(writer, kGoneBytes, gone);
}

std::vector<Snapshot::SourceMemory> get_sources(Reader& reader, const Dialect& dialect) {
  std::vector<Snapshot::SourceMemory> sources;
  for (std::uint32_t left = reader.count(kLeastSource); left > 0 && reader.good(); --left) {
    record(reader, dialect, [&](Reader& part) { sources.push_back(get_source(part, dialect)); });
  }
  return sources;
}

std::vector<Tombstone> get_tombstones(Reader& reader, const Dialect& dialect) {
  std::vector<Tombstone> tombstones;
  array(reader, dialect, kTombstoneBytes, tombstones, get_tombstone);
  return tombstones;
}

std::vector<Snapshot::Gone> get_gone(Reader& reader) {
  std::vector<Snapshot::Gone> gone;
  array(reader, {}, kGoneBytes, gone, [](Reader& part) {
    Snapshot::Gone one;
    one.source = part.text();
    one.seconds_left = part.number<std::int64_t>();
    part.require(one.seconds_left >= 0);
    return one;
  });
  return gone;
}

}  // namespace holdfast::snapshot
