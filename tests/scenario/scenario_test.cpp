// SPDX-License-Identifier: Apache-2.0
// Every script of this folder, and that a script can fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "agent/base/file.h"
#include "tests/scenario/script.h"

namespace holdfast::scenario {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::filesystem::path kFolder = HOLDFAST_SOURCE_DIR "/tests/scenario";

std::vector<std::string> scripts() {
  std::vector<std::string> names;
  for (const auto& one : std::filesystem::directory_iterator(kFolder)) {
    if (one.path().extension() == ".txt") names.push_back(one.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, GoesAsItSays) {
  const auto text = read_file(kFolder / (GetParam() + ".txt"), 1 << 20);
  ASSERT_TRUE(text);
  for (const std::string& one : run(*text)) ADD_FAILURE() << GetParam() << ".txt " << one;
}

INSTANTIATE_TEST_SUITE_P(Scripts, Scenario, testing::ValuesIn(scripts()), [](const auto& given) {
  std::string name = given.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

constexpr const char* kOne = R"(
services catalog.yaml
  song 10.96.0.1:80 -> 10.1.0.1
read
expect services:
  song 10.96.0.1:80 -> )";

TEST(Script, TellsWhatIsNotAsExpected) {
  EXPECT_THAT(run(std::string(kOne) + "10.1.0.1\n"), IsEmpty());
  EXPECT_THAT(run(std::string(kOne) + "10.1.0.2\n"),
              ElementsAre(HasSubstr("line 5: services:\n  song 10.96.0.1:80 -> 10.1.0.1\n")));
}

TEST(Script, RefusesWhatItDoesNotUnderstand) {
  EXPECT_THROW(run("  indented\n"), std::runtime_error);
  EXPECT_THROW(run("no-such-step\n"), std::runtime_error);
  EXPECT_THROW(run("wait 3 parsecs\n"), std::runtime_error);
  EXPECT_THROW(run("expect wonders:\n"), std::runtime_error);
}

}  // namespace
}  // namespace holdfast::scenario
