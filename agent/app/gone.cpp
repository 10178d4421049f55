// SPDX-License-Identifier: Apache-2.0
// Sources that the configuration does not name any more (gone_sources.h): what the daemon does
// about them, and says.
#include <fmt/format.h>

#include <algorithm>

#include "agent/app/daemon.h"
#include "agent/app/log.h"
#include "agent/app/timer.h"

namespace holdfast {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

// What is left of the grace is kept at least so often: a crash costs no more of it.
constexpr auto kKeepGrace = 60s;

std::size_t services_in(const GoneSources::Changes& changes) {
  std::size_t count = 0;
  for (const auto& [name, services] : changes) count += services.size();
  return count;
}

}  // namespace

void Daemon::take_up_gone(Restored& restored) {
  std::set<std::string> configured;
  for (const SourceState& source : sources_) configured.insert(source.name);
  gone_.take(restored, reconciler_->found(), last_snapshot_, configured, steady_clock::now());
}

// After the configured ones are restored.
void Daemon::serve_gone() {
  if (gone_.empty()) return;
  for (const GoneSources::Row& row : gone_.rows(steady_clock::now())) {
    log::warn(fmt::format(
        "source {} is not in the configuration any more: its {} services are served for {} s more, "
        "then they leave; a source that lists them takes them over; 'holdfast uninstall --source "
        "{}' takes them out at once",
        row.name, row.services, row.left.count(), row.name));
  }
  // First into the catalog: what the maps hold leaves them by a change of it only.
  program_gone(gone_.all());
  let_go_of_claimed(gone_.claimed(claims_of_catalog({})));
  watch_gone();
}

void Daemon::program_gone(const GoneSources::Changes& changes) {
  for (const auto& [name, admitted] : changes) program(catalog_->apply(name, admitted));
}

void Daemon::watch_gone() {
  const auto deadline = gone_.next_deadline();
  if (!deadline) return;
  const auto wait = std::min<steady_clock::duration>(*deadline - steady_clock::now(), kKeepGrace);
  after(gone_timer_, wait, [this] {
    const auto over = gone_.expire(steady_clock::now());
    for (const auto& [name, services] : over) {
      log::warn(
          fmt::format("source {} is not in the configuration and its grace is over: its {} "
                      "services leave",
                      name, services.size()));
    }
    program_gone(over);
    schedule_snapshot();
    watch_gone();
  });
}

// Every configured source's word goes through here. What it lists is its own before a gone source
// lets go of it, so that no connect finds neither.
void Daemon::admit(const SourceState& source, const std::vector<Admitted>& admitted) {
  const auto taken = gone_.taken_over(admitted);
  hear_of_addresses(admitted, {});
  program(catalog_->apply(source.name, admitted));
  if (taken.empty()) return;
  program_gone(taken);
  log::info(
      fmt::format("source {} lists {} services of sources that are not in the configuration, "
                  "and has taken them over",
                  source.name, services_in(taken)));
  schedule_snapshot();
}

void Daemon::hear_of_addresses(const std::vector<Admitted>& listed,
                               const std::vector<AddressClaim>& claims) {
  if (gone_.empty() || !gone_.contested(listed, claims)) return;
  auto known = claims_of_catalog(listed);
  known.insert(known.end(), claims.begin(), claims.end());
  let_go_of_claimed(gone_.claimed(known));
}

// Of all configured sources' services, with `listed` in place of what the catalog has of them.
std::vector<AddressClaim> Daemon::claims_of_catalog(const std::vector<Admitted>& listed) {
  std::set<ServiceKey> newer;
  std::vector<AddressClaim> claims;
  for (const Admitted& one : listed) {
    newer.insert(one.key);
    if (one.now) gone_.add_claims(*one.now, claims);
  }
  const auto configured = [this](const std::string& name) {
    return std::any_of(sources_.begin(), sources_.end(),
                       [&](const SourceState& source) { return source.name == name; });
  };
  for (const CatalogChange& one : catalog_->all()) {
    if (!newer.contains(one.key) && configured(one.source)) gone_.add_claims(*one.now, claims);
  }
  return claims;
}

void Daemon::let_go_of_claimed(const GoneSources::Changes& changes) {
  for (const auto& [name, services] : changes) {
    log::warn(
        fmt::format("source {} is not in the configuration, and another has the address of "
                    "endpoints of {} services of it: these endpoints leave; the first "
                    "service is {}",
                    name, services.size(), services.front().key.to_string()));
  }
  program_gone(changes);
  if (!changes.empty()) schedule_snapshot();
}

std::optional<std::size_t> Daemon::uninstall_source(const std::string& name) {
  const auto leaving = gone_.leave(name);
  if (!leaving) return std::nullopt;
  log::warn(
      fmt::format("source {} is not in the configuration: its {} services leave, by the "
                  "operator",
                  name, services_in(*leaving)));
  program_gone(*leaving);
  schedule_snapshot();
  return services_in(*leaving);
}

}  // namespace holdfast
