// SPDX-License-Identifier: Apache-2.0
// The kernel maps themselves.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <memory>

#include "agent/cli/commands/table.h"
#include "agent/cli/views.h"

namespace holdfast::cli {
namespace {

int list(const Env& env, const Options& options) {
  const auto maps = env.open_maps(options.config.bpffs);
  if (!maps) return report(env, options, maps.error());
  print_rows(env.out, options.rendering, map_rows(*maps),
             {{"NAME", "name"}, {"USED", "used"}, {"CAPACITY", "capacity"}, {"SET", "set"}},
             {"name"});
  return kOk;
}

int dump(const Env& env, const Options& options, const std::string& name) {
  const auto maps = env.open_maps(options.config.bpffs);
  if (!maps) return report(env, options, maps.error());
  const auto rows = map_elements(*maps, name);
  if (!rows) return report(env, options, rows.error());
  if (options.rendering.format == Format::table || options.rendering.format == Format::wide) {
    std::vector<Column> columns;
    if (!rows->empty()) {
      for (const auto& member : rows->front().as_object()) {
        std::string heading(member.key().data(), member.key().size());
        std::transform(heading.begin(), heading.end(), heading.begin(), [](unsigned char one) {
          return one == '_' ? '-' : static_cast<char>(std::toupper(one));
        });
        columns.push_back({heading, std::string(member.key().data(), member.key().size())});
      }
    }
    print_rows(env.out, options.rendering, *rows, columns, {});
  } else {
    print_rows(env.out, options.rendering, *rows, {}, {"id"});
  }
  return kOk;
}

}  // namespace

Run map_list(Usage&) {
  return list;
}

Run map_dump(Usage& usage) {
  const auto name = std::make_shared<std::string>();
  usage.argument("NAME", *name);
  usage.examples = {"holdfast map dump pools"};
  return [name](const Env& env, const Options& options) { return dump(env, options, *name); };
}

}  // namespace holdfast::cli
