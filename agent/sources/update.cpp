// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/update.h"

namespace holdfast {

std::string Problem::to_string() const {
  std::string text = file;
  if (line > 0) text += ":" + std::to_string(line) + ":" + std::to_string(column);
  if (!text.empty()) text += ": ";
  if (!object.empty()) text += object + ": ";
  return text + message;
}

}  // namespace holdfast
