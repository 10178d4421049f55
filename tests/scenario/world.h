// SPDX-License-Identifier: Apache-2.0
// A whole agent without root: files that are read as the file source reads them, a pipeline, maps
// in memory, time that passes when it is told to.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/app/pipeline.h"
#include "agent/app/view.h"
#include "agent/sources/file/file_set.h"
#include "tests/scenario/model.h"

namespace holdfast::scenario {

class World {
 public:
  GuardSettings guard;  // of the next life
  Room room;            // dataplane.capacity, likewise
  std::map<std::string, std::string> files;

  World();
  ~World();
  void begin();                // a life; restart() and reboot() begin another
  void restart();              // killed; the maps serve on
  void reboot(bool snapshot);  // the maps are gone, and perhaps the disk
  void read();                 // the source reads what the files are by now
  void pass(std::chrono::steady_clock::duration duration) { timers.pass(duration); }
  // What a prober or a workload tells of an endpoint.
  void find(const std::string& endpoint, Verdict verdict, const std::string& words);

  View view() const;
  const ModelSource& source() const { return *source_; }
  std::vector<std::string> services() const;  // "song 10.96.0.1:80 -> 10.1.0.1 10.1.0.2"
  std::vector<std::string> holds() const;     // "song 10.1.0.1 10.1.0.2"
  std::vector<std::string> probed() const;
  std::vector<std::string> left() const;  // in this life, by why: "explained 2"

  ModelTimers timers;
  std::unique_ptr<Pipeline> pipeline;
  std::shared_ptr<ModelMaps> maps;  // nullptr: none yet
  std::size_t kept = 0;             // times at which something was worth a snapshot

 private:
  void end();

  std::shared_ptr<ModelHooks> hooks_ = std::make_shared<ModelHooks>();
  ModelProbes probes_;
  ModelSource* source_ = nullptr;
  std::unique_ptr<FileSet> set_;
  std::optional<std::string> disk_;  // the last snapshot, encoded
  SnapshotFacts facts_;
};

}  // namespace holdfast::scenario
