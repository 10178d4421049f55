// SPDX-License-Identifier: Apache-2.0
// How a reflector lists: in a stream, in pages, from a server's cache.
#include <fmt/format.h>

#include "agent/sources/kubernetes/api/reflector.h"

namespace holdfast::kubernetes {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t kLongestPage = std::size_t{256} << 20;
// The first streaming list without its end mark may be one of a server that just stopped.
constexpr unsigned kUnmarkedLists = 2;
// Until a server that has no streaming lists is asked for one again: it may be a newer one by then.
constexpr auto kPagesFor = 1h;
// Times that a token may be too old before a list in pages is given up.
constexpr unsigned kOldTokens = 3;

}  // namespace

// A list that replaces what is known must not be older than that, unless the older is to be taken.
std::string Reflector::list_version() const {
  if (from_cache_) return "0";
  return reset_ ? "" : store_.version(kind_).text;
}

asio::awaitable<Trouble> Reflector::list() {
  if (unmarked_ >= kUnmarkedLists) {
    unmarked_ = 0;
    pages_until_ = Clock::now() + kPagesFor;
    list_reason_ += ", in pages: streaming lists came without their end mark";
  }
  if (Clock::now() < pages_until_) co_return co_await pages();
  Trouble trouble = co_await stream(
      watch_target(kind_, settings_.node_name, list_version(), true, watch_time()), true);
  // 400 and 422: this server has no streaming lists.
  if (!listed_ && (trouble.status.code == 400 || trouble.status.code == 422)) {
    pages_until_ = Clock::now() + kPagesFor;
    co_return co_await pages();
  }
  co_return trouble;
}

// `how` a streaming list went on, or ended, without the mark.
Trouble Reflector::no_end_mark(const std::string& how) {
  ++unmarked_;
  stream_.close();
  return ended(heard_ ? Ending::broken : Ending::silent,
               fmt::format("the list in a stream came to no end mark: {} after {} objects", how,
                           store_.listed(kind_)));
}

asio::awaitable<Trouble> Reflector::pages() {
  store_.begin_list(kind_);
  const unsigned limit = from_cache_ ? 0 : row_of(kind_).page;
  std::string next;
  Version version;
  for (unsigned old_tokens = 0;;) {
    auto body = co_await access_.get_all(
        stream_, list_target(kind_, settings_.node_name, limit, next, from_cache_ ? "0" : ""),
        kJson, kLongestPage);
    if (!body) {
      const bool old_token = body.error().ending == Ending::expired && !next.empty();
      if (!old_token || ++old_tokens == kOldTokens) co_return body.error();
      next.clear();  // from the start
      store_.begin_list(kind_);
      continue;
    }
    status_.connected = true;
    received_ = Clock::now();
    auto page = parse_page(*body);
    if (!page) co_return ended(Ending::broken, page.error().what);
    for (const Value& item : page->items) store_.list(kind_, item);
    version = page->version;
    if (page->next.empty()) break;
    if (page->next == next)
      co_return ended(Ending::broken, "a page of a list names itself as next");
    next = page->next;
  }
  const Version& known = store_.version(kind_);
  if (!reset_ && version.number < known.number) co_return behind(version.text);
  end_list(version);
  co_return co_await watch();
}

void Reflector::take_initial(const Event& event, bool& initial) {
  if (event.type != EventType::bookmark) {
    store_.list(kind_, event.object);
    progress_ = Clock::now();
    return;
  }
  if (!event.initial_end) return;
  end_list(event.version);
  initial = heard_ = false;
  opened_ = Clock::now();
}

// What a server has in its cache may be from before the end of its etcd: it serves, and is
// confirmed by the first word that follows.
void Reflector::end_list(const Version& version) {
  const bool rewound = reset_ && store_.version(kind_).number > version.number;
  store_.end_list(kind_, version, rewound);
  ++status_.lists;
  status_.last_list_reason = std::exchange(list_reason_, "");
  listed_ = open_ = true;
  vouched_ = brief_ == 0;
  cached_ = from_cache_;
  opened_ = Clock::now();
  if (cached_) {
    compare_();
  } else {
    status_.confirmed = Clock::now();
  }
  from_cache_ = reset_ = check_version_ = false;
  older_ = unmarked_ = 0;
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
  if (page->version.number < store_.version(kind_).number) {
    if (const auto candidate = access_.route().current()) access_.route().failed(candidate->server);
    stream_.close();
    co_return behind(page->version.text);
  }
  check_version_ = false;
  older_ = 0;
  compare_();
  co_return std::nullopt;
}

}  // namespace holdfast::kubernetes
