// SPDX-License-Identifier: Apache-2.0
// Why something leaves that was served: one of a few reasons to count and to decide by. The
// sections are design.md's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast {

enum class Ruling : std::uint8_t {
  stays,  // nothing below holds: it does not leave, it is held
  // By the guard of its source.
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
  port_gone,          // the service does not declare its port any more
  trusted,            // nothing of the source, or of the service, is held
  accepted,           // by an operator
  // By the catalog.
  source_gone,  // the configuration does not name its source any more (5)
  taken_over,   // another source's word counts now (4.6)
};
inline constexpr std::size_t kRulings = static_cast<std::size_t>(Ruling::taken_over) + 1;

// Those by which an endpoint leaves; with the others it stays in the pool, and may be not ready.
// clang-format off
inline constexpr std::array kDepartureRulings = {
    Ruling::explained,        Ruling::named,             Ruling::part_read, Ruling::seen_ending,
    Ruling::address_taken,    Ruling::refused_for_long,  Ruling::local_to_another,
    Ruling::absent_repeatedly, Ruling::port_gone,        Ruling::trusted,   Ruling::accepted,
    Ruling::source_gone,      Ruling::taken_over};
// clang-format on

// The code that metrics and JSON have: the name of the enumerator.
std::string_view to_string(Ruling ruling);

}  // namespace holdfast
