// SPDX-License-Identifier: Apache-2.0
// The kernel dataplane: maps, programs, links and pins. The only folder that includes libbpf.
// One thread, but for what Dataplane says of growth. No exit, no destructor and no error here
// detaches or deletes anything that serves.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/dataplane/dataplane.h"
#include "agent/dataplane/hooks.h"

namespace holdfast {

struct KernelTrial;  // trial.h: for tests

struct KernelOptions {
  std::string cgroup = "auto";         // a cgroup2 directory; auto: the root in the mount table
  std::string bpffs;                   // our directory; its parent must be on bpffs
  Capacity capacity;                   // for maps that do not exist yet; existing ones keep theirs
  Capacity limit = {};                 // of growth; what exists may be larger, and stays so
  const KernelTrial* trial = nullptr;  // outlives the dataplane
};

// The mount point of cgroup2 in /proc/self/mounts (on a hybrid host /sys/fs/cgroup/unified).
Result<std::string> find_cgroup2_root();
// What `cgroup` of the options stands for; invalid: no cgroup2 directory.
Result<std::string> resolve_cgroup(const std::string& configured);

std::string_view to_string(hf_grace_mode mode);  // "membarrier", "map-in-map"

class KernelDataplane : public Dataplane, public Hooks {
 public:
  // Takes both locks (exists: another daemon runs), ends a switch of sets that an earlier process
  // began, creates the maps or takes over the pinned ones, loads the programs. Attaches nothing.
  // Beside pinned maps that this version cannot read it creates its own, and touches those not.
  static Result<std::unique_ptr<KernelDataplane>> open(const KernelOptions& options);
  ~KernelDataplane() override;

  Result<> attach() override;
  Watched watch() override;
  Result<> bypass(int socket_fd) override;
  std::vector<ProgramStatus> programs() override;
  bool took_over() const override;
  std::string unreadable() const override;
  std::string cgroup_path() const override;
  const std::vector<std::string>& warnings() const override;
  std::string_view grace() const override { return to_string(grace_mode()); }
  hf_grace_mode grace_mode() const;  // of the grace periods of this life

  Capacity capacity() const override;
  Capacity limit() const override;
  std::uint32_t set() const override;
  std::unique_ptr<Growth> growth(const Capacity& room) override;
  Result<Image> observe() override;
  Result<Image> observe(Part part, std::uint32_t first, std::uint32_t count) override;
  Result<FrontendPage> frontends(const std::string& cursor) override;
  Result<std::optional<std::uint32_t>> frontend(const hf_frontend_key& key) override;
  Result<> apply(const Diff& diff) override;
  Result<hf_endpoint_stats> stats(std::uint32_t endpoint) override;
  Result<std::vector<std::uint32_t>> live(const std::vector<EndpointHandle>& endpoints) override;
  Result<std::vector<CounterValue>> counters() override;

 private:
  struct State;
  Watched look_and_mend();
  explicit KernelDataplane(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What the CLI sees with the daemon dead or alive: pinned maps, read only. Checks the pool words
// before and after, and retries what an update changed in between.
class PinnedReader {
 public:
  static Result<PinnedReader> open(const std::string& bpffs);  // not_found: nothing is pinned
  PinnedReader(PinnedReader&&) noexcept;
  PinnedReader& operator=(PinnedReader&&) noexcept;
  ~PinnedReader();

  Result<Image> image() const;
  Capacity capacity() const;
  std::uint32_t set() const;
  Result<std::vector<CounterValue>> counters() const;
  std::vector<ProgramStatus> programs() const;

 private:
  struct State;
  explicit PinnedReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Detaches and unpins everything under `bpffs`: the only remover. exists: a daemon runs (its lock
// is held) and `force` is false. Idempotent; returns what was removed, one path a line.
Result<std::vector<std::string>> uninstall(const std::string& bpffs, bool force);

// Mounts bpffs at the parent of `bpffs` unless one is there; true: it did. Needs CAP_SYS_ADMIN. In
// a mount namespace whose mounts do not propagate, only that namespace gets it.
Result<bool> mount_bpffs(const std::string& bpffs);

}  // namespace holdfast
