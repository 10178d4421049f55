// SPDX-License-Identifier: Apache-2.0
#include "agent/guard/decide.h"

#include <algorithm>
#include <initializer_list>

#include "agent/model/ready.h"
#include "agent/model/vantage.h"

namespace holdfast {
namespace {

struct Case {
  const Matter& matter;
  const Question& question;
  const HeldFacts* facts;  // nullptr: it is not held yet
};
using Holds = bool (*)(const Case&);
struct Row {
  Ruling ruling;
  Holds holds;
};

bool rejected(const Matter& matter) {
  return matter.entry.hold && matter.entry.hold->rejected;
}

bool enough(const Matter& matter, const Absences& absences) {
  return absences.count >= matter.state.settings.absences && !rejected(matter);
}

// A value restored from the maps alone has lost its origin: an update that is whole and without
// doubts explains it.
bool part_explains(const Matter& matter, const Text& origin) {
  const SourceUpdate* const update = matter.grounds.update;
  if (!update) return false;
  if (!origin.get().empty()) return update->confirmed_origins.contains(origin.get());
  return update->doubts.empty() && (update->complete || matter.state.complete);
}

const Endpoint* said_last(const Case& one) {
  return find_endpoint(counterpart(one.matter.entry.said.get(), one.question.before),
                       one.question.endpoint);
}

bool explained(const Case& one) {
  return one.matter.grounds.explained && said_last(one);
}

bool part_read(const Case& one) {
  const Text& origin = one.question.endpoint.origin;
  return in_parts(one.matter, origin) && part_explains(one.matter, origin);
}

bool seen_ending(const Case& one) {
  const Endpoint& endpoint = one.question.endpoint;
  return !in_parts(one.matter, endpoint.origin) && (endpoint.terminating || !is_usable(endpoint));
}

bool not_less(const Case& one) {
  const Endpoint& listed = *one.question.listed;
  return !one.question.endpoint.ready || listed.ready || listed.terminating;
}

bool turned_unready(const Case& one) {
  const Grounds& grounds = one.matter.grounds;
  if (grounds.basis != Basis::event && !grounds.explained) return false;
  const Endpoint* const last = said_last(one);
  return last ? last->ready : !one.question.endpoint.held;
}

bool named(const Case& one) {
  if (!one.matter.grounds.change) return false;
  const auto& all = one.matter.grounds.change->explained_endpoints;
  const Endpoint& endpoint = one.question.endpoint;
  return std::binary_search(all.begin(), all.end(),
                            EndpointAddress{endpoint.address, endpoint.port});
}

bool address_taken(const Case& one) {
  const Claims& claims = one.matter.state.claims;
  return claims.taken(one.question.endpoint, one.facts ? one.facts->gone_at : claims.now() - 1);
}

bool refused_for_long(const Case& one) {
  return one.facts && one.facts->over && !rejected(one.matter);
}

bool is_near(const Case& one) {
  return is_near(one.question.before, one.question.endpoint, one.matter.state.vantage);
}

// Nobody here ever finds out more of it: that it went with much else does not matter.
bool local_to_another(const Case& one) {
  return one.facts && !is_near(one) && enough(one.matter, one.facts->absences);
}

// Never from some to none by inference.
bool absent_repeatedly(const Case& one) {
  return one.facts && is_near(one) && !one.facts->absences.mass &&
         enough(one.matter, one.facts->absences) && one.question.said &&
         has_ready(*one.question.said, one.matter.state.vantage);
}

// clang-format off
constexpr Row kAbsent[] = {
    {Ruling::explained,   explained},
    {Ruling::part_read,   part_read},
    {Ruling::seen_ending, seen_ending},
};
constexpr Row kUnready[] = {
    {Ruling::not_less,       not_less},
    {Ruling::turned_unready, turned_unready},
};
// Whatever the source says.
constexpr Row kLearned[] = {
    {Ruling::named,             named},
    {Ruling::address_taken,     address_taken},
    {Ruling::refused_for_long,  refused_for_long},
    {Ruling::local_to_another,  local_to_another},
    {Ruling::absent_repeatedly, absent_repeatedly},
};
// clang-format on

template <std::size_t Rows>
Ruling first_of(const Row (&rows)[Rows], const Case& one) {
  const auto row = std::find_if(std::begin(rows), std::end(rows),
                                [&](const Row& candidate) { return candidate.holds(one); });
  return row == std::end(rows) ? Ruling::stays : row->ruling;
}

}  // namespace

bool in_parts(const Matter& matter, const Text& origin) {
  const SourceUpdate* const update = matter.grounds.update;
  return !origin.get().empty() || (update && !update->confirmed_origins.empty());
}

bool listed_absent(const Grounds& grounds) {
  return grounds.update && grounds.basis == Basis::list && grounds.update->doubts.empty();
}

Ruling decide_service(const Matter& matter, const Service& before) {
  if (matter.grounds.explained) return Ruling::explained;
  if (in_parts(matter, before.origin))
    return part_explains(matter, before.origin) ? Ruling::part_read : Ruling::stays;
  // By absence alone only what serves nobody here.
  const bool known = matter.entry.hold && matter.entry.absent;
  const bool repeated = known && !matter.entry.hold->absences.mass &&
                        enough(matter, matter.entry.hold->absences) &&
                        !has_usable(before, matter.state.vantage);
  return repeated ? Ruling::absent_repeatedly : Ruling::stays;
}

Ruling decide_endpoint(const Matter& matter, const Question& question) {
  const HeldFacts* const facts =
      matter.entry.hold ? matter.entry.hold->find(question.endpoint, question.before.protocol)
                        : nullptr;
  const Case one{matter, question, facts};
  Ruling ruling = Ruling::stays;
  if (question.listed)
    ruling = first_of(kUnready, one);
  else if (question.said)
    ruling = first_of(kAbsent, one);
  return ruling != Ruling::stays ? ruling : first_of(kLearned, one);
}

}  // namespace holdfast
