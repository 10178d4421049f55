// SPDX-License-Identifier: Apache-2.0
// Sources that the configuration does not name any more (gone_sources.h): what is done about them,
// and said.
#include <fmt/format.h>

#include <algorithm>

#include "agent/app/intake.h"
#include "agent/app/log.h"

namespace holdfast {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

// What is left of the grace is kept at least so often: a crash costs no more of it.
constexpr auto kKeepGrace = 60s;

}  // namespace

// After the configured ones are restored.
void Intake::serve_gone() {
  if (gone_.empty()) return;
  for (const GoneSources::Row& row : gone_.rows(timers_.now())) {
    log::warn(fmt::format(
        "source {} is not in the configuration any more: its {} services are served for {} s more, "
        "then they leave; a source that lists them takes them over; 'holdfast uninstall --source "
        "{}' takes them out at once",
        row.name, row.services, row.left.count(), row.name));
  }
  for (const GoneSources::Row& row : gone_.rows(timers_.now()))
    place(row.name, gone_.nodes(row.name));
  // First into the catalog: what the maps hold leaves them by a change of it only.
  publish_gone(gone_.all());
  let_go_of_claimed(gone_.claimed(claims_of_catalog({})));
  watch_gone();
}

void Intake::publish_gone(const GoneSources::Changes& changes) {
  for (const auto& [name, admitted] : changes) publish(catalog_->apply(name, admitted));
}

void Intake::watch_gone() {
  const auto deadline = gone_.next_deadline();
  if (!deadline) return;
  const auto wait = std::min<steady_clock::duration>(*deadline - timers_.now(), kKeepGrace);
  gone_timer_->after(wait, [this] {
    finish_update();
    const auto over = gone_.expire(timers_.now());
    for (const auto& [name, services] : over) {
      log::warn(
          fmt::format("source {} is not in the configuration and its grace is over: its {} "
                      "services leave",
                      name, services.size()));
    }
    publish_gone(over);
    followers_.keep();
    watch_gone();
  });
}

void Intake::hear_of_addresses(const std::vector<Admitted>& listed,
                               const std::vector<AddressClaim>& claims) {
  if (gone_.empty() || !gone_.contested(listed, claims)) return;
  auto known = claims_of_catalog(listed);
  known.insert(known.end(), claims.begin(), claims.end());
  let_go_of_claimed(gone_.claimed(known));
}

// Of all configured sources' services, with `listed` in place of what the catalog has of them.
std::vector<AddressClaim> Intake::claims_of_catalog(const std::vector<Admitted>& listed) {
  std::set<ServiceKey> newer;
  std::vector<AddressClaim> claims;
  for (const Admitted& one : listed) {
    newer.insert(one.key);
    if (one.now) gone_.add_claims(*one.now, claims);
  }
  const auto configured = [this](const std::string& name) {
    return std::any_of(sources_.begin(), sources_.end(),
                       [&](const GuardedSource& source) { return source.name == name; });
  };
  for (const CatalogChange& one : catalog_->all()) {
    if (!newer.contains(one.key) && configured(one.source)) gone_.add_claims(*one.now, claims);
  }
  return claims;
}

void Intake::let_go_of_claimed(const GoneSources::Changes& changes) {
  for (const auto& [name, services] : changes) {
    log::warn(
        fmt::format("source {} is not in the configuration, and another has the address of "
                    "endpoints of {} services of it: these endpoints leave; the first "
                    "service is {}",
                    name, services.size(), services.front().key.to_string()));
  }
  publish_gone(changes);
  if (!changes.empty()) followers_.keep();
}

Result<std::size_t> Intake::uninstall(const std::string& name) {
  finish_update();
  for (const GuardedSource& source : sources_) {
    if (source.name == name)
      return fail(Errc::exists, fmt::format("source {} is in the configuration: take it out of the "
                                            "file, and start holdfastd anew",
                                            name));
  }
  const auto leaving = gone_.leave(name);
  if (!leaving) return fail(Errc::not_found, fmt::format("nothing is served of a source {}", name));
  log::warn(
      fmt::format("source {} is not in the configuration: its {} services leave, by the "
                  "operator",
                  name, services_in(*leaving)));
  publish_gone(*leaving);
  followers_.keep();
  return services_in(*leaving);
}

}  // namespace holdfast
