// SPDX-License-Identifier: Apache-2.0
// The kernel's own decision, bpf/lib/lookup.h, run over an image: what a connect to an address
// would get from maps that hold this. For `holdfast explain` and for tests.
#pragma once

#include <cstdint>
#include <string>

#include "agent/dataplane/image.h"

namespace holdfast {

// Those of enum hf_verdict.
enum class LookupVerdict {
  pass,         // the connect is left alone
  endpoint,     // it goes to `target`
  refuse,       // ECONNREFUSED
  unreachable,  // EHOSTUNREACH
};

struct Decision {
  LookupVerdict verdict = LookupVerdict::pass;
  std::uint32_t counter = 0;  // enum hf_counter: why
  std::uint32_t pool = 0;     // 0: the address is no frontend
  std::uint32_t service = 0;  // 0 unless an endpoint was chosen or the pool is empty
  std::uint32_t slot = 0;
  std::uint32_t endpoint = 0;
  hf_endpoint target{};
};

// What the maps do not tell.
struct Caller {
  std::uint32_t random = 0;      // which slot: 0 is the first one
  bool in_host_scope = true;     // in the network namespace that host frontends belong to
  std::string* loads = nullptr;  // gets a letter a load: f frontend, w and p the words of a pool
                                 // (word, policy), s slot, e endpoint
};

Decision look_up(const Image& image, const hf_frontend_key& key, const Caller& caller = {});

}  // namespace holdfast
