// SPDX-License-Identifier: Apache-2.0
// A file source in the configuration.
#pragma once

#include <memory>
#include <string>

namespace holdfast {

class Source;
struct SourceSurroundings;

struct FileSourceConfig {
  static constexpr const char* kKind = "file";

  std::string path;  // a file, or a directory of *.yaml, *.yml, *.json

  // The keys of its section; `Loader` is agent/config's.
  template <class Loader>
  auto keys(Loader& loader) {
    return typename Loader::Keys{{"path", loader.path(path)}};
  }
  // What is wrong with the keys together, each being right; "": nothing.
  std::string problem() const {
    return path.empty() ? "file.path is missing: a file, or a directory of *.yaml and *.json" : "";
  }
  std::unique_ptr<Source> make(const std::string& name, const SourceSurroundings& with) const;
};

}  // namespace holdfast
