// SPDX-License-Identifier: Apache-2.0
// What the maps must answer, said twice and independently: from the services, and from the words in
// the maps read as a program reads them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/catalog/catalog.h"
#include "agent/dataplane/image.h"

namespace holdfast {

// Endpoint "address:port" -> its slots. Empty: what the pool answers is in `empty`.
struct Answer {
  std::map<std::string, std::uint32_t> endpoints;
  std::uint32_t empty = 0;  // enum hf_no_endpoints, where there are no endpoints

  bool operator==(const Answer&) const = default;
};
using Answers = std::map<std::string, Answer>;  // by frontend, "address:port"

Answers wanted(const std::vector<CatalogChange>& services);
// Which pool a frontend leads to, in words that are the same in every generation.
std::map<std::string, std::string> owners(const std::vector<CatalogChange>& services);
std::map<std::string, Answer> pools(const std::vector<CatalogChange>& services);
// Where the clients are whose answers are foretold.
inline const char* const kHere = "node-1";

// By pool: all that can serve, "address:port", also what is picked only where others are lacking.
std::map<std::string, std::set<std::string>> able(const std::vector<CatalogChange>& services);
// An endpoint that no connect could reach is in it as "missing" or "retired".
Answers answered(const Image& image);
std::string text(const Answers& answers);

// The service as the maps can say it: origins, ages and what is not programmed left out; nullptr
// when nothing of it is programmed.
ServicePtr as_in_maps(const Service& service);

}  // namespace holdfast
