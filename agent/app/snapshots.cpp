// SPDX-License-Identifier: Apache-2.0
#include "agent/app/snapshots.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <system_error>
#include <utility>

#include "agent/app/log.h"

namespace holdfast {

using std::chrono::steady_clock;

void SnapshotSchedule::changed(TimePoint now, bool complete) {
  complete_ = complete_ || complete;
  if (complete_ && !complete_begun_) {
    due_ = now;
    return;
  }
  if (due_) return;
  due_ = now + kGather;
  if (last_) due_ = std::max(*due_, *last_ + kInterval);
}

void SnapshotSchedule::begun(TimePoint now) {
  due_.reset();
  last_ = now;
  complete_begun_ = complete_;
}

// A first complete one that failed waits its turn: at once was for the first try.
void SnapshotSchedule::failed() {
  if (!due_) due_ = last_.value_or(TimePoint{}) + kInterval;
}

Snapshots::Snapshots(boost::asio::io_context& loop, Timers& timers, std::string directory,
                     std::string node, std::function<std::optional<Snapshot>()> take)
    : loop_(loop),
      store_(std::move(directory), std::move(node)),
      take_(std::move(take)),
      timers_(timers),
      timer_(timers.timer()) {}

Snapshots::~Snapshots() {
  if (worker_.joinable()) worker_.join();
}

Result<std::optional<Snapshot>> Snapshots::start() {
  if (auto opened = store_.open(); !opened) return tl::unexpected(opened.error());
  const auto locked = store_.lock();
  if (!locked) return tl::unexpected(locked.error());
  if (!locked->empty())
    log::warn("the lock of the state directory is held by " + *locked + "; it goes without");
  auto highest = store_.highest();
  if (!highest) return tl::unexpected(highest.error());
  highest_ = *highest;
  auto loaded = store_.load(facts_.untrusted);
  for (const std::string& note : facts_.untrusted) log::warn("snapshot not used: " + note);
  if (loaded && *loaded) facts_.newest = Written{(*loaded)->generation, (*loaded)->written_at};
  return loaded;
}

void Snapshots::changed(bool complete) {
  schedule_.changed(timers_.now(), complete);
  arm();
}

// While a write is in progress nothing is armed: done() does it.
void Snapshots::arm() {
  if (stopped_ || worker_.joinable() || !schedule_.due()) return;
  timer_->after(*schedule_.due() - timers_.now(), [this] { write_beside(); });
}

// No memory for the bytes, say: a snapshot less, and nothing else.
Result<> Snapshots::save(const Snapshot& snapshot) {
  try {
    return store_.save(snapshot);
  } catch (const std::exception& error) {
    return fail(Errc::exhausted, std::string("encode it: ") + error.what());
  }
}

// The thread reads the snapshot, and the loop lets go of it: a large one is not freed twice as
// slowly while both want the allocator.
void Snapshots::write_beside() {
  auto taken = take_();
  schedule_.begun(timers_.now());
  if (!taken) return;
  const Written what{taken->generation, taken->written_at};
  auto work = [this, what, snapshot = std::make_unique<Snapshot>(std::move(*taken))]() mutable {
    auto saved = save(*snapshot);
    boost::asio::post(loop_,
                      [this, what, saved = std::move(saved), snapshot = std::move(snapshot)] {
                        if (stopped_) return;
                        worker_.join();
                        done(what, saved);
                        arm();
                      });
  };
  try {
    worker_ = std::thread(std::move(work));
  } catch (const std::system_error& error) {
    done(what, fail(Errc::exhausted, std::string("start a thread: ") + error.what()));
    arm();
  }
}

void Snapshots::done(Written what, const Result<>& saved) {
  if (!saved) {
    ++facts_.errors;
    if (std::exchange(facts_.last_error, saved.error().what) != saved.error().what) {
      log::error(fmt::format("snapshot of generation {} not written, all goes on serving: {}",
                             what.generation, facts_.last_error));
    }
    schedule_.failed();
    return;
  }
  ++facts_.writes;
  facts_.newest = what;
  if (!std::exchange(facts_.last_error, "").empty())
    log::info(fmt::format("snapshot of generation {} written again", what.generation));
}

void Snapshots::stop() {
  stopped_ = true;
  timer_->cancel();
  if (worker_.joinable()) worker_.join();
  if (const auto snapshot = take_())
    done({snapshot->generation, snapshot->written_at}, save(*snapshot));
}

}  // namespace holdfast
