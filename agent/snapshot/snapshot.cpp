// SPDX-License-Identifier: Apache-2.0
#include "agent/snapshot/snapshot.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <map>

#include "agent/snapshot/codec.h"
#include "agent/snapshot/records.h"

namespace holdfast {
namespace {

using snapshot::Dialect;
using snapshot::little;
using snapshot::Reader;
using snapshot::TextNumbers;
using snapshot::Texts;
using snapshot::Writer;

constexpr std::string_view kMagic = "HOLDFAST";
constexpr std::uint16_t kOldest = 1;
constexpr std::size_t kMajorAt = 8, kMinorAt = 10, kGenerationAt = 12, kLengthAt = 20;
constexpr std::size_t kHeader = 28, kDigest = 32;

// What a reader does not know it skips, so a new number needs a new minor format only.
enum Section : std::uint32_t { kTexts = 1, kAbout = 2, kSources = 3, kTombstones = 4, kGone = 5 };
using Sections = std::map<std::uint32_t, std::string_view>;

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1)
    return "";
  return {reinterpret_cast<const char*>(digest.data()), length};
}

template <class T>
T at(std::string_view bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return little(value);
}

Failure damaged(const std::string& what) {
  return fail(Errc::invalid, "snapshot is damaged: " + what);
}

// The body up to format 2: texts, time, sources, tombstones, one behind the other.
Result<> read_plain(std::string_view body, const Dialect& dialect, Snapshot& snapshot) {
  Texts texts;
  Reader reader(body, texts);
  read_texts(reader, texts);
  snapshot.written_at = reader.number<std::int64_t>();
  snapshot.sources = get_sources(reader, dialect);
  snapshot.tombstones = get_tombstones(reader, dialect);
  if (!reader.good() || !reader.at_end()) return damaged("its content does not parse");
  return {};
}

Result<Sections> split(std::string_view body) {
  Texts none;
  Reader reader(body, none);
  Sections sections;
  while (reader.good() && !reader.at_end()) {
    const auto number = reader.number<std::uint32_t>();
    const auto length = reader.number<std::uint64_t>();
    const std::string_view bytes = reader.bytes(length);
    if (!reader.good() || !sections.emplace(number, bytes).second)
      return damaged(fmt::format("its section {} is cut short, or given twice", number));
  }
  for (const Section needed : {kTexts, kAbout, kSources}) {
    if (!sections.contains(needed)) return damaged(fmt::format("it has no section {}", needed));
  }
  return sections;
}

Result<> read_sections(std::string_view body, std::uint16_t minor, Snapshot& snapshot) {
  const auto sections = split(body);
  if (!sections) return tl::unexpected(sections.error());
  Texts texts;
  Reader table(sections->at(kTexts), texts);
  read_texts(table, texts);
  Reader about(sections->at(kAbout), texts);
  snapshot.written_at = about.number<std::int64_t>();
  snapshot.node = about.text();
  snapshot.imported_from = about.text();
  Reader sources(sections->at(kSources), texts);
  snapshot.sources = get_sources(sources, {true, true, minor >= 2, snapshot.node});
  bool good = table.good() && about.good() && sources.good();
  if (const auto found = sections->find(kTombstones); found != sections->end()) {
    Reader tombstones(found->second, texts);
    snapshot.tombstones = get_tombstones(tombstones, {});
    good = good && tombstones.good();
  }
  if (const auto found = sections->find(kGone); found != sections->end()) {  // from 3.1 on
    Reader gone(found->second, texts);
    snapshot.gone = get_gone(gone);
    good = good && gone.good();
  }
  if (!good) return damaged("its content does not parse");
  return {};
}

}  // namespace

std::string SnapshotFormat::to_string() const {
  return major < kSnapshotFormat.major ? std::to_string(major) : fmt::format("{}.{}", major, minor);
}

SnapshotFormat format_of(std::string_view bytes) {
  if (bytes.size() < kHeader || !bytes.starts_with(kMagic)) return {};
  return {at<std::uint16_t>(bytes, kMajorAt), at<std::uint16_t>(bytes, kMinorAt)};
}

std::string encode(const Snapshot& snapshot) {
  TextNumbers texts;
  Writer about(texts), sources(texts), tombstones(texts), gone(texts);
  about.number(snapshot.written_at);
  about.text(snapshot.node);
  about.text(snapshot.imported_from);
  put(sources, snapshot.sources, snapshot.node);
  put(tombstones, snapshot.tombstones);
  put(gone, snapshot.gone);
  const std::string table = texts.table();
  const std::pair<Section, const std::string&> sections[] = {{kTexts, table},
                                                             {kAbout, about.bytes()},
                                                             {kSources, sources.bytes()},
                                                             {kTombstones, tombstones.bytes()},
                                                             {kGone, gone.bytes()}};
  std::uint64_t body = 0;
  for (const auto& [number, bytes] : sections) body += 4 + 8 + bytes.size();
  std::string file;
  file.reserve(kHeader + body + kDigest);
  const auto put_number = [&file](auto value) {
    value = little(value);
    file.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  file += kMagic;
  put_number(kSnapshotFormat.major);
  put_number(kSnapshotFormat.minor);
  put_number(snapshot.generation);
  put_number(body);
  for (const auto& [number, bytes] : sections) {
    put_number(std::uint32_t{number});
    put_number(std::uint64_t{bytes.size()});
    file += bytes;
  }
  file += sha256(file);
  return file;
}

// The checksum comes first: only of what is whole does it matter which format it has.
Result<Snapshot> decode(std::string_view bytes) {
  if (bytes.empty()) return damaged("it is empty");
  if (bytes.size() < kHeader + kDigest || !bytes.starts_with(kMagic)) return damaged("no header");
  const std::string_view covered = bytes.substr(0, bytes.size() - kDigest);
  if (sha256(covered) != bytes.substr(covered.size()))
    return damaged("its checksum does not match");
  const SnapshotFormat format = format_of(bytes);
  if (format.major < kOldest || format.major > kSnapshotFormat.major) {
    return fail(Errc::incompatible,
                fmt::format("snapshot has format {}, this version reads {} to {}",
                            format.to_string(), kOldest, kSnapshotFormat.major));
  }
  const std::string_view body = covered.substr(kHeader);
  if (at<std::uint64_t>(bytes, kLengthAt) != body.size())
    return damaged("its length does not match");
  Snapshot snapshot;
  snapshot.generation = at<std::uint64_t>(bytes, kGenerationAt);
  const bool sections = format.major >= 3;
  const auto read = sections ? read_sections(body, format.minor, snapshot)
                             : read_plain(body, {format.major >= 2, false, false, ""}, snapshot);
  if (!read) return tl::unexpected(read.error());
  return snapshot;
}

}  // namespace holdfast
