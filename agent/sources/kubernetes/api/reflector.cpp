// SPDX-License-Identifier: Apache-2.0
// The life of a reflector, and its watch. Its lists are in reflector_list.cpp.
#include "agent/sources/kubernetes/api/reflector.h"

#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace holdfast::kubernetes {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// A server behind what is known may catch up; after so many looks, seconds apart, it is taken for
// one whose history was rewound (a restored etcd).
constexpr unsigned kOlderLooks = 3;
// A watch that ends well in less than that, and said nothing, ended because its version is none
// that the server knows, or because the server will have no watch (client-go's "very short watch").
constexpr auto kBrief = 1s;
// The first may be a server that is about to stop; after the second a list is asked for.
constexpr unsigned kBriefWatches = 2;

std::int64_t whole_seconds(std::chrono::milliseconds time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time).count();
}

Trouble silent_for(std::chrono::milliseconds time) {
  return ended(Ending::silent, fmt::format("nothing came for {} s: the watch is taken for dead",
                                           whole_seconds(time)));
}

}  // namespace

Reflector::Reflector(const asio::any_io_executor& loop, Kind kind, ReflectorSettings settings,
                     Access& access, Store& store, net::HttpStream::Prepare prepare, Flush flush,
                     std::function<void()> compare, std::function<void(TimePoint until)> waiting)
    : kind_(kind),
      settings_(std::move(settings)),
      access_(access),
      store_(store),
      stream_(loop, std::move(prepare)),
      flush_(std::move(flush)),
      compare_(std::move(compare)),
      waiting_(std::move(waiting)),
      timer_(loop),
      random_(std::random_device{}()) {}

asio::awaitable<void> Reflector::run() {
  while (!stopped_) {
    const auto began = Clock::now();
    end_reason_.clear();
    // Not by a conditional operator: GCC 12 destroys twice what co_await makes inside one.
    Trouble trouble;
    if (listed_) {
      trouble = co_await watch();
    } else {
      trouble = co_await list();
    }
    if (stopped_) co_return;
    if (!end_reason_.empty()) trouble = ended(Ending::broken, std::exchange(end_reason_, ""));
    status_.connected = stream_.connected();
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

// Ends the stream in hand, and the wait if there is one.
void Reflector::end_here(std::string reason) {
  if (open_) end_reason_ = std::move(reason);
  stream_.close();
  until_ = {};
  timer_.cancel();
}

void Reflector::relist(std::string reason) {
  list_next(reason);
  end_here(std::move(reason));
}

void Reflector::recheck(const Version& theirs) {
  if (!open_ || check_version_) return;
  check_version_ = true;
  end_here(behind(theirs.text).what);
}

void Reflector::list_next(std::string reason) {
  listed_ = false;
  list_reason_ = std::move(reason);
}

void Reflector::recovered() {
  if (until_ <= std::max(least_, Clock::now())) return;
  until_ = least_;
  timer_.cancel();
}

void Reflector::confirm() {
  status_.confirmed = Clock::now();
  cached_ = false;
  if (open_) vouched_ = true;
}

// Without a word of the server's a watch has to have outlived a brief one.
bool Reflector::current() const {
  return listed_ && open_ && !cached_ && (vouched_ || Clock::now() - opened_ >= kBrief);
}

ReflectorStatus Reflector::status() const {
  ReflectorStatus status = status_;
  status.current = current();
  if (!status.current) return status;
  status.error.clear();
  status.cause = Ending::clean;
  return status;
}

Trouble Reflector::behind(const std::string& theirs) const {
  return ended(Ending::older,
               fmt::format("the server is at version {}, known is {}: behind, or restored from an "
                           "older state",
                           theirs.empty() ? "lower" : theirs, store_.version(kind_).text));
}

// What a trouble changes in the next request.
void Reflector::learn_from(const Trouble& trouble) {
  judge_watch(trouble);
  if (trouble.ending != Ending::clean) {
    status_.error = trouble.what;
    status_.cause = trouble.ending;
    check_version_ = true;
  }
  if (trouble.ending == Ending::denied && kind_ == Kind::node) {
    store_.skip(kind_);  // without Nodes there are no NodePorts; Services go on
    flush_(received_);
  }
  if (trouble.ending == Ending::expired) list_next(trouble.what);
  if (trouble.ending == Ending::older && ++older_ >= kOlderLooks) {
    reset_ = true;
    list_next(trouble.what);
  }
  if (trouble.ending == Ending::silent && !listed_) from_cache_ = true;
}

// A watch that ends well time and again, and says nothing, tells no change either: a list does.
void Reflector::judge_watch(const Trouble& trouble) {
  const bool clean = trouble.ending == Ending::clean;
  if (trouble.ending == Ending::brief) {
    if (const auto asked = access_.route().current()) access_.route().failed(asked->server);
    if (++brief_ >= kBriefWatches) list_next(trouble.what);
  } else if (clean) {
    brief_ = 0;
  }
  const bool unheard = open_ && listed_ && !heard_ && (clean || trouble.ending == Ending::broken);
  const auto confirmed = status_.confirmed.value_or(TimePoint{});
  if (unheard && Clock::now() - confirmed >= settings_.silence) {
    list_next(fmt::format("no watch said anything for {} s", whole_seconds(settings_.silence)));
  }
  // What was current stays so while its watch is opened again.
  vouched_ = clean && current();
  open_ = open_ && clean;
}

asio::awaitable<void> Reflector::pause(const Trouble& trouble) {
  const auto now = Clock::now();
  until_ = now + backoff_.next(trouble.ending, trouble.retry_after, random_);
  least_ = now + trouble.retry_after.value_or(0s);
  const bool ill = trouble.ending != Ending::clean && trouble.ending != Ending::brief &&
                   trouble.ending != Ending::foreign;
  if (ill) waiting_(until_);
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

asio::awaitable<Trouble> Reflector::watch() {
  if (check_version_) {
    if (auto trouble = co_await check_version()) co_return std::move(*trouble);
  }
  ++status_.watches;
  co_return co_await stream(
      watch_target(kind_, settings_.node_name, store_.version(kind_).text, false, watch_time()),
      false);
}

std::chrono::milliseconds Reflector::patience(bool initial) const {
  if (!initial) return settings_.silence;
  const auto limit = store_.listed(kind_) == 0 ? settings_.first_event : settings_.next_object;
  const auto left = progress_ + limit - Clock::now();
  return std::chrono::ceil<std::chrono::milliseconds>(std::max<Clock::duration>(left, 0ms));
}

asio::awaitable<Trouble> Reflector::stream(std::string target, bool initial) {
  lines_ = {};
  heard_ = asked_compare_ = false;
  if (initial) store_.begin_list(kind_);
  auto head = co_await access_.get(stream_, std::move(target), kJson);
  if (!head) co_return head.error();
  status_.connected = true;
  open_ = open_ || !initial;
  opened_ = progress_ = Clock::now();
  for (;;) {
    const auto idle = patience(initial);
    if (idle == 0ms) co_return no_end_mark("no further object came");
    const auto asked = Clock::now();
    auto piece = co_await stream_.read(idle);
    if (!piece) {
      if (Clock::now() - asked < idle) co_return ended(Ending::broken, piece.error().what);
      co_return initial ? no_end_mark("nothing more came") : silent_for(idle);
    }
    if (piece->empty()) co_return initial ? no_end_mark("it ended") : end_of_watch();
    if (initial) heard_ = true;
    received_ = Clock::now();
    lines_.add(*piece);
    if (auto trouble = take_lines(initial)) {
      stream_.close();
      co_return std::move(*trouble);
    }
  }
}

Trouble Reflector::end_of_watch() {
  const auto lived = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - opened_);
  if (heard_ || lived >= kBrief) return Trouble{};
  return ended(Ending::brief,
               fmt::format("a watch ended well after {} ms, and said nothing", lived.count()));
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

// A watch tells what came after the version it was asked from, once. A server that says older
// things again has another history, or a cache that forgot what it had sent: what is missing from
// that was deleted, perhaps.
bool Reflector::said_before(const Event& event) const {
  const Version& known = store_.version(kind_);
  if (known.number == 0 || event.version.number == 0) return false;
  if (event.type == EventType::bookmark) return event.version.number < known.number;
  if (event.version.number <= known.number) return true;
  // A compare may have run ahead of the watch.
  const Version* object = store_.known(kind_, ref_of(event.object).name);
  return event.type == EventType::added && object && object->number <= known.number;
}

std::optional<Trouble> Reflector::take(const Event& event, bool& initial) {
  if (event.type == EventType::error) {
    const ApiStatus& status = event.status;
    if (status.version_too_large) return behind("");
    const Ending ending = status.code == 410                         ? Ending::expired
                          : status.code == 429 || status.code >= 500 ? Ending::overloaded
                                                                     : Ending::broken;
    return Trouble{ending, fmt::format("{}: {}", status.code, status.message), status.retry_after,
                   status};
  }
  if (initial) {
    take_initial(event, initial);
    return std::nullopt;
  }
  if (said_before(event)) {
    if (!std::exchange(asked_compare_, true)) compare_();
    // Of what is not known: it was deleted before the version known. The compare knows better.
    if (event.type == EventType::bookmark || !store_.known(kind_, ref_of(event.object).name))
      return std::nullopt;
  } else {
    heard_ = true;
    confirm();
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
