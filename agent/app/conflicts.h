// SPDX-License-Identifier: Apache-2.0
// Frontends that two services claim: what began and what ended, in words for the log. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "agent/catalog/catalog.h"

namespace holdfast {

class ConflictWatch {
 public:
  static constexpr std::size_t kMostLines = 50;  // of each; what is more is counted

  struct News {
    std::vector<std::string> begun, ended;
  };
  // Since the last look. Costs nothing while the catalog's conflicts stay as they are.
  News look(const Catalog& catalog);

 private:
  using Key = std::tuple<IpAddress, std::uint16_t, Protocol, ServiceKey, ServiceKey>;

  std::uint64_t revision_ = 0;
  std::set<Key> known_;  // owner before loser
};

}  // namespace holdfast
