// SPDX-License-Identifier: Apache-2.0
// Lists one kind and watches it, for ever: a streaming list where the server has it, pages where it
// has not, then a watch with bookmarks that goes on from the last version seen.
//
// Confirmed current is what the server itself said just now of the version known: the end of a
// complete list, an event or a bookmark that goes on from there, a compare. That a watch was
// accepted, or that bytes come, confirms nothing.
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
  // A streaming list without a further object for so long has no end mark: some servers and proxies
  // accept sendInitialEvents, and know nothing of it.
  std::chrono::milliseconds next_object{10'000};
};

struct ReflectorStatus {
  bool connected = false;
  bool current = false;                                            // listed, and its watch is alive
  std::string error;                                               // why not; "" when it is
  Ending cause = Ending::clean;                                    // the same, as a kind
  std::optional<std::chrono::steady_clock::time_point> confirmed;  // current, last
  std::optional<std::chrono::system_clock::time_point> last_event;
  std::uint64_t events = 0, lists = 0, watches = 0;
  std::string last_list_reason;  // "start", "410 ...", "the server went back", ...
};

class Reflector {
 public:
  // Called after what was read at `received` has been applied to the store.
  using Flush = std::function<void(TimePoint received)>;
  // `compare`: what is known is to be compared within seconds: a watch goes on after it had broken,
  // or said what it must have said before. `waiting`: a wait has begun that ends then.
  Reflector(const boost::asio::any_io_executor& loop, Kind kind, ReflectorSettings settings,
            Access& access, Store& store, net::HttpStream::Prepare prepare, Flush flush,
            std::function<void()> compare, std::function<void(TimePoint until)> waiting);

  // Until stop(). Access and Store must outlive it; the caller's coroutine frame owns a reference.
  boost::asio::awaitable<void> run();
  void stop();
  // The server was ill and is well again: what is left of a wait is not waited for, but for what
  // the server itself asked.
  void recovered();
  // List again as soon as possible, for this reason.
  void relist(std::string reason);
  // A complete list that somebody else asked for is from before what is known: look whether this is
  // still the same history.
  void recheck(const Version& theirs);
  // All that is known of this kind was compared with all that is there.
  void confirm();
  ReflectorStatus status() const;

 private:
  using Clock = std::chrono::steady_clock;

  boost::asio::awaitable<Trouble> list();
  boost::asio::awaitable<Trouble> pages();
  boost::asio::awaitable<Trouble> watch();
  boost::asio::awaitable<std::optional<Trouble>> check_version();
  boost::asio::awaitable<Trouble> stream(std::string target, bool initial);
  std::chrono::milliseconds patience(bool initial) const;
  std::optional<Trouble> take(const Event& event, bool& initial);
  void take_initial(const Event& event, bool& initial);
  std::optional<Trouble> take_lines(bool& initial);
  Trouble no_end_mark(const std::string& how);
  Trouble end_of_watch();
  bool said_before(const Event& event) const;
  void end_list(const Version& version);
  std::string list_version() const;
  void end_here(std::string reason);
  void learn_from(const Trouble& trouble);
  void judge_watch(const Trouble& trouble);
  void list_next(std::string reason);
  bool current() const;
  Trouble behind(const std::string& theirs) const;
  boost::asio::awaitable<void> pause(const Trouble& trouble);
  std::chrono::seconds watch_time();

  Kind kind_;
  ReflectorSettings settings_;
  Access& access_;
  Store& store_;
  net::HttpStream stream_;
  Flush flush_;
  std::function<void()> compare_;
  std::function<void(TimePoint until)> waiting_;
  boost::asio::steady_timer timer_;
  std::mt19937_64 random_;
  Backoff backoff_;
  Lines lines_;
  ReflectorStatus status_;
  TimePoint received_;       // the last piece of an answer
  TimePoint until_, least_;  // of the wait in progress: its end, and the earliest that it may have
  bool stopped_ = false;
  bool from_cache_ = false;     // ask for a list as the server's cache has it
  bool listed_ = false;         // a watch may go on from the store's version
  bool check_version_ = false;  // the last stream did not end well: is this the same history?
  unsigned older_ = 0;          // answers in a row from behind what is known
  bool reset_ = false;          // take the older history
  std::string list_reason_ = "start";
  TimePoint pages_until_;  // this server has no streaming lists, as far as is known
  unsigned unmarked_ = 0;  // streaming lists in a row without their end mark
  unsigned brief_ = 0;     // watches in a row that ended at once and said nothing

  // Of the stream in hand.
  TimePoint opened_, progress_;  // its watch; its last object, while it is a list
  bool heard_ = false;           // as a list: anything; as a watch: something new
  bool asked_compare_ = false;

  bool open_ = false;       // the watch, or it is about to be opened again after it ended well
  bool vouched_ = false;    // the server said of what is known that it is current, since it broke
  bool cached_ = false;     // what is known is as a server's cache had it, and nobody said more
  std::string end_reason_;  // why the stream in hand was closed here
};

}  // namespace holdfast::kubernetes
