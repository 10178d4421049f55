// SPDX-License-Identifier: Apache-2.0
#include "agent/app/conflicts.h"

#include <fmt/format.h>

#include <utility>

namespace holdfast {
namespace {

void say(std::vector<std::string>& lines, std::size_t& left_out, std::string line) {
  if (lines.size() < ConflictWatch::kMostLines)
    lines.push_back(std::move(line));
  else
    ++left_out;
}

void end(std::vector<std::string>& lines, std::size_t left_out) {
  if (left_out > 0) lines.push_back(fmt::format("and {} frontends more", left_out));
}

}  // namespace

ConflictWatch::News ConflictWatch::look(const Catalog& catalog) {
  News news;
  if (std::exchange(revision_, catalog.conflicts_revision()) == catalog.conflicts_revision())
    return news;
  std::set<Key> now;
  std::size_t begun = 0, ended = 0;
  for (const Conflict& one : catalog.conflicts()) {
    const Key key{one.frontend.address, one.frontend.port, one.protocol, one.owner, one.loser};
    now.insert(key);
    if (known_.contains(key)) continue;
    say(news.begun, begun,
        fmt::format("frontend {} {} is claimed twice: {} has it ({}, source {}) and {} does not "
                    "get it ({}, source {}): {}",
                    format_host_port(one.frontend.address, one.frontend.port),
                    to_string(one.protocol), one.owner.to_string(), to_string(one.has.kind),
                    one.has.source, one.loser.to_string(), to_string(one.wants.kind),
                    one.wants.source, one.reason()));
  }
  for (const Key& key : known_) {
    if (now.contains(key)) continue;
    const auto& [address, port, protocol, owner, loser] = key;
    say(news.ended, ended,
        fmt::format("frontend {} {}: {} does not keep {} from it any more",
                    format_host_port(address, port), to_string(protocol), owner.to_string(),
                    loser.to_string()));
  }
  end(news.begun, begun);
  end(news.ended, ended);
  known_ = std::move(now);
  return news;
}

}  // namespace holdfast
