// SPDX-License-Identifier: Apache-2.0
#include "agent/app/sources.h"

#include "agent/sources/file/file_source.h"
#include "agent/sources/kubernetes/api/api_source.h"

namespace holdfast {
namespace {

struct Make {
  const std::string& name;
  const SourceSurroundings& with;

  std::unique_ptr<Source> operator()(const FileSourceConfig& file) const {
    return std::make_unique<FileSource>(with.loop, name, file, with.memory);
  }
  std::unique_ptr<Source> operator()(const KubernetesSourceConfig& kubernetes) const {
    return std::make_unique<KubernetesSource>(with.loop, name, kubernetes, with.node_name,
                                              with.prepare_socket);
  }
};

struct Kind {
  std::string operator()(const FileSourceConfig&) const { return "file"; }
  std::string operator()(const KubernetesSourceConfig&) const { return "kubernetes"; }
};

}  // namespace

std::string kind_of(const SourceConfig& config) {
  return std::visit(Kind{}, config.kind);
}

std::unique_ptr<Source> make_source(const SourceConfig& config,
                                    const SourceSurroundings& surroundings) {
  return std::visit(Make{config.name, surroundings}, config.kind);
}

}  // namespace holdfast
