// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "agent/base/file.h"

namespace holdfast {

// What stands in the file `path`, below the root of the project; with HOLDFAST_UPDATE_GOLDEN it is
// written first.
inline void expect_golden(const std::string& path, const std::string& text) {
  const std::string file = HOLDFAST_SOURCE_DIR "/" + path;
  if (std::getenv("HOLDFAST_UPDATE_GOLDEN")) std::ofstream(file) << text;
  const auto expected = read_file(file, 1 << 20);
  ASSERT_TRUE(expected) << expected.error().what;
  EXPECT_EQ(text, *expected) << path;
}

}  // namespace holdfast
