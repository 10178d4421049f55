// SPDX-License-Identifier: Apache-2.0
#include "agent/model/ruling.h"

namespace holdfast {

std::string_view to_string(Ruling ruling) {
  switch (ruling) {
    case Ruling::stays:
      return "stays";
    case Ruling::explained:
      return "explained";
    case Ruling::named:
      return "named";
    case Ruling::part_read:
      return "part_read";
    case Ruling::seen_ending:
      return "seen_ending";
    case Ruling::not_less:
      return "not_less";
    case Ruling::turned_unready:
      return "turned_unready";
    case Ruling::address_taken:
      return "address_taken";
    case Ruling::refused_for_long:
      return "refused_for_long";
    case Ruling::local_to_another:
      return "local_to_another";
    case Ruling::absent_repeatedly:
      return "absent_repeatedly";
    case Ruling::port_gone:
      return "port_gone";
    case Ruling::trusted:
      return "trusted";
    case Ruling::accepted:
      return "accepted";
    case Ruling::source_gone:
      return "source_gone";
    case Ruling::taken_over:
      return "taken_over";
  }
  return "?";
}

}  // namespace holdfast
