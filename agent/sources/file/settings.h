// SPDX-License-Identifier: Apache-2.0
// Of a file source in the configuration.
#pragma once

#include <string>

namespace holdfast {

struct FileSourceConfig {
  std::string path;  // a file, or a directory of *.yaml, *.yml, *.json
};

}  // namespace holdfast
