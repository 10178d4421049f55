// SPDX-License-Identifier: Apache-2.0
// Lists one kind and watches it, for ever: a streaming list where the server has it, pages where it
// has not, then a watch with bookmarks that goes on from the last version seen.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "agent/sources/kubernetes/api/access.h"
#include "agent/sources/kubernetes/api/store.h"

namespace holdfast::kubernetes {

struct ReflectorSettings {
  std::string node_name;
  // A watch without event or bookmark for so long is taken for dead. The API sends a bookmark
  // about once a minute (KEP-956), so two periods.
  std::chrono::milliseconds silence{120'000};
  // A first answer without a byte for so long is asked for from the server's cache instead: with
  // its etcd away a server sends the head, and nothing more.
  std::chrono::milliseconds first_event{5'000};
};

struct ReflectorStatus {
  bool connected = false;
  bool current = false;                                            // listed, and its watch is alive
  std::string error;                                               // why not; "" when it is
  std::optional<std::chrono::steady_clock::time_point> confirmed;  // last heard while current
  std::optional<std::chrono::system_clock::time_point> last_event;
  std::uint64_t events = 0, lists = 0, watches = 0;
  std::string last_list_reason;  // "start", "410 ...", "the server went back", ...
};

class Reflector {
 public:
  // Called after what was read at `received` has been applied to the store; `recovered` when a
  // watch goes on after it had broken.
  using Flush = std::function<void(TimePoint received)>;
  // `waiting`: a wait has begun that ends then.
  Reflector(const boost::asio::any_io_executor& loop, Kind kind, ReflectorSettings settings,
            Access& access, Store& store, net::HttpStream::Prepare prepare, Flush flush,
            std::function<void()> recovered, std::function<void(TimePoint until)> waiting);

  // Until stop(). Access and Store must outlive it; the caller's coroutine frame owns a reference.
  boost::asio::awaitable<void> run();
  void stop();
  // The server was ill and is well again: what is left of a wait is not waited for, but for what
  // the server itself asked.
  void recovered();
  // List again as soon as possible, for this reason.
  void relist(std::string reason);
  const ReflectorStatus& status() const { return status_; }

 private:
  using Clock = std::chrono::steady_clock;

  boost::asio::awaitable<Trouble> list();
  boost::asio::awaitable<Trouble> pages();
  boost::asio::awaitable<Trouble> watch();
  boost::asio::awaitable<std::optional<Trouble>> check_version();
  boost::asio::awaitable<Trouble> stream(std::string target, bool initial);
  std::optional<Trouble> take(const Event& event, bool& initial);
  std::optional<Trouble> take_lines(bool& initial);
  void end_list(const Version& version);
  std::string list_version() const;
  void learn_from(const Trouble& trouble);
  boost::asio::awaitable<void> pause(const Trouble& trouble);
  std::chrono::seconds watch_time();

  Kind kind_;
  ReflectorSettings settings_;
  Access& access_;
  Store& store_;
  net::HttpStream stream_;
  Flush flush_;
  std::function<void()> recovered_;
  std::function<void(TimePoint until)> waiting_;
  boost::asio::steady_timer timer_;
  std::mt19937_64 random_;
  Backoff backoff_;
  Lines lines_;
  ReflectorStatus status_;
  TimePoint received_;       // the last piece of an answer
  TimePoint until_, least_;  // of the wait in progress: its end, and the earliest that it may have
  bool stopped_ = false;
  bool streaming_ = true;       // the server has streaming lists, as far as is known
  bool from_cache_ = false;     // ask for a list as the server's cache has it
  bool listed_ = false;         // a watch may go on from the store's version
  bool check_version_ = false;  // the last stream did not end well: is this the same history?
  unsigned older_ = 0;          // answers in a row from behind what is known
  bool reset_ = false;          // take the older history
  std::string list_reason_ = "start";
};

}  // namespace holdfast::kubernetes
