// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/api/reflector.h"

#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace holdfast::kubernetes {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t kLongestPage = std::size_t{256} << 20;
constexpr auto kListIdle = 30s;  // between two pieces of a list
// A server behind what is known may catch up; after so many looks, seconds apart, it is taken for
// one whose history was rewound (a restored etcd).
constexpr unsigned kOlderLooks = 3;

Trouble older(const Version& known, const std::string& theirs) {
  return ended(Ending::older,
               fmt::format("the server is at version {}, known is {}: behind, or restored from an "
                           "older state",
                           theirs.empty() ? "lower" : theirs, known.text));
}

Trouble silent_for(std::chrono::milliseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  return ended(Ending::silent,
               fmt::format("nothing came for {} s: the watch is taken for dead", seconds));
}

}  // namespace

Reflector::Reflector(const asio::any_io_executor& loop, Kind kind, ReflectorSettings settings,
                     Access& access, Store& store, net::HttpStream::Prepare prepare, Flush flush,
                     std::function<void()> recovered, std::function<void(TimePoint until)> waiting)
    : kind_(kind),
      settings_(std::move(settings)),
      access_(access),
      store_(store),
      stream_(loop, std::move(prepare)),
      flush_(std::move(flush)),
      recovered_(std::move(recovered)),
      waiting_(std::move(waiting)),
      timer_(loop),
      random_(std::random_device{}()) {}

asio::awaitable<void> Reflector::run() {
  while (!stopped_) {
    const auto began = Clock::now();
    // Not by a conditional operator: GCC 12 destroys twice what co_await makes inside one.
    Trouble trouble;
    if (listed_) {
      trouble = co_await watch();
    } else {
      trouble = co_await list();
    }
    if (stopped_) co_return;
    status_.connected = stream_.connected();
    status_.current = false;
    if (listed_ && Clock::now() - began >= Backoff::kHealthy) backoff_.reset();
    learn_from(trouble);
    co_await pause(trouble);
  }
}

void Reflector::stop() {
  stopped_ = true;
  stream_.close();
  timer_.cancel();
}

void Reflector::relist(std::string reason) {
  listed_ = false;
  list_reason_ = std::move(reason);
  stream_.close();
  until_ = {};
  timer_.cancel();
}

void Reflector::recovered() {
  if (until_ <= std::max(least_, Clock::now())) return;
  until_ = least_;
  timer_.cancel();
}

// What a trouble changes in the next request.
void Reflector::learn_from(const Trouble& trouble) {
  if (trouble.ending != Ending::clean) {
    status_.error = trouble.what;
    check_version_ = true;
  }
  if (trouble.ending == Ending::denied && kind_ == Kind::node) {
    store_.skip(kind_);  // without Nodes there are no NodePorts; Services go on
    flush_(received_);
  }
  if (trouble.ending == Ending::expired) {
    listed_ = false;
    list_reason_ = trouble.what;
  }
  if (trouble.ending == Ending::older && ++older_ >= kOlderLooks) {
    reset_ = true;
    listed_ = false;
    list_reason_ = trouble.what;
  }
  if (trouble.ending == Ending::silent && !listed_) from_cache_ = true;
}

asio::awaitable<void> Reflector::pause(const Trouble& trouble) {
  const auto now = Clock::now();
  until_ = now + backoff_.next(trouble.ending, trouble.retry_after, random_);
  least_ = now + trouble.retry_after.value_or(0s);
  if (trouble.ending != Ending::clean && trouble.ending != Ending::foreign) waiting_(until_);
  while (!stopped_ && until_ > Clock::now()) {
    timer_.expires_at(until_);
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

// Watches of one agent, and of many, do not end together.
std::chrono::seconds Reflector::watch_time() {
  return std::chrono::seconds(std::uniform_int_distribution<int>(300, 600)(random_));
}

// A list that replaces what is known must not be older than that, unless the older is to be taken.
std::string Reflector::list_version() const {
  if (from_cache_) return "0";
  return reset_ ? "" : store_.version(kind_).text;
}

asio::awaitable<Trouble> Reflector::list() {
  if (!streaming_) co_return co_await pages();
  Trouble trouble = co_await stream(
      watch_target(kind_, settings_.node_name, list_version(), true, watch_time()), true);
  // 400 and 422: this server has no streaming lists.
  if (!listed_ && (trouble.status.code == 400 || trouble.status.code == 422)) {
    streaming_ = false;
    co_return co_await pages();
  }
  co_return trouble;
}

asio::awaitable<Trouble> Reflector::pages() {
  store_.begin_list(kind_);
  const unsigned limit = from_cache_ ? 0 : row_of(kind_).page;
  std::string next;
  Version version;
  do {
    auto body = co_await access_.get_all(
        stream_, list_target(kind_, settings_.node_name, limit, next, from_cache_ ? "0" : ""),
        kJson, kLongestPage);
    if (!body) {
      if (body.error().ending != Ending::expired || next.empty()) co_return body.error();
      next.clear();  // the token is too old: from the start
      store_.begin_list(kind_);
      continue;
    }
    status_.connected = true;
    received_ = Clock::now();
    auto page = parse_page(*body);
    if (!page) co_return ended(Ending::broken, page.error().what);
    for (const Value& item : page->items) store_.list(kind_, item);
    version = page->version;
    next = page->next;
  } while (!next.empty());
  const Version& known = store_.version(kind_);
  if (!reset_ && version.number < known.number) co_return older(known, version.text);
  end_list(version);
  co_return co_await watch();
}

void Reflector::end_list(const Version& version) {
  const bool rewound = reset_ && store_.version(kind_).number > version.number;
  store_.end_list(kind_, version, rewound);
  ++status_.lists;
  status_.last_list_reason = std::exchange(list_reason_, "");
  listed_ = true;
  from_cache_ = reset_ = check_version_ = false;
  older_ = 0;
  status_.current = true;
  status_.error.clear();
  status_.confirmed = Clock::now();
  flush_(received_);
}

// After a stream that did not end well this may be another server, or the same one with its etcd
// restored: a watch from a version that it has not reached would be silent for ever (kubernetes
// 107457). A list of one object's metadata tells its version.
asio::awaitable<std::optional<Trouble>> Reflector::check_version() {
  auto body = co_await access_.get_all(stream_, list_target(kind_, settings_.node_name, 1, "", ""),
                                       kMetadataList, kLongestPage);
  if (!body) co_return body.error();
  const auto page = parse_page(*body);
  if (!page) co_return ended(Ending::broken, page.error().what);
  const Version& known = store_.version(kind_);
  if (page->version.number < known.number) {
    if (const auto candidate = access_.route().current()) access_.route().failed(candidate->server);
    stream_.close();
    co_return older(known, page->version.text);
  }
  check_version_ = false;
  older_ = 0;
  recovered_();
  co_return std::nullopt;
}

asio::awaitable<Trouble> Reflector::watch() {
  if (check_version_) {
    if (auto trouble = co_await check_version()) co_return std::move(*trouble);
  }
  ++status_.watches;
  co_return co_await stream(
      watch_target(kind_, settings_.node_name, store_.version(kind_).text, false, watch_time()),
      false);
}

asio::awaitable<Trouble> Reflector::stream(std::string target, bool initial) {
  lines_ = {};
  if (initial) store_.begin_list(kind_);
  auto head = co_await access_.get(stream_, std::move(target), kJson);
  if (!head) co_return head.error();
  status_.connected = true;
  if (!initial) {
    status_.current = true;
    status_.error.clear();
    status_.confirmed = Clock::now();
  }
  bool heard = false;
  for (;;) {
    const auto idle = !initial ? settings_.silence : heard ? kListIdle : settings_.first_event;
    const auto asked = Clock::now();
    auto piece = co_await stream_.read(idle);
    if (!piece) {
      co_return Clock::now() - asked >= idle ? silent_for(idle)
                                             : ended(Ending::broken, piece.error().what);
    }
    if (piece->empty()) {
      if (initial) co_return ended(Ending::broken, "the list ended before its last object");
      co_return Trouble{};
    }
    heard = true;
    status_.confirmed = received_ = Clock::now();
    lines_.add(*piece);
    if (auto trouble = take_lines(initial)) {
      stream_.close();
      co_return std::move(*trouble);
    }
  }
}

std::optional<Trouble> Reflector::take_lines(bool& initial) {
  std::optional<Trouble> trouble;
  while (!trouble) {
    auto line = lines_.next();
    if (!line) {
      trouble = ended(Ending::broken, line.error().what);
      break;
    }
    if (!*line) break;
    if ((*line)->empty()) continue;
    const auto event = parse_event(**line);
    trouble = event ? take(*event, initial) : ended(Ending::broken, event.error().what);
  }
  if (!initial) flush_(received_);
  return trouble;
}

std::optional<Trouble> Reflector::take(const Event& event, bool& initial) {
  if (event.type == EventType::error) {
    const ApiStatus& status = event.status;
    if (status.version_too_large) return older(store_.version(kind_), "");
    const Ending ending = status.code == 410                         ? Ending::expired
                          : status.code == 429 || status.code >= 500 ? Ending::overloaded
                                                                     : Ending::broken;
    return Trouble{ending, fmt::format("{}: {}", status.code, status.message), status.retry_after,
                   status};
  }
  if (initial) {
    if (event.type == EventType::bookmark) {
      if (event.initial_end) {
        end_list(event.version);
        initial = false;
      }
    } else {
      store_.list(kind_, event.object);
    }
    return std::nullopt;
  }
  if (event.type == EventType::bookmark) {
    store_.advance(kind_, event.version);
    return std::nullopt;
  }
  ++status_.events;
  status_.last_event = std::chrono::system_clock::now();
  store_.apply(kind_, event);
  return std::nullopt;
}

}  // namespace holdfast::kubernetes
