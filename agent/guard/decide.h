// SPDX-License-Identifier: Apache-2.0
// Whether what a source does not say any more leaves, and why: two tables of rulings, read from the
// top. Pure. Private to agent/guard.
#pragma once

#include "agent/guard/state.h"
#include "agent/model/ruling.h"

namespace holdfast {

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
