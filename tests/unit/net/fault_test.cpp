// SPDX-License-Identifier: Apache-2.0
// Servers, networks and resolvers that fail, and ends in the middle: every operation ends, says
// why, and the next one works.
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "client.h"

namespace holdfast::net {
namespace {

constexpr auto kShort = 60ms;

class Fault : public Client {
 protected:
  void expect_failure(const Result<Head>& head, Errc code, const std::string& why) {
    ASSERT_FALSE(head) << "status " << head->status;
    EXPECT_EQ(head.error().code, code) << head.error().what;
    EXPECT_NE(head.error().what.find(why), std::string::npos) << head.error().what;
    EXPECT_FALSE(stream_.connected());
  }
  Result<Head> send() { return run(stream_.send({"GET", "/", {}, ""})); }
};

void serve(Peer& peer) {
  while (!peer.read_request().empty()) peer.send(answer("hello"));
}

void silence(Peer& peer) {
  peer.wait_for_close();
}

// A port where connects are neither accepted nor refused: its queue is full.
class BlackHole {
 public:
  BlackHole() : listener_(make()) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&name), sizeof name);
    ::listen(listener_.get(), 0);
    socklen_t size = sizeof name;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&name), &size);
    port_ = ntohs(name.sin_port);
    for (int i = 0; i < 4; ++i) {
      fillers_.push_back(make());
      (void)::connect(fillers_.back().get(), reinterpret_cast<sockaddr*>(&name), sizeof name);
    }
  }
  std::uint16_t port() const { return port_; }

 private:
  static Fd make() { return Fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }
  Fd listener_;
  std::vector<Fd> fillers_;
  std::uint16_t port_ = 0;
};

TEST_F(Fault, ConnectionRefused) {
  TestServer server(serve);
  const Server gone = server.as("127.0.0.1");
  server.stop();
  stream_.use(gone, {}, kPatient);
  expect_failure(send(), Errc::unavailable,
                 "connect to 127.0.0.1:" + std::to_string(gone.port) + ": Connection refused");
}

TEST_F(Fault, ServerThatGoesAwayAndComesBack) {
  auto server = std::make_unique<TestServer>(serve);
  stream_.use(server->as("127.0.0.1"), {}, kPatient);
  ASSERT_TRUE(get().body);
  server.reset();
  expect_failure(send(), Errc::unavailable, "refused");
  TestServer next(serve);
  stream_.use(next.as("127.0.0.1"), {}, kPatient);
  EXPECT_TRUE(get().body);
}

TEST_F(Fault, BlackHoledConnect) {
  const BlackHole hole;
  Timeouts timeouts = kPatient;
  timeouts.connect = kShort;
  stream_.use({"127.0.0.1", hole.port(), false}, {}, timeouts);
  expect_failure(send(), Errc::unavailable,
                 "connect to 127.0.0.1:" + std::to_string(hole.port()) + ": no answer within ");
}

TEST_F(Fault, NextAddressWhenOneIsBlackHoledOrRefuses) {
  // One port on three addresses: the first swallows, the second refuses, the third answers.
  const BlackHole hole;
  Fd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 name{};
  name.sin6_family = AF_INET6;
  name.sin6_addr = in6addr_loopback;
  name.sin6_port = htons(hole.port());
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) != 0)
    GTEST_SKIP() << "the port is taken on ::1";
  ::listen(listener.get(), 8);
  std::thread server([&] {
    const Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const std::string text = answer("third");
    ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
    char byte = 0;
    while (::recv(fd.get(), &byte, 1, 0) > 0) {
    }
  });
  HttpStream stream(
      loop_.get_executor(), [this](int fd) { prepared_.push_back(fd); },
      knowing({"127.0.0.1", "127.0.0.2", "::1"}));
  Timeouts timeouts = kPatient;
  timeouts.connect = 900ms;
  stream.use({"kube.example", hole.port(), false}, {}, timeouts);
  const auto head = run(stream.send({"GET", "/", {}, ""}));
  EXPECT_TRUE(head) << head.error().what;
  EXPECT_EQ(prepared_.size(), 3u);
  stream.close();
  ::shutdown(listener.get(), SHUT_RDWR);
  server.join();
}

TEST_F(Fault, SilentTls) {
  TestServer server(silence);
  Server tls = server.as("127.0.0.1");
  tls.tls = true;
  Timeouts timeouts = kPatient;
  timeouts.connect = kShort;
  stream_.use(tls, {}, timeouts);
  expect_failure(send(), Errc::unavailable, "TLS with 127.0.0.1:");
}

TEST_F(Fault, SilentServer) {
  TestServer server(silence);
  Timeouts timeouts = kPatient;
  timeouts.head = kShort;
  stream_.use(server.as("127.0.0.1"), {}, timeouts);
  expect_failure(send(), Errc::unavailable, "wait for the answer: nothing within 60 ms");
  EXPECT_EQ(server.connections(), 1) << "silence is no stale connection";
}

TEST_F(Fault, HeadThatDrips) {
  TestServer server([](Peer& peer) {
    peer.read_request();
    for (const char c : answer("hello")) {
      if (peer.ending() || !peer.send(std::string(1, c))) return;
      std::this_thread::sleep_for(10ms);
    }
  });
  Timeouts timeouts = kPatient;
  timeouts.head = kShort;
  stream_.use(server.as("127.0.0.1"), {}, timeouts);
  expect_failure(send(), Errc::unavailable, "nothing within 60 ms");
}

TEST_F(Fault, BodyThatPausesOrDrips) {
  // Pieces every 10 ms never pause for `idle`; the time of the whole body ends them.
  std::atomic<bool> drip = false;
  TestServer server([&](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    while (drip && !peer.ending() && peer.send("1\r\nx\r\n")) std::this_thread::sleep_for(10ms);
    peer.wait_for_close();
  });
  Timeouts timeouts = kPatient;
  timeouts.idle = kShort;
  stream_.use(server.as("127.0.0.1"), {}, timeouts);
  auto got = get();
  ASSERT_FALSE(got.body);
  EXPECT_NE(got.body.error().what.find("read the body: nothing within 60 ms"), std::string::npos)
      << got.body.error().what;
  drip = true;
  timeouts.idle = 20s;
  timeouts.body = 200ms;
  stream_.use(server.as("127.0.0.1"), {}, timeouts);
  got = get();
  ASSERT_FALSE(got.body);
  EXPECT_EQ(got.body.error().code, Errc::unavailable);
  // And one read may have a time of its own.
  drip = false;
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  ASSERT_TRUE(send());
  EXPECT_EQ(run(stream_.read()).value(), "x");
  EXPECT_FALSE(run(stream_.read(kShort)));
}

TEST_F(Fault, TruncatedBodies) {
  for (const std::string text :
       {"Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"}) {
    TestServer server([&](Peer& peer) {
      peer.read_request();
      peer.send("HTTP/1.1 200 OK\r\n" + text);
    });
    stream_.use(server.as("127.0.0.1"), {}, kPatient);
    const auto got = get();
    ASSERT_TRUE(got.head) << got.head.error().what;
    ASSERT_FALSE(got.body) << text;
    EXPECT_EQ(got.body.error().code, Errc::unavailable);
    EXPECT_NE(got.body.error().what.find("truncated"), std::string::npos) << got.body.error().what;
    EXPECT_FALSE(stream_.connected());
    EXPECT_FALSE(run(stream_.read())) << "a failed body has no end";
  }
}

TEST_F(Fault, StaleConnectionIsConnectedAnewForGetOnly) {
  // The first connection reads a second request and closes without a word.
  std::atomic<int> served = 0;
  TestServer server([&](Peer& peer) {
    const bool first = served++ == 0;
    peer.read_request();
    peer.send(answer("hello"));
    if (peer.read_request().empty()) return;
    if (first) return peer.reset();
    peer.send(answer("again"));
    if (!peer.read_request().empty()) peer.reset();
  });
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  ASSERT_TRUE(get().body);
  EXPECT_EQ(get().body.value_or("failed"), "hello") << "on a second connection";
  EXPECT_EQ(server.connections(), 2);
  EXPECT_EQ(get().body.value_or("failed"), "again");
  expect_failure(run(stream_.send({"POST", "/", {}, "x"})), Errc::unavailable, "");
  EXPECT_EQ(server.connections(), 2) << "a POST is never sent twice";
}

TEST_F(Fault, ANewConnectionThatClosesIsNotTriedAgain) {
  TestServer server([](Peer& peer) { peer.read_request(); });
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  expect_failure(send(), Errc::unavailable, "wait for the answer: closed by the server");
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Fault, GarbageAndHeadsWithoutEnd) {
  std::string head = "HTTP/1.1 200 OK\r\n";
  while (head.size() < (100u << 10)) head += "X-Filler: " + std::string(1000, 'x') + "\r\n";
  const std::string chunk =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;" + std::string(200 << 10, 'e');
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not speak HTTP"},
      {std::string("\x15\x03\x01\0\x02\x02\x16", 7), "does not speak HTTP"},
      {"HTTP/1.1 999999 What\r\n\r\n", "does not speak HTTP"},
      {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "does not speak HTTP"},
      {head, "a head longer than 64 KiB"},
      {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "switches protocols"},
      {chunk, ""}};
  for (const auto& [text, why] : cases) {
    TestServer server([&text = text](Peer& peer) {
      peer.read_request();
      peer.send(text);
      peer.wait_for_close();
    });
    stream_.use(server.as("127.0.0.1"), {}, kPatient);
    SCOPED_TRACE(text.substr(0, 60));
    const auto got = get();
    const auto& error = got.head ? got.body.error() : got.head.error();
    ASSERT_TRUE(!got.head || !got.body);
    EXPECT_EQ(error.code, Errc::invalid) << error.what;
    EXPECT_NE(error.what.find(why), std::string::npos) << error.what;
  }
}

TEST_F(Fault, AHeadOfAlmost64KiBIsRead) {
  const std::string filler(60 << 10, 'x');
  TestServer server([&](Peer& peer) {
    peer.read_request();
    peer.send(answer("hello", "X-Filler: " + filler + "\r\n"));
    peer.wait_for_close();
  });
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  const auto got = get();
  ASSERT_TRUE(got.head) << got.head.error().what;
  EXPECT_EQ(got.head->header("x-filler"), filler);
}

// Runs `operation` until the server has the request, then `act` on the loop.
template <class Operation, class Act>
auto interrupted(asio::io_context& loop, Operation operation, Act act) {
  using Outcome = typename Operation::value_type;
  std::optional<Outcome> outcome;
  asio::co_spawn(loop, std::move(operation), [&](const std::exception_ptr& thrown, Outcome value) {
    EXPECT_EQ(thrown, nullptr);
    outcome = std::move(value);
  });
  asio::steady_timer soon(loop, kShort);
  soon.async_wait([&](const boost::system::error_code&) { act(); });
  loop.restart();
  loop.run();
  return *outcome;
}

TEST_F(Fault, CloseEndsWhatIsPending) {
  TestServer server([](Peer& peer) {
    if (peer.read_request().starts_with("GET /body"))
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    peer.wait_for_close();
  });
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  const auto close = [this] { stream_.close(); };
  expect_failure(interrupted(loop_, stream_.send({"GET", "/head", {}, ""}), close),
                 Errc::unavailable, "closed here");
  ASSERT_TRUE(run(stream_.send({"GET", "/body", {}, ""})));
  const auto piece = interrupted(loop_, stream_.read(), close);
  ASSERT_FALSE(piece);
  EXPECT_NE(piece.error().what.find("closed here"), std::string::npos) << piece.error().what;
  EXPECT_FALSE(stream_.connected());
  // While it connects, and while it shakes hands.
  const BlackHole hole;
  stream_.use({"127.0.0.1", hole.port(), false}, {}, kPatient);
  expect_failure(interrupted(loop_, stream_.send({}), close), Errc::unavailable, "closed here");
  stream_.use({"127.0.0.1", server.port(), true}, {}, kPatient);
  expect_failure(interrupted(loop_, stream_.send({"GET", "/", {}, ""}), close), Errc::unavailable,
                 "closed here");
  TestServer next(serve);
  stream_.use(next.as("127.0.0.1"), {}, kPatient);
  EXPECT_EQ(get().body.value_or("failed"), "hello") << "and the next one works";
}

TEST_F(Fault, AnotherServerEndsWhatIsPending) {
  TestServer server(silence);
  TestServer next(serve);
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  expect_failure(interrupted(loop_, stream_.send({"GET", "/", {}, ""}),
                             [&] { stream_.use(next.as("127.0.0.1"), {}, kPatient); }),
                 Errc::unavailable, "closed here");
  EXPECT_EQ(get().body.value_or("failed"), "hello");
}

TEST_F(Fault, DestructionWhileSomethingIsPending) {
  TestServer server([](Peer& peer) {
    if (peer.read_request().starts_with("GET /body"))
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    peer.wait_for_close();
  });
  auto stream = std::make_unique<HttpStream>(loop_.get_executor(), nullptr);
  stream->use(server.as("127.0.0.1"), {}, kPatient);
  EXPECT_FALSE(interrupted(loop_, stream->send({"GET", "/", {}, ""}), [&] { stream.reset(); }));
  stream = std::make_unique<HttpStream>(loop_.get_executor(), nullptr);
  stream->use(server.as("127.0.0.1"), {}, kPatient);
  ASSERT_TRUE(run(stream->send({"GET", "/body", {}, ""})));
  EXPECT_FALSE(interrupted(loop_, stream->read(), [&] { stream.reset(); }));
}

TEST_F(Fault, DestructionOfTheLoopWhileSomethingIsPending) {
  TestServer server(silence);
  auto loop = std::make_unique<asio::io_context>();
  auto stream = std::make_unique<HttpStream>(loop->get_executor(), nullptr);
  stream->use(server.as("127.0.0.1"), {}, kPatient);
  bool ended = false;
  asio::co_spawn(*loop, stream->send({"GET", "/", {}, ""}),
                 [&](const std::exception_ptr&, const Result<Head>&) { ended = true; });
  loop->run_for(kShort);
  stream.reset();
  loop.reset();
  EXPECT_FALSE(ended) << "what a loop has not run, it drops";
}

TEST_F(Fault, OneOperationAtATime) {
  TestServer server(silence);
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  std::optional<Result<Head>> second;
  (void)interrupted(loop_, stream_.send({"GET", "/", {}, ""}), [&] {
    asio::co_spawn(loop_, stream_.send({"GET", "/", {}, ""}),
                   [&](const std::exception_ptr&, Result<Head> head) {
                     second = std::move(head);
                     stream_.close();
                   });
  });
  ASSERT_TRUE(second && !*second);
  EXPECT_EQ(second->error().code, Errc::internal);
}

}  // namespace
}  // namespace holdfast::net
