// SPDX-License-Identifier: Apache-2.0
// Every byte flipped and every length cut: never trusted, and (run under ASan) never read past.
#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "agent/snapshot/snapshot.h"
#include "tests/unit/snapshot/golden.h"
#include "tests/unit/snapshot/sealed.h"

namespace holdfast {
namespace {

constexpr std::size_t kDigest = 32;
constexpr std::size_t kSamples = 100'000;  // at least, of each kind

std::string whole() {
  Snapshot snapshot = golden_snapshot();
  snapshot.node = "node-1";
  snapshot.sources[0].source_memory = kGoldenWay;
  return encode(snapshot);
}

void figure(const char* what, std::size_t samples, std::size_t trusted) {
  std::printf("figure snapshot: %s: %zu samples, %zu trusted\n", what, samples, trusted);
}

// Every byte by every other value it can have.
TEST(Damage, EveryByteFlippedIsNeverTrusted) {
  const std::string good = whole();
  ASSERT_TRUE(decode(good));
  std::size_t samples = 0, trusted = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    for (int flip = 1; flip < 256; ++flip) {
      bad[at] = static_cast<char>(good[at] ^ flip);
      const auto decoded = decode(bad);
      ++samples;
      trusted += decoded.has_value();
      if (decoded) continue;
      ASSERT_EQ(decoded.error().code, Errc::invalid) << "byte " << at << " ^ " << flip;
    }
  }
  figure("every byte flipped", samples, trusted);
  EXPECT_EQ(trusted, 0u);
  EXPECT_GE(samples, kSamples);
}

// Of a file of many services, so that there are so many lengths; each with and without what a
// crash may leave behind the cut: zeros up to the old length.
TEST(Damage, EveryLengthCutIsNeverTrusted) {
  Snapshot snapshot = golden_snapshot();
  while (encode(snapshot).size() < 4096) {
    auto& services = snapshot.sources[0].memory.services;
    services.push_back(services.front());
  }
  const std::string good = encode(snapshot);
  std::size_t samples = 0, trusted = 0;
  const auto sample = [&](std::string_view bytes) {
    ++samples;
    trusted += decode(bytes).has_value();
  };
  for (std::size_t length = 0; length < good.size(); ++length) {
    sample(std::string_view(good).substr(0, length));
    std::string zeros = good.substr(0, length);
    zeros.resize(good.size());
    if (zeros != good) sample(zeros);
  }
  // Cut at any length and continued with any other part of itself, as by lost writes.
  std::mt19937_64 random(20261124);
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
  while (samples < kSamples) {
    const std::string torn = good.substr(0, below(good.size())) + good.substr(below(good.size()));
    if (torn != good) sample(torn);
  }
  figure("every length cut, and torn", samples, trusted);
  EXPECT_EQ(trusted, 0u);
}

// A checksum does not protect from a writer's bug: under a right one anything may stand. What is
// read is then whatever it says, but whole: it can be written and read again.
TEST(Damage, UnderARightChecksumItNeverCrashes) {
  const std::string good = whole();
  std::mt19937_64 random(4711);
  std::size_t samples = 0, read = 0;
  for (; samples < kSamples; ++samples) {
    std::string bad = good;
    for (auto left = 1 + random() % 3; left > 0; --left)
      bad[random() % (bad.size() - kDigest)] = static_cast<char>(random());
    if (random() % 4 == 0) bad.resize(kDigest + random() % (bad.size() - kDigest));
    const auto decoded = decode(sealed(std::move(bad)));
    if (!decoded) continue;
    ++read;
    ASSERT_TRUE(decode(encode(*decoded)));
  }
  std::printf(
      "figure snapshot: changed under a right checksum: %zu samples, %zu parsed, 0 crashes\n",
      samples, read);
  EXPECT_LT(read, samples);
}

}  // namespace
}  // namespace holdfast
