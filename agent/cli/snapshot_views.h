// SPDX-License-Identifier: Apache-2.0
// A snapshot as JSON, and for people.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <iosfwd>

#include "agent/cli/output.h"
#include "agent/snapshot/store.h"

namespace holdfast::cli {

// `now`: seconds since the epoch. What is not known of a file is null.
boost::json::object snapshot_row(const StoredSnapshot& file, std::int64_t now);
// The same with sources, tombstones and services. The file must have been decoded.
boost::json::object snapshot_document(const StoredSnapshot& file, std::int64_t now);
void describe_snapshot(std::ostream& out, const Rendering& how,
                       const boost::json::object& document);

}  // namespace holdfast::cli
