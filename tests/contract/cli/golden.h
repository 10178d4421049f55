// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "agent/base/file.h"

namespace holdfast::cli::test {

// What stands in golden/NAME.json; with HOLDFAST_UPDATE_GOLDEN it is written first.
inline void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = HOLDFAST_SOURCE_DIR "/tests/contract/cli/golden/" + name + ".json";
  if (std::getenv("HOLDFAST_UPDATE_GOLDEN")) std::ofstream(path) << text;
  const auto expected = read_file(path, 1 << 20);
  ASSERT_TRUE(expected) << expected.error().what;
  EXPECT_EQ(text, *expected);
}

}  // namespace holdfast::cli::test
