// SPDX-License-Identifier: Apache-2.0
// Second half of a plan: what was reserved, as operations in their order. Private to agent/plan.
#pragma once

#include "agent/plan/planner_state.h"

namespace holdfast {

// Inserts, in-place updates, deletes. What a service loses to another of the same generation moves
// by one in-place update: at no moment is the address unknown.
void frontend_ops(const Planner::State& state, std::vector<ServicePlan>& plans, Sections& sections);
// After frontend_ops, which says what has changed.
void service_ops(const Planner::State& state, const ServicePlan& service, Sections& sections);
void stray_ops(const Planner::State& state, Sections& sections);
Diff assemble(Sections& sections, const op::PutMeta& meta);

}  // namespace holdfast
