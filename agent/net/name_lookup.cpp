// SPDX-License-Identifier: Apache-2.0
#include "agent/net/name_lookup.h"

#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include "agent/base/fd.h"

namespace holdfast::net {

namespace asio = boost::asio;
using asio::ip::address;
using Addresses = std::vector<address>;

namespace {

// The configuration names a few servers; more names than this are forgotten.
constexpr std::size_t kMostHosts = 64;

void add_missing(Addresses& list, const Addresses& more) {
  for (const address& one : more) {
    if (std::find(list.begin(), list.end(), one) == list.end()) list.push_back(one);
  }
}

address address_of(const sockaddr* from) {
  if (from->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, from, sizeof v4);
    return asio::ip::address_v4(ntohl(v4.sin_addr.s_addr));
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, from, sizeof v6);
  asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return asio::ip::address_v6(bytes, v6.sin6_scope_id);
}

// What the thread and the loop share. The thread touches nothing else, so the loop may be gone
// when it ends.
struct Outcome {
  std::mutex mutex;
  std::optional<Result<Addresses>> result;
};

// A signal must go to the loop's thread.
void start_without_signals(std::function<void()> work) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread(std::move(work)).detach();
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

Result<Addresses> system_lookup(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error == EAI_SYSTEM) return fail_errno(errno, "resolve " + host);
  if (error != 0) return fail(Errc::unavailable, "resolve " + host + ": " + ::gai_strerror(error));
  Addresses addresses;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    if (one->ai_family == AF_INET || one->ai_family == AF_INET6)
      add_missing(addresses, {address_of(one->ai_addr)});
  }
  ::freeaddrinfo(list);
  return addresses;
}

struct NameLookup::Pending {
  explicit Pending(const asio::any_io_executor& loop) : done(loop) {}

  std::shared_ptr<Outcome> outcome = std::make_shared<Outcome>();
  asio::posix::stream_descriptor done;  // readable (closed at the other end) when it is over
};

NameLookup::NameLookup(asio::any_io_executor loop, HttpStream::Lookup lookup)
    : loop_(std::move(loop)), lookup_(lookup ? std::move(lookup) : system_lookup) {}

void NameLookup::verified(const std::string& host, const address& address) {
  known_[host].verified = {address};
}

Result<std::shared_ptr<NameLookup::Pending>> NameLookup::start(const std::string& host) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno(errno, "resolve " + host + ": make a pipe");
  auto pending = std::make_shared<Pending>(loop_);
  auto other_end = std::make_shared<Fd>(ends[1]);
  Fd this_end(ends[0]);
  boost::system::error_code error;
  pending->done.assign(this_end.get(), error);
  if (error) return fail_errno(error.value(), "resolve " + host + ": watch a pipe");
  this_end.release();
  try {
    start_without_signals([outcome = pending->outcome, other_end, lookup = lookup_, host] {
      auto result = lookup(host);
      const std::lock_guard lock(outcome->mutex);
      outcome->result = std::move(result);
      other_end->reset();
    });
  } catch (const std::system_error& problem) {
    return fail_errno(problem.code().value(), "resolve " + host + ": start a thread");
  }
  return pending;
}

asio::awaitable<Result<NameLookup::Answer>> NameLookup::ask(std::string host,
                                                            std::chrono::milliseconds time,
                                                            Interrupt& interrupt) {
  auto pending = known_[host].pending;
  if (!pending) {
    auto started = start(host);
    if (!started) co_return Failure(started.error());
    pending = known_[host].pending = *started;
  }
  const auto step = interrupt.step(time, [pending] {
    boost::system::error_code ignored;
    pending->done.cancel(ignored);
  });
  const auto [error] = co_await pending->done.async_wait(asio::posix::stream_descriptor::wait_read,
                                                         asio::as_tuple(asio::use_awaitable));
  if (interrupt.closed()) co_return fail(Errc::unavailable, "closed here");
  if (error) {
    co_return fail(Errc::unavailable, "resolve " + host + ": no answer within " +
                                          std::to_string(time.count()) + " ms");
  }
  known_[host].pending.reset();
  const std::lock_guard lock(pending->outcome->mutex);
  auto& result = pending->outcome->result;
  if (!result) co_return fail(Errc::unavailable, "resolve " + host + ": the look-up failed");
  if (!*result) co_return Failure(std::move(result->error()));
  if ((*result)->empty()) co_return fail(Errc::unavailable, "resolve " + host + ": no addresses");
  co_return Answer{std::move(**result), ""};
}

asio::awaitable<Result<NameLookup::Answer>> NameLookup::resolve(std::string host,
                                                                std::chrono::milliseconds time,
                                                                Interrupt& interrupt) {
  boost::system::error_code not_an_address;
  const address literal = asio::ip::make_address(host, not_an_address);
  if (!not_an_address) co_return Answer{{literal}, ""};
  if (known_.size() > kMostHosts) known_.clear();
  auto answer = co_await ask(host, time, interrupt);
  if (interrupt.closed()) co_return answer;
  Known& known = known_[host];
  if (answer) {
    known.resolved = answer->addresses;
  } else if (!known.resolved.empty()) {
    answer = Answer{known.resolved, answer.error().what};
  } else if (!known.verified.empty()) {
    answer = Answer{{}, answer.error().what};
  }
  if (answer) add_missing(answer->addresses, known.verified);
  co_return answer;
}

}  // namespace holdfast::net
