// SPDX-License-Identifier: Apache-2.0
// An API server that a test scripts: it lists and watches as a real one does, or as one does that
// does not keep what the API promises. Objects are Services and EndpointSlices of `default`.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/unit/net/test_server.h"

namespace holdfast::kubernetes {

// How a streaming list goes on after its last object.
enum class StreamedList {
  marked,     // with the bookmark that ends it, then as a watch
  silent,     // nothing more
  bookmarks,  // bookmarks without the mark, for ever
  closed,     // a clean end
  refused,    // 422: there are none
};
enum class Watching {
  held,    // open, events as they come
  brief,   // ended at once, cleanly and empty
  replay,  // all there is as ADDED once more, then held
  failed,  // 503
};

class FakeApi {
 public:
  FakeApi() : server_([this](net::Peer& peer) { serve(peer); }) {}

  std::string url() const { return server_.as("127.0.0.1").to_string(); }
  void put(const std::string& name);     // a Service; an event for the watches
  void remove(const std::string& name);  // the same
  // Gone without an event, as from a server whose watch cache lost it.
  void lose(const std::string& name);
  void recall(const std::string& name, int version);  // there again, as it was; no event
  void rewind(int version);  // of all that is asked from now on; what was said stays said
  void bookmark();
  void close_streams() { ++era_; }

  // Targets asked for, with this text in them.
  std::size_t asked(const std::string& text);
  std::vector<std::string> accepted();  // the Accept headers of all that was asked

  std::atomic<StreamedList> streamed = StreamedList::marked;
  std::atomic<Watching> watching = Watching::held;
  std::atomic<bool> lists = true;          // false: 503 for a list that is no stream
  std::atomic<bool> cache_only = false;    // streaming lists but from the cache: a head, no more
  std::atomic<int> page = 1000;            // objects a page, at most
  std::atomic<bool> circles = false;       // the second page names itself as next
  std::atomic<int> old_tokens = 0;         // answers 410 so many times to a token
  std::atomic<bool> held_streams = false;  // one is open

 private:
  struct Said {
    std::string type, object;
    int version;
  };
  void serve(net::Peer& peer);
  void answer_list(net::Peer& peer, const std::string& target);
  void stream_list(net::Peer& peer, const std::string& target, StreamedList list, Watching how);
  void watch(net::Peer& peer, int version, Watching how);
  void hold(net::Peer& peer, int version);
  std::vector<std::string> objects();
  int version();

  std::mutex mutex_;
  int version_ = 100;
  std::map<std::string, std::string> services_;
  std::vector<Said> said_;
  std::vector<std::string> targets_, accepts_;
  std::atomic<int> era_ = 0;
  net::TestServer server_;  // last: its threads use all of the above
};

}  // namespace holdfast::kubernetes
