// SPDX-License-Identifier: Apache-2.0
// The daemon's answers: the requests of docs/admin-api.md, a row each.
#pragma once

#include <functional>

#include "agent/admin/http.h"
#include "agent/app/view.h"

namespace holdfast {

class Routes {
 public:
  // Both outlive it. `facts`: of the snapshots, asked for with each request.
  Routes(Pipeline& pipeline, Timers& timers, std::function<const SnapshotFacts&()> facts);

  admin::Response answer(const admin::Request& request);

 private:
  struct Row;
  static const std::vector<Row>& table();

  View view() const;
  admin::Response alive(const std::string& of);
  admin::Response ready(const std::string& of);
  admin::Response metrics(const std::string& of);
  admin::Response status(const std::string& of);
  admin::Response sources(const std::string& of);
  admin::Response holds(const std::string& of);
  admin::Response conflicts(const std::string& of);
  admin::Response diff(const std::string& of);
  admin::Response accept(const std::string& of);
  admin::Response reject(const std::string& of);
  admin::Response uninstall(const std::string& of);
  admin::Response decide(const std::string& id, bool accept);

  Pipeline& pipeline_;
  Timers& timers_;
  std::function<const SnapshotFacts&()> facts_;
};

}  // namespace holdfast
