// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/env.h"

#include "agent/dataplane/kernel/kernel.h"

namespace holdfast::cli {
namespace {

Result<MapsView> read_pinned(const std::string& bpffs) {
  auto reader = PinnedReader::open(bpffs);
  if (!reader) return tl::unexpected(reader.error());
  auto image = reader->image();
  if (!image) return tl::unexpected(image.error());
  auto counters = reader->counters();
  if (!counters) return tl::unexpected(counters.error());
  return MapsView{std::move(*image), reader->capacity(), std::move(*counters), reader->programs()};
}

}  // namespace

Env real_env(std::ostream& out, std::ostream& err, char** environment) {
  std::map<std::string, std::string> variables;
  for (; *environment; ++environment) {
    const std::string entry(*environment);
    if (const auto equals = entry.find('='); equals != std::string::npos) {
      variables[entry.substr(0, equals)] = entry.substr(equals + 1);
    }
  }
  return Env{out, err, std::move(variables), read_pinned, admin::request_unix, uninstall};
}

}  // namespace holdfast::cli
