// SPDX-License-Identifier: Apache-2.0
// Ports that services declare and this version does not serve. The maps hold what is served and
// nothing else, so these are read from the newest good snapshot: it lags by its debounce of 10 s,
// and where there is none yet they are not shown.
#pragma once

#include <boost/json/array.hpp>
#include <vector>

#include "agent/cli/command.h"

namespace holdfast::cli {

// The services of the snapshot with such ports; in order of their names.
std::vector<boost::json::object> unserved_services(const Options& options);
// Adds their frontends to the rows of `service list`, and a row for each of which the maps have
// nothing at all.
void add_unserved(const Options& options, boost::json::array& rows);

}  // namespace holdfast::cli
