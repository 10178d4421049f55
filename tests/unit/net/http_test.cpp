// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 over real sockets: what is sent, how bodies arrive, when a connection is used again.
#include <sys/socket.h>

#include "client.h"

namespace holdfast::net {
namespace {

// Answers every request of a connection with its own head.
void echo(Peer& peer) {
  for (std::string request; !(request = peer.read_request()).empty();) peer.send(answer(request));
}

TEST_F(Client, GetsOverPlainTcp) {
  TestServer server(echo);
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  const auto got = get("/api?limit=500", {{"Authorization", "Bearer abc"}});
  ASSERT_TRUE(got.head) << got.head.error().what;
  EXPECT_EQ(got.head->status, 200u);
  EXPECT_EQ(got.head->header("content-length"), std::to_string(got.body->size()));
  EXPECT_EQ(got.head->header("absent"), "");
  EXPECT_TRUE(got.body->starts_with("GET /api?limit=500 HTTP/1.1\r\n")) << *got.body;
  EXPECT_NE(got.body->find("\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"),
            std::string::npos);
  EXPECT_NE(got.body->find("\r\nAuthorization: Bearer abc\r\n"), std::string::npos);
  EXPECT_NE(got.body->find("\r\nUser-Agent: holdfastd/" HOLDFAST_VERSION " (linux/"),
            std::string::npos);
  EXPECT_EQ(got.body->find("Accept-Encoding"), std::string::npos);
  EXPECT_EQ(prepared_.size(), 1u);
  EXPECT_EQ(stream_.peer(), "127.0.0.1:" + std::to_string(server.port()));
}

TEST_F(Client, PreparesASocketBeforeItConnects) {
  TestServer server(echo);
  bool connected_already = true;
  HttpStream stream(loop_.get_executor(), [&](int fd) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    connected_already = ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
  });
  stream.use(server.as("127.0.0.1"), {}, kPatient);
  EXPECT_TRUE(run(stream.send({"GET", "/", {}, ""})));
  EXPECT_FALSE(connected_already);
}

TEST_F(Client, ReadsAChunkedBodyAsItArrives) {
  // The second piece is sent only when the first was read: nothing waits for the whole.
  std::atomic<bool> first_read = false;
  TestServer server([&](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst\n\r");
    while (!first_read && !peer.ending()) std::this_thread::sleep_for(1ms);
    peer.send("\n7\r\nsec");
    peer.send("ond\n\r\n0\r\n\r\n");
    peer.wait_for_close();
  });
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  ASSERT_TRUE(run(stream_.send({"GET", "/", {}, ""})));
  EXPECT_EQ(run(stream_.read()).value(), "first\n");
  first_read = true;
  std::string rest;
  for (;;) {
    const auto piece = run(stream_.read());
    ASSERT_TRUE(piece) << piece.error().what;
    if (piece->empty()) break;
    rest += *piece;
  }
  EXPECT_EQ(rest, "second\n");
  EXPECT_TRUE(stream_.connected());
  EXPECT_EQ(run(stream_.read()).value(), "") << "the end stays the end";
}

TEST_F(Client, HandsOnPiecesOfAtMost64KiB) {
  const std::string large(300'000, 'x');
  TestServer server([&](Peer& peer) {
    peer.read_request();
    peer.send(answer(large));
    peer.wait_for_close();
  });
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  ASSERT_TRUE(run(stream_.send({"GET", "/", {}, ""})));
  std::size_t size = 0;
  for (std::string piece; !(piece = run(stream_.read()).value()).empty();) {
    EXPECT_LE(piece.size(), 64u << 10);
    size += piece.size();
  }
  EXPECT_EQ(size, large.size());
}

TEST_F(Client, UsesTheConnectionAgain) {
  TestServer server(echo);
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(get().body);
  EXPECT_EQ(server.connections(), 1);
  // The same server again, with other timeouts, is no other connection.
  stream_.use(server.as("127.0.0.1"), {}, {});
  EXPECT_TRUE(get().body);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Client, DropsAConnectionWithAnUnreadBody) {
  TestServer server(echo);
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  ASSERT_TRUE(run(stream_.send({"GET", "/one", {}, ""})));
  const auto got = get("/two");
  ASSERT_TRUE(got.body);
  EXPECT_TRUE(got.body->starts_with("GET /two "));
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(Client, ClosesWhenTheServerSaysSo) {
  TestServer server([](Peer& peer) {
    peer.read_request();
    peer.send(answer("bye", "Connection: close\r\n"));
    peer.wait_for_close();
  });
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  EXPECT_EQ(get().body.value(), "bye");
  EXPECT_FALSE(stream_.connected());
  EXPECT_EQ(get().body.value(), "bye");
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(Client, ReadsABodyThatEndsWithTheConnection) {
  TestServer server([](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.0 200 OK\r\n\r\nuntil the end");
  });
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  EXPECT_EQ(get().body.value(), "until the end");
}

TEST_F(Client, AnswersWithoutABody) {
  TestServer server([](Peer& peer) {
    for (std::string request; !(request = peer.read_request()).empty();) {
      if (request.starts_with("HEAD")) peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
      if (request.starts_with("DELETE")) peer.send("HTTP/1.1 204 No Content\r\n\r\n");
      if (request.starts_with("GET"))
        peer.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer("late"));
    }
  });
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  ASSERT_TRUE(run(stream_.send({"HEAD", "/", {}, ""})));
  EXPECT_EQ(run(stream_.read()).value(), "");
  EXPECT_EQ(run(stream_.send({"DELETE", "/", {}, ""}))->status, 204u);
  EXPECT_EQ(run(stream_.read()).value(), "");
  const auto got = get();
  EXPECT_EQ(got.head->status, 200u);
  EXPECT_EQ(got.body.value(), "late");
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Client, SendsABody) {
  TestServer server(echo);
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  const std::string large(200'000, 'y');
  ASSERT_TRUE(run(stream_.send({"POST", "/review", {}, large})));
  EXPECT_TRUE(run(stream_.read_all(1 << 20))->ends_with("\r\n\r\n" + large));
}

TEST_F(Client, NeverSendsWhatWouldBreakOutOfItsLine) {
  TestServer server(echo);
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  for (const Request& bad :
       std::vector<Request>{{"GET", "/", {{"Authorization", "Bearer a\n"}}, ""},
                            {"GET", "/ HTTP/1.1\r\nX: y", {}, ""},
                            {"GET", "api", {}, ""},
                            {"GET", "/", {{"X:y", "z"}}, ""},
                            {"", "/", {}, ""}}) {
    const auto head = run(stream_.send(bad));
    ASSERT_FALSE(head) << bad.target;
    EXPECT_EQ(head.error().code, Errc::invalid);
    EXPECT_EQ(head.error().what.find("Bearer"), std::string::npos) << "a secret is shown";
  }
}

TEST_F(Client, BoundsAWholeBody) {
  TestServer server([](Peer& peer) {
    while (!peer.read_request().empty()) peer.send(answer(std::string(1000, 'x')));
  });
  stream_.use(server.as("127.0.0.1"), {}, kPatient);
  ASSERT_TRUE(run(stream_.send({"GET", "/", {}, ""})));
  EXPECT_EQ(run(stream_.read_all(999)).error().code, Errc::exhausted);
  ASSERT_TRUE(run(stream_.send({"GET", "/", {}, ""})));
  EXPECT_EQ(run(stream_.read_all(1000))->size(), 1000u);
}

TEST_F(Client, ReachesIpv6) {
  TestServer server(echo, std::nullopt, "::1");
  stream_.use(server.as("::1"), {}, kPatient);
  const auto got = get();
  ASSERT_TRUE(got.body) << got.head.error().what;
  EXPECT_NE(got.body->find("\r\nHost: [::1]:" + std::to_string(server.port()) + "\r\n"),
            std::string::npos);
  EXPECT_EQ(stream_.peer(), "[::1]:" + std::to_string(server.port()));
}

TEST(ServerText, IsParsedStrictly) {
  const auto text = [](const char* url) {
    const auto server = parse_server(url);
    return server ? server->to_string() : "error: " + std::string(to_string(server.error().code));
  };
  EXPECT_EQ(text("https://10.0.0.1:6443"), "https://10.0.0.1:6443");
  EXPECT_EQ(text("https://kube.example"), "https://kube.example:443");
  EXPECT_EQ(text("https://kube.example/"), "https://kube.example:443");
  EXPECT_EQ(text("http://kube.example"), "http://kube.example:80");
  EXPECT_EQ(text("https://[fd00::1]:6443"), "https://[fd00::1]:6443");
  EXPECT_EQ(text("[fd00::1]:6443"), "https://[fd00::1]:6443");
  EXPECT_EQ(text("kube.example:6443"), "https://kube.example:6443");
  EXPECT_EQ(parse_server("https://[fd00::1]:6443")->host, "fd00::1");
  for (const char* bad :
       {"", "https://", "https://a:0", "https://a:65536", "https://a:x", "https://a/path",
        "https://a?b", "ftp://a", "https://u:p@a", "fd00::1", "https:// a", "://a"})
    EXPECT_EQ(text(bad), "error: invalid") << bad;
}

}  // namespace
}  // namespace holdfast::net
