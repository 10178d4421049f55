// SPDX-License-Identifier: Apache-2.0
#include "agent/snapshot/snapshot.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "agent/snapshot/codec.h"

namespace holdfast {
namespace {

using snapshot::Reader;
using snapshot::Writer;

constexpr std::string_view kMagic = "HOLDFAST";
constexpr std::uint32_t kVersion = 2, kOldest = 1;
constexpr std::size_t kHeader = 8 + 4 + 8 + 8;  // magic, version, generation, payload length
constexpr std::size_t kDigest = 32;

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1)
    return "";
  return {reinterpret_cast<const char*>(digest.data()), length};
}

enum EndpointBits : std::uint8_t { kReady = 1, kServing = 2, kTerminating = 4, kHeld = 8 };

void put(Writer& writer, const Endpoint& endpoint) {
  writer.raw(endpoint.address.bytes.data(), endpoint.address.bytes.size());
  writer.number(endpoint.port);
  writer.number(endpoint.weight);
  writer.number(static_cast<std::uint8_t>(
      (endpoint.ready ? kReady : 0) | (endpoint.serving ? kServing : 0) |
      (endpoint.terminating ? kTerminating : 0) | (endpoint.held ? kHeld : 0)));
  writer.raw(endpoint.identity.bytes.data(), endpoint.identity.bytes.size());
  for (const Text* text : {&endpoint.node, &endpoint.zone, &endpoint.origin}) writer.text(*text);
}
constexpr std::size_t kEndpointBytes = 16 + 2 + 2 + 1 + 16 + 12;

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
  reader.raw(endpoint.identity.bytes.data(), endpoint.identity.bytes.size());
  for (Text* text : {&endpoint.node, &endpoint.zone, &endpoint.origin}) *text = Text(reader.text());
  return endpoint;
}

void put(Writer& writer, const Pool& pool) {
  writer.text(pool.port_name);
  writer.number(pool.service_port);
  writer.number(static_cast<std::uint8_t>(pool.protocol));
  writer.number(pool.family);
  writer.number(static_cast<std::uint32_t>(pool.frontends.size()));
  for (const Frontend& frontend : pool.frontends) {
    writer.raw(frontend.address.bytes.data(), frontend.address.bytes.size());
    writer.number(frontend.port);
    writer.number(static_cast<std::uint8_t>(frontend.kind));
    writer.number(static_cast<std::uint8_t>(frontend.host_scope));
  }
  writer.number(static_cast<std::uint32_t>(pool.endpoints.size()));
  for (const Endpoint& endpoint : pool.endpoints) put(writer, endpoint);
}

Pool get_pool(Reader& reader) {
  Pool pool;
  pool.port_name = reader.text();
  pool.service_port = reader.number<std::uint16_t>();
  pool.protocol = reader.one_of({Protocol::tcp, Protocol::udp, Protocol::sctp});
  pool.family = reader.one_of<std::uint8_t>({4, 6});
  for (std::uint32_t left = reader.count(20); left > 0 && reader.good(); --left) {
    Frontend frontend;
    reader.raw(frontend.address.bytes.data(), frontend.address.bytes.size());
    frontend.port = reader.number<std::uint16_t>();
    frontend.kind = reader.one_of({FrontendKind::cluster_ip, FrontendKind::node_port,
                                   FrontendKind::external_ip, FrontendKind::load_balancer});
    frontend.host_scope = reader.one_of({false, true});
    pool.frontends.push_back(frontend);
  }
  for (std::uint32_t left = reader.count(kEndpointBytes); left > 0 && reader.good(); --left) {
    pool.endpoints.push_back(get_endpoint(reader));
  }
  return pool;
}

void put(Writer& writer, const GuardMemory::Entry& entry) {
  const Service& service = *entry.admitted;
  writer.text(service.key.name_space);
  writer.text(service.key.name);
  writer.number(service.created_at);
  writer.text(service.origin);
  writer.number(static_cast<std::uint8_t>(service.policy.no_endpoints));
  writer.number(static_cast<std::uint8_t>(service.policy.guard));
  writer.number(static_cast<std::uint8_t>((entry.absent ? 1 : 0) | (entry.rejected ? 2 : 0)));
  writer.number(static_cast<std::uint32_t>(service.pools.size()));
  for (const Pool& pool : service.pools) put(writer, pool);
}

GuardMemory::Entry get_entry(Reader& reader) {
  Service service;
  service.key.name_space = reader.text();
  service.key.name = reader.text();
  service.created_at = reader.number<std::int64_t>();
  service.origin = Text(reader.text());
  service.policy.no_endpoints =
      reader.one_of({HF_EMPTY_REFUSE, HF_EMPTY_PASS, HF_EMPTY_UNREACHABLE});
  service.policy.guard = reader.one_of({GuardMode::hold, GuardMode::trust});
  const auto bits = reader.number<std::uint8_t>();
  for (std::uint32_t left = reader.count(16); left > 0 && reader.good(); --left) {
    service.pools.push_back(get_pool(reader));
  }
  return {std::make_shared<const Service>(std::move(service)), (bits & 1) != 0, (bits & 2) != 0};
}

Failure damaged(const std::string& what) {
  return fail(Errc::invalid, "snapshot is damaged: " + what);
}

}  // namespace

std::string encode(const Snapshot& snapshot) {
  Writer payload;
  payload.number(snapshot.written_at);
  payload.number(static_cast<std::uint32_t>(snapshot.sources.size()));
  for (const auto& source : snapshot.sources) {
    payload.text(source.name);
    payload.text(source.way);
    payload.number(static_cast<std::uint32_t>(source.memory.services.size()));
    for (const auto& entry : source.memory.services) put(payload, entry);
  }
  payload.number(static_cast<std::uint32_t>(snapshot.tombstones.size()));
  for (const Tombstone& one : snapshot.tombstones) {
    payload.text(one.key.name_space);
    payload.text(one.key.name);
    payload.text(one.source);
  }
  const std::string body = payload.finish();
  std::string file(kMagic);
  const auto number = [&file](std::uint64_t value, int bytes) {
    for (; bytes > 0; --bytes, value >>= 8) file.push_back(static_cast<char>(value & 0xff));
  };
  number(kVersion, 4);
  number(snapshot.generation, 8);
  number(body.size(), 8);
  file += body;
  return file + sha256(file);
}

Result<Snapshot> decode(std::string_view bytes) {
  if (bytes.size() < kHeader + kDigest || !bytes.starts_with(kMagic)) return damaged("no header");
  const auto number = [&](std::size_t offset, int size) {
    std::uint64_t value = 0;
    for (int byte = size; byte-- > 0;) {
      value =
          value << 8 | static_cast<unsigned char>(bytes[offset + static_cast<std::size_t>(byte)]);
    }
    return value;
  };
  const std::string_view covered = bytes.substr(0, bytes.size() - kDigest);
  if (sha256(covered) != bytes.substr(covered.size()))
    return damaged("its checksum does not match");
  const auto version = number(8, 4);
  if (version < kOldest || version > kVersion) {
    return fail(Errc::incompatible,
                fmt::format("snapshot has format {}, this version reads {} to {}", version, kOldest,
                            kVersion));
  }
  if (number(20, 8) != covered.size() - kHeader) return damaged("its length does not match");
  Reader reader(covered.substr(kHeader));
  Snapshot snapshot;
  snapshot.generation = number(12, 8);
  snapshot.written_at = reader.number<std::int64_t>();
  for (std::uint32_t left = reader.count(8); left > 0 && reader.good(); --left) {
    Snapshot::SourceMemory source{reader.text(), {}};
    if (version >= 2) source.way = reader.text();
    for (std::uint32_t entries = reader.count(27); entries > 0 && reader.good(); --entries) {
      source.memory.services.push_back(get_entry(reader));
    }
    snapshot.sources.push_back(std::move(source));
  }
  for (std::uint32_t left = reader.count(12); left > 0 && reader.good(); --left) {
    Tombstone one;
    one.key.name_space = reader.text();
    one.key.name = reader.text();
    one.source = reader.text();
    snapshot.tombstones.push_back(std::move(one));
  }
  if (!reader.good() || !reader.at_end()) return damaged("its content does not parse");
  return snapshot;
}

}  // namespace holdfast
