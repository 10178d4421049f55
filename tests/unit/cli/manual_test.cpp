// SPDX-License-Identifier: Apache-2.0
// The man pages against the tables that the programs are made of, both ways: nothing missing in the
// pages, nothing in them that is not there.
#include <gmock/gmock.h>

#include <fstream>
#include <regex>
#include <set>

#include "agent/cli/commands/table.h"
#include "agent/config/config.h"
#include "tests/unit/cli/config_keys.h"
#include "tests/unit/cli/fixture.h"

namespace holdfast::cli::test {
namespace {

std::string read(const std::string& path) {
  std::ifstream in(HOLDFAST_SOURCE_DIR "/" + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

Names matches(const std::string& text, const char* pattern) {
  const std::regex expression(pattern);
  Names found;
  for (std::sregex_iterator one(text.begin(), text.end(), expression), end; one != end; ++one)
    found.insert((*one)[1]);
  return found;
}

// Options in bold.
Names documented_options(const std::string& page) {
  return matches(page, "\\*(--[a-z][a-z-]*)\\*");
}

TEST(Manual, TheOptionsOfHoldfast) {
  const std::string page = read("docs/man/holdfast.1.scd");
  Names real = matches(Host().run({"--help"}).out, "(--[a-z][a-z-]*)");
  ASSERT_TRUE(real.contains("--output"));
  for (const Command& command : commands()) {
    for (const Flag& flag : declare(command).usage.flags) real.insert(flag.name);
  }
  EXPECT_EQ(documented_options(page), real);
}

TEST(Manual, TheCommandsOfHoldfast) {
  const std::string page = read("docs/man/holdfast.1.scd");
  const auto from = page.find("\n# COMMANDS"), to = page.find("\n# EXIT STATUS");
  ASSERT_NE(from, page.npos);
  Names real, documented;
  for (const Command& command : commands()) real.insert(command.words);
  // The lines that begin an entry: "*service list*", "*completion bash*, *completion zsh*".
  std::istringstream lines(page.substr(from, to - from));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("*")) documented.merge(matches(line, "\\*([a-z][a-z ]*)\\*"));
  }
  EXPECT_EQ(documented, real);
}

TEST(Manual, TheOptionsOfHoldfastd) {
  Names real = matches(read("agent/daemon/main.cpp"), "\"(--[a-z][a-z-]*)\"");
  ASSERT_TRUE(real.contains("--mount-bpffs"));
  real.insert("--help");
  EXPECT_EQ(documented_options(read("docs/man/holdfastd.8.scd")), real);
}

TEST(Manual, TheKeysOfTheConfiguration) {
  const Names real = keys_of_the_configuration();
  ASSERT_TRUE(real.contains("dataplane.capacity.services"));
  ASSERT_TRUE(real.contains("sources.kubernetes.servers"));
  const std::string page = read("docs/man/holdfast-config.5.scd");
  // The lines that begin an entry; two keys may share one.
  Names documented;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("*")) documented.merge(matches(line, "\\*([a-z_]+[._][a-z_.]+)\\*"));
  }
  EXPECT_EQ(documented, real);
}

TEST(Manual, ScdocRendersEveryPage) {
  if (std::system("command -v scdoc >/dev/null") != 0) GTEST_SKIP() << "scdoc is not installed";
  for (const char* page : {"holdfast.1", "holdfastd.8", "holdfast-config.5"}) {
    const std::string path = std::string(HOLDFAST_SOURCE_DIR "/docs/man/") + page + ".scd";
    EXPECT_EQ(std::system(("scdoc <" + path + " | grep -q '^[.]TH'").c_str()), 0) << page;
  }
}

}  // namespace
}  // namespace holdfast::cli::test
