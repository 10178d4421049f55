// SPDX-License-Identifier: Apache-2.0
// Layout 1, of the versions before layout 2: how its sets are read, and how they read ours.
//
// It had three fields that meant something else than they do now, under other names in the text:
// `flags` of an endpoint was its protocol; `policy` of a pool held the tail; `last_failure` of the
// stats was the kind alone. A set of ours tells both names of each, as each of the former fields
// can be read in the same bytes: a pool shows no tail to layout 1, and a failure in a row no kind.
// No bit that layout 1 has for something else may be used as long as that is so: whoever needs one
// leaves the former name out, and a version of layout 1 fills a set of its own. Pure.
#pragma once

#include "agent/dataplane/image.h"
#include "agent/dataplane/schema.h"

namespace holdfast::layout1 {

// Of a set of layout 1: fields get the names of today. Of one of ours: the former names go.
void rename_fields(Schema& schema);
Schema with_former_names(const Schema& own);

bool has_tails_in_policies(const Schema& schema);
// Of an image of such a set, whose names have no tails.
void move_tails(Image& image);

}  // namespace holdfast::layout1
