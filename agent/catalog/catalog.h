// SPDX-License-Identifier: Apache-2.0
// The catalog: what the sources say and the guards admit, merged in order of precedence.
// Pure. The cost of apply() follows the number of changes, never the size of the catalog. What
// comes out is as this node sees it: node ports have become frontends, which others may claim, too.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/guard/guard.h"
#include "agent/model/departure.h"
#include "agent/model/service.h"

namespace holdfast {

struct SourceRank {  // in order of precedence, best first; fallbacks stand last
  std::string name;
};

// The desired state of one service after the merge: frontends lost to another service are left out.
struct CatalogChange {
  ServiceKey key;
  ServicePtr now;                    // nullptr: gone
  std::string source;                // the one that won
  std::vector<Departure> left = {};  // of the endpoints that the generation before had; sorted
};

struct Generation {
  std::uint64_t number = 0;
  std::vector<CatalogChange> changes;  // sorted by key; empty: nothing changed, number stays
  bool whole = true;                   // false: a piece of it, and more follow
};

struct Party {                                   // to a conflict
  FrontendKind kind = FrontendKind::cluster_ip;  // under which it claims
  std::string source;
};

// A frontend claimed twice: agent/catalog/frontend_claims.h says who has it.
struct Conflict {
  ServiceKey owner;
  ServiceKey loser;
  Frontend frontend;  // as the loser claims it
  Protocol protocol = Protocol::tcp;
  Party has = {};    // the owner
  Party wants = {};  // the loser

  // Why the owner has it: "the source of the owner comes first", ...
  std::string_view reason() const;
};

struct Sitting {  // who owns a frontend
  Frontend frontend;
  Protocol protocol = Protocol::tcp;
  ServiceKey owner;
};

struct Tombstone {  // an explained delete, masks the sources below
  ServiceKey key;
  std::string source;
};

class Catalog {
 public:
  // `first` is the number before the first generation of this life: max(maps, files).
  Catalog(std::vector<SourceRank> ranks, std::uint64_t first);
  ~Catalog();
  Catalog(Catalog&&) noexcept;
  Catalog& operator=(Catalog&&) noexcept;

  // Before the first apply(): what an earlier life deleted, and who sat on contested frontends.
  void restore(const std::vector<Tombstone>& tombstones, const std::vector<Sitting>& sitting = {});
  Generation apply(const std::string& source, const std::vector<Admitted>& admitted);
  // The addresses of this node, by what `source` says of nodes: there the node ports of its
  // services are frontends; until then on loopback alone. Costs those services, if it is news.
  Generation place(const std::string& source, const std::vector<IpAddress>& addresses);

  std::uint64_t number() const;
  std::vector<CatalogChange> all() const;    // every service, sorted by key
  std::vector<Conflict> conflicts() const;   // sorted by address, port, protocol, loser
  std::uint64_t conflicts_revision() const;  // grows when they may have changed
  std::vector<Tombstone> tombstones() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
