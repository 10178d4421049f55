// SPDX-License-Identifier: Apache-2.0
// Rows of the JSON contract (design.md 5) from the maps. Pure.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "agent/cli/env.h"
#include "agent/plan/inspect.h"

namespace holdfast::cli {

std::string_view to_string(hf_member_state state);
std::string_view to_string(hf_no_endpoints answer);
std::string_view to_string(hf_selector selector);

boost::json::object frontend_row(const Frontend& frontend, Protocol protocol);
boost::json::object endpoint_row(const EndpointView& view);
boost::json::object service_row(const ServiceView& view);
boost::json::array map_rows(const MapsView& maps);
// The elements in use of one map; not_found names the maps there are.
Result<boost::json::array> map_elements(const MapsView& maps, const std::string& name);

}  // namespace holdfast::cli
