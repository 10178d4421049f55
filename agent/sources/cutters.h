// SPDX-License-Identifier: Apache-2.0
// The two ways to cut. Private to agent/sources.
#pragma once

#include "agent/sources/cut.h"

namespace holdfast {

std::vector<CutDocument> cut_yaml(std::string_view text);
std::vector<CutDocument> cut_json(std::string_view text);

}  // namespace holdfast
