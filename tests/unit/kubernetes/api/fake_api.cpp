// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/kubernetes/api/fake_api.h"

#include <fmt/format.h>

#include <chrono>

#include "tests/unit/kubernetes/api/fixture.h"

namespace holdfast::kubernetes {
namespace {

using namespace std::chrono_literals;
constexpr auto kTick = 5ms;

std::string between(const std::string& text, const std::string& begin, char end) {
  const auto at = text.find(begin);
  if (at == std::string::npos) return "";
  const auto from = at + begin.size();
  return text.substr(from, text.find(end, from) - from);
}

int number(const std::string& target, const std::string& parameter) {
  const std::string text = between(target + "&", parameter + "=", '&');
  return text.empty() ? 0 : std::stoi(text);
}

bool refuse(net::Peer& peer, int code) {
  const std::string body =
      fmt::format(R"({{"kind":"Status","code":{},"message":"scripted"}})", code);
  return peer.send(
      fmt::format("HTTP/1.1 {} No\r\nContent-Length: {}\r\n\r\n{}", code, body.size(), body));
}

bool begin_stream(net::Peer& peer) {
  return peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}
bool chunk(net::Peer& peer, const std::string& line) {
  return peer.send(fmt::format("{:x}\r\n{}\n\r\n", line.size() + 1, line));
}
bool end_stream(net::Peer& peer) {
  return peer.send("0\r\n\r\n");
}

std::string event(const std::string& type, const std::string& object) {
  return fmt::format(R"({{"type":"{}","object":{}}})", type, object);
}
std::string bookmark_object(int version, bool mark) {
  return fmt::format(R"({{"kind":"Service","metadata":{{"resourceVersion":"{}"{}}}}})", version,
                     mark ? R"(,"annotations":{"k8s.io/initial-events-end":"true"})" : "");
}

}  // namespace

void FakeApi::put(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const bool known = services_.contains(name);
  ++version_;
  services_[name] = service_json(name, version_, fmt::format("10.96.0.{}", version_ % 250));
  said_.push_back({known ? "MODIFIED" : "ADDED", services_[name], version_});
}

void FakeApi::remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  services_.erase(name);
  ++version_;
  said_.push_back({"DELETED", service_json(name, version_), version_});
}

void FakeApi::lose(const std::string& name) {
  const std::lock_guard lock(mutex_);
  services_.erase(name);
  ++version_;
}

void FakeApi::recall(const std::string& name, int version) {
  const std::lock_guard lock(mutex_);
  services_[name] = service_json(name, version);
}

void FakeApi::rewind(int version) {
  const std::lock_guard lock(mutex_);
  version_ = version;
  said_.clear();
}

void FakeApi::bookmark() {
  const std::lock_guard lock(mutex_);
  ++version_;
  said_.push_back({"BOOKMARK", bookmark_object(version_, false), version_});
}

std::size_t FakeApi::asked(const std::string& text) {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const std::string& target : targets_) count += target.find(text) != std::string::npos;
  return count;
}

std::vector<std::string> FakeApi::accepted() {
  const std::lock_guard lock(mutex_);
  return accepts_;
}

std::vector<std::string> FakeApi::objects() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> result;
  for (const auto& [name, object] : services_) result.push_back(object);
  return result;
}

int FakeApi::version() {
  const std::lock_guard lock(mutex_);
  return version_;
}

void FakeApi::serve(net::Peer& peer) {
  for (;;) {
    const std::string request = peer.read_request();
    if (request.empty()) return;
    const std::string target = between(request, "GET ", ' ');
    const std::string accept = between(request, "Accept: ", '\r');
    // Before it counts as asked: who has seen it asked may change them.
    const StreamedList list = streamed;
    const Watching how = watching;
    {
      const std::lock_guard lock(mutex_);
      targets_.push_back(target);
      accepts_.push_back(accept);
    }
    if (target.find("kube-system") != std::string::npos) {
      peer.send(net::answer(R"({"metadata":{"uid":"cluster"}})"));
    } else if (target.find("sendInitialEvents") != std::string::npos) {
      stream_list(peer, target, list, how);
    } else if (target.find("watch=true") != std::string::npos) {
      watch(peer, number(target, "resourceVersion"), how);
    } else if (!lists) {
      refuse(peer, 503);
    } else {
      answer_list(peer, target);
    }
  }
}

void FakeApi::answer_list(net::Peer& peer, const std::string& target) {
  const int from = number(target, "continue");
  if (from && old_tokens > 0) {
    --old_tokens;
    refuse(peer, 410);
    return;
  }
  const auto all =
      target.find("/services") != std::string::npos ? objects() : std::vector<std::string>();
  std::string items;
  int at = from;
  for (; at < static_cast<int>(all.size()) && at < from + page; ++at)
    items += (items.empty() ? "" : ",") + all[static_cast<std::size_t>(at)];
  const bool more = at < static_cast<int>(all.size());
  peer.send(net::answer(fmt::format(
      R"({{"kind":"List","metadata":{{"resourceVersion":"{}"{}}},"items":[{}]}})", version(),
      more ? fmt::format(R"(,"continue":"{}")", from && circles ? from : at) : "", items)));
}

void FakeApi::stream_list(net::Peer& peer, const std::string& target, StreamedList list,
                          Watching how) {
  if (list == StreamedList::refused) {
    refuse(peer, 422);
    return;
  }
  begin_stream(peer);
  if (cache_only && target.find("resourceVersion=0") == std::string::npos) {
    peer.wait_for_close();
    return;
  }
  const int listed = version();
  for (const std::string& object : objects()) chunk(peer, event("ADDED", object));
  switch (list) {
    case StreamedList::marked:
      chunk(peer, event("BOOKMARK", bookmark_object(listed, true)));
      if (how == Watching::brief) {
        end_stream(peer);
      } else {
        hold(peer, listed);
      }
      return;
    case StreamedList::silent:
      peer.wait_for_close();
      return;
    case StreamedList::bookmarks:
      while (!peer.ending() && chunk(peer, event("BOOKMARK", bookmark_object(listed, false))))
        std::this_thread::sleep_for(kTick);
      return;
    case StreamedList::closed:
      end_stream(peer);
      return;
    case StreamedList::refused:
      return;
  }
}

void FakeApi::watch(net::Peer& peer, int version, Watching how) {
  if (how == Watching::failed) {
    refuse(peer, 503);
    return;
  }
  begin_stream(peer);
  if (how == Watching::brief) {
    end_stream(peer);
    return;
  }
  if (how == Watching::replay) {
    for (const std::string& object : objects()) chunk(peer, event("ADDED", object));
  }
  hold(peer, version);
}

void FakeApi::hold(net::Peer& peer, int version) {
  const int era = era_;
  held_streams = true;
  while (!peer.ending() && era == era_) {
    std::vector<Said> news;
    {
      const std::lock_guard lock(mutex_);
      for (const Said& one : said_) {
        if (one.version > version) news.push_back(one);
      }
    }
    for (const Said& one : news) {
      if (!chunk(peer, event(one.type, one.object))) return;
      version = one.version;
    }
    std::this_thread::sleep_for(kTick);
  }
  held_streams = false;
  end_stream(peer);
}

}  // namespace holdfast::kubernetes
