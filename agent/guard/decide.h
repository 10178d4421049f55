// SPDX-License-Identifier: Apache-2.0
// Whether what a source does not say any more leaves, and why: two tables of rulings, read from the
// top. Pure. Private to agent/guard.
#pragma once

#include "agent/guard/state.h"

namespace holdfast {

// Why something leaves. The sections are design.md's.
enum class Ruling : std::uint8_t {
  stays,              // nothing below holds: it is held
  explained,          // an event says so of the service (4.1)
  named,              // an event names the endpoint (4.1)
  part_read,          // the part it was read from was read whole, without it (4.1)
  seen_ending,        // it was terminating, or of no use to anybody (4.1)
  not_less,           // it was not ready before, or is, or is terminating now (4.1)
  turned_unready,     // an event says so: it was ready in the answer before (4.1)
  address_taken,      // another identity has its address (4.4)
  refused_for_long,   // by evidence (4.2)
  local_to_another,   // nobody of this node is sent to it: absent from enough lists (4.3)
  absent_repeatedly,  // from enough lists, and others are ready by the source's word (4.3)
};

// What a judgement of one service is about, and what it stands on. Borrows all of it.
struct Matter {
  const Guard::State& state;
  const Guard::State::Entry& entry;  // as before the judgement
  const Grounds& grounds;
};

// Of a source with parts: files of a directory.
bool in_parts(const Matter& matter, const Text& origin);
// It is absent from a list that nothing is doubted of. A list in doubt (an older answer) is no
// repetition of anything.
bool listed_absent(const Grounds& grounds);

// One endpoint, of those that were admitted.
struct Question {
  const Endpoint& endpoint;    // as admitted
  const Pool& before;          // its pool, as admitted
  const Pool* said = nullptr;  // the pool by the source's word; nullptr: the service is absent
  const Endpoint* listed = nullptr;  // in `said`; nullptr: it is absent
};

// The whole service is absent.
Ruling decide_service(const Matter& matter, const Service& before);
// The endpoint is absent, or not ready where it was. With an absent service (no `said`) only what
// is learned of the endpoint itself counts.
Ruling decide_endpoint(const Matter& matter, const Question& question);

}  // namespace holdfast
