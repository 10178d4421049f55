// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/api/comparer.h"

#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace holdfast::kubernetes {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t kMostFetched = 200;
constexpr std::size_t kLongestCompared = std::size_t{64} << 20;
constexpr unsigned kPage = 500;

}  // namespace

Comparer::Comparer(const asio::any_io_executor& loop, ComparerSettings settings, Access& access,
                   Store& store, net::HttpStream::Prepare prepare, Hooks hooks)
    : settings_(settings),
      access_(access),
      store_(store),
      stream_(loop, std::move(prepare)),
      hooks_(std::move(hooks)),
      timer_(loop),
      random_(std::random_device{}()) {}

asio::awaitable<void> Comparer::run() {
  while (!stopped_) {
    co_await pause(delay());
    if (stopped_) co_return;
    if (!store_.synced()) continue;
    const bool asked = std::exchange(soon_, false);
    const auto compared = co_await compare();
    stream_.close();
    status_.error = compared ? "" : compared.error().what;
    failed_ = compared ? 0 : failed_ + 1;
    if (compared) ++status_.compares;
    if (asked && !compared) soon_ = true;
  }
}

void Comparer::stop() {
  stopped_ = true;
  stream_.close();
  timer_.cancel();
}

void Comparer::doubt(bool held) {
  if (held == doubted_since_.has_value()) return;
  doubted_since_ = held ? std::optional(Clock::now()) : std::nullopt;
  if (held) timer_.cancel();  // the long wait; run() measures anew
}

void Comparer::soon() {
  if (doubted_since_ || soon_) return;
  soon_ = true;
  timer_.cancel();
}

// While something is held every 2 to 5 s, slower with its age, to a minute (design.md 4.10).
std::chrono::milliseconds Comparer::delay() {
  const auto between = [this](std::chrono::milliseconds least, std::chrono::milliseconds most) {
    return std::chrono::milliseconds(
        std::uniform_int_distribution<std::int64_t>(least.count(), most.count())(random_));
  };
  if (!doubted_since_ && soon_)
    return between(settings_.soon_least, settings_.soon_most) * (1 << std::min(failed_, 4u));
  if (!doubted_since_) return between(settings_.interval * 3 / 4, settings_.interval * 5 / 4);
  const auto age = Clock::now() - *doubted_since_;
  const auto factor = 1 + age / 60s;
  return std::min<std::chrono::milliseconds>(between(2s, 5s) * factor, between(45s, 60s));
}

asio::awaitable<void> Comparer::pause(std::chrono::milliseconds delay) {
  timer_.expires_after(delay);
  boost::system::error_code error;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  // Woken: wait the short time instead.
  if (error && !stopped_) {
    timer_.expires_after(this->delay());
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

asio::awaitable<Attempt<>> Comparer::compare() {
  bool whole = true;
  for (const Kind kind : {Kind::service, Kind::slice}) {
    auto compared = co_await compare_kind(kind);
    if (!compared) co_return NoLuck(std::move(compared.error()));
    whole = whole && *compared;
  }
  if (whole) store_.count_list();
  hooks_.flush(Clock::now());
  co_return Attempt<>();
}

// false: the answer cannot be taken as a complete list of this kind.
asio::awaitable<Attempt<bool>> Comparer::compare_kind(Kind kind) {
  auto listing = co_await list(kind);
  if (!listing) co_return NoLuck(std::move(listing.error()));
  if (listing->version.number < store_.version(kind).number) {
    // While something is held that would be said every few seconds, of what is known already.
    if (!doubted_since_) hooks_.behind(kind, listing->version);
    co_return false;
  }
  auto found = store_.compare(kind, listing->refs, listing->version);
  if (found.changed.empty() && found.absent.empty()) {
    hooks_.confirmed(kind);
    co_return true;
  }
  co_await pause(settings_.on_its_way);
  if (stopped_) co_return false;
  found = store_.compare(kind, listing->refs, listing->version);
  const std::size_t differ = found.changed.size() + found.absent.size();
  if (differ > kMostFetched) {
    hooks_.relist(kind, fmt::format("{} objects differ from the API's", differ));
    co_return false;
  }
  for (const ServiceKey& name : found.changed) {
    if (auto fetched = co_await fetch(kind, name, listing->version); !fetched)
      co_return NoLuck(std::move(fetched.error()));
  }
  for (const ServiceKey& name : found.absent) store_.correct_absent(kind, name);
  status_.corrected += differ;
  hooks_.confirmed(kind);
  hooks_.flush(Clock::now());
  co_return true;
}

asio::awaitable<Attempt<Comparer::Listing>> Comparer::list(Kind kind) {
  Listing listing;
  std::string next;
  do {
    auto body = co_await access_.get_all(stream_, list_target(kind, "", kPage, next, ""),
                                         kMetadataList, kLongestCompared);
    if (!body) co_return NoLuck(std::move(body.error()));
    const auto page = parse_page(*body);
    if (!page) co_return NoLuck(ended(Ending::broken, page.error().what));
    for (const Value& item : page->items) listing.refs.push_back(ref_of(item));
    listing.version = page->version;
    next = page->next;
  } while (!next.empty());
  co_return listing;
}

asio::awaitable<Attempt<>> Comparer::fetch(Kind kind, const ServiceKey& name, const Version& list) {
  auto body = co_await access_.get_all(stream_, object_target(kind, name), kJson, kLongestCompared);
  if (!body) {
    if (body.error().status.code == 404) co_return Attempt<>();  // gone meanwhile
    co_return NoLuck(std::move(body.error()));
  }
  const ParseOutcome parsed = parse_documents(*body, "");
  if (parsed.problem || parsed.documents.size() != 1)
    co_return NoLuck(ended(Ending::broken, "an object is not JSON"));
  store_.correct(kind, parsed.documents[0], list);
  co_return Attempt<>();
}

}  // namespace holdfast::kubernetes
