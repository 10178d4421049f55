// SPDX-License-Identifier: Apache-2.0
// The slow, jittered compare against lost events, and the asking again while something is held
// (design.md 4.10): a list of metadata only, and then what differs. A connection of its own, kept
// only while it works.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "agent/sources/kubernetes/api/access.h"
#include "agent/sources/kubernetes/api/reflector.h"
#include "agent/sources/kubernetes/api/store.h"

namespace holdfast::kubernetes {

struct ComparerSettings {
  std::chrono::milliseconds interval{600'000};  // with nothing held
  std::chrono::milliseconds soon_least{1'000}, soon_most{5'000};
  // A difference may be an event on its way: it is looked at again after this.
  std::chrono::milliseconds on_its_way{1'000};
};

struct ComparerStatus {
  std::uint64_t compares = 0;
  std::uint64_t corrected = 0;  // objects that the watch had lost
  std::string error;            // of the last compare; "" when it went well
};

class Comparer {
 public:
  struct Hooks {
    Reflector::Flush flush;
    // More differs than is worth fetching one by one.
    std::function<void(Kind, std::string)> relist;
    // Its complete list is from before what is known.
    std::function<void(Kind, const Version& theirs)> behind;
    // What is known of it is what there is.
    std::function<void(Kind)> confirmed;
  };
  Comparer(const boost::asio::any_io_executor& loop, ComparerSettings settings, Access& access,
           Store& store, net::HttpStream::Prepare prepare, Hooks hooks);

  boost::asio::awaitable<void> run();
  void stop();
  void doubt(bool held);
  // Within seconds, and again until it goes well. A watch came back after it had broken: the
  // versions of a restored etcd soon pass what is known, and a watch from there would never tell
  // what it lost. Or it said again what it had said before.
  void soon();
  const ComparerStatus& status() const { return status_; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Listing {
    std::vector<ObjectRef> refs;
    Version version;
  };
  boost::asio::awaitable<Attempt<>> compare();
  boost::asio::awaitable<Attempt<bool>> compare_kind(Kind kind);
  boost::asio::awaitable<Attempt<Listing>> list(Kind kind);
  boost::asio::awaitable<Attempt<>> fetch(Kind kind, const ServiceKey& name, const Version& list);
  boost::asio::awaitable<void> pause(std::chrono::milliseconds delay);
  std::chrono::milliseconds delay();

  ComparerSettings settings_;
  Access& access_;
  Store& store_;
  net::HttpStream stream_;
  Hooks hooks_;
  boost::asio::steady_timer timer_;
  std::mt19937_64 random_;
  ComparerStatus status_;
  bool stopped_ = false, soon_ = false;
  unsigned failed_ = 0;  // in a row
  std::optional<Clock::time_point> doubted_since_;
};

}  // namespace holdfast::kubernetes
