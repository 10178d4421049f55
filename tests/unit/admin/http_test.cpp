// SPDX-License-Identifier: Apache-2.0
// The admin server and its client over real sockets: what is answered, bounded and refused.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "agent/admin/http.h"
#include "agent/base/fd.h"

namespace holdfast::admin {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (fs::temp_directory_path() / "holdfast_admin_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

// Echoes the request, so that a test sees what the handler was given.
Response echo(const Request& request) {
  if (request.path == "/missing") return {404, "application/json", "{\"error\": \"none\"}\n"};
  if (request.path == "/way") return {200, "text/plain", request.local ? "unix" : "tcp"};
  return {200, "text/plain",
          request.method + " " + request.path + " " + std::to_string(request.body.size())};
}

class AdminServer : public testing::Test {
 protected:
  void start() {
    thread_ = std::thread([this] { loop_.run(); });
  }
  void TearDown() override {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.file("run/admin.sock");
  boost::asio::io_context loop_;
  Server server_{loop_, echo};
  std::thread thread_;
};

Fd connect_unix(const std::string& path) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const timeval patience{5, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

void send_text(const Fd& fd, const std::string& text) {
  ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), ssize_t(text.size()));
}

// All that comes until the peer closes, or until `wanted` was seen.
std::string receive(const Fd& fd, const std::string& wanted = "") {
  std::string text;
  char buffer[4096];
  while (wanted.empty() || text.find(wanted) == std::string::npos) {
    const ssize_t got = ::recv(fd.get(), buffer, sizeof buffer, 0);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

TEST_F(AdminServer, AnswersOverTheUnixSocket) {
  ASSERT_TRUE(server_.listen_unix(path_));
  start();
  const auto answer = request_unix(path_, {"POST", "/v1/holds/7/accept", "body"}, 5);
  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ(answer->status, 200u);
  EXPECT_EQ(answer->content_type, "text/plain");
  EXPECT_EQ(answer->body, "POST /v1/holds/7/accept 4");
  const auto missing = request_unix(path_, {"GET", "/missing", ""}, 5);
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->status, 404u);
  EXPECT_EQ(missing->body, "{\"error\": \"none\"}\n");
}

TEST_F(AdminServer, GivesTheHandlerADecodedPathWithoutItsQuery) {
  ASSERT_TRUE(server_.listen_unix(path_));
  start();
  const auto answer = request_unix(path_, {"GET", "/a%20b?x=1", ""}, 5);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "GET /a b 0");
}

TEST_F(AdminServer, KeepsTheSocketToItsOwner) {
  const mode_t before = ::umask(0);
  const auto listening = server_.listen_unix(path_);
  ::umask(before);
  ASSERT_TRUE(listening);
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_TRUE(S_ISSOCK(info.st_mode));
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(AdminServer, RefusesASocketThatSomebodyAnswersOn) {
  ASSERT_TRUE(server_.listen_unix(path_));
  Server second(loop_, echo);
  const auto refused = second.listen_unix(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::exists);
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(AdminServer, ReplacesADeadSocket) {
  fs::create_directories(fs::path(path_).parent_path());
  {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ASSERT_TRUE(fs::exists(path_));
  ASSERT_TRUE(server_.listen_unix(path_));
  start();
  EXPECT_TRUE(request_unix(path_, {"GET", "/", ""}, 5));
}

TEST_F(AdminServer, NeverRemovesWhatIsNoSocket) {
  fs::create_directories(fs::path(path_).parent_path());
  std::ofstream(path_) << "precious";
  const auto refused = server_.listen_unix(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::exists);
  EXPECT_EQ(fs::file_size(path_), 8u);
}

TEST_F(AdminServer, RemovesItsSocketAtStop) {
  ASSERT_TRUE(server_.listen_unix(path_));
  server_.stop();
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(AdminServer, KeepsAConnectionBetweenRequests) {
  ASSERT_TRUE(server_.listen_unix(path_));
  start();
  const Fd fd = connect_unix(path_);
  send_text(fd, "GET /one HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(receive(fd, "GET /one 0").find("200 OK"), std::string::npos);
  send_text(fd, "GET /two HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(receive(fd).find("GET /two 0"), std::string::npos);
}

TEST_F(AdminServer, RefusesALongBodyWithoutReadingIt) {
  ASSERT_TRUE(server_.listen_unix(path_));
  start();
  const Fd fd = connect_unix(path_);
  send_text(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n");
  const std::string answer = receive(fd);
  EXPECT_NE(answer.find("413"), std::string::npos) << answer;
  EXPECT_NE(answer.find("{\"error\""), std::string::npos) << answer;
  const auto whole = request_unix(path_, {"POST", "/x", std::string(65536, 'a')}, 5);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->body, "POST /x 65536");
}

TEST_F(AdminServer, ClosesOnWhatIsNoHttp) {
  ASSERT_TRUE(server_.listen_unix(path_));
  start();
  const Fd fd = connect_unix(path_);
  send_text(fd, "\x16\x03\x01 nonsense\r\n\r\n");
  EXPECT_EQ(receive(fd).find("200"), std::string::npos);
  EXPECT_TRUE(request_unix(path_, {"GET", "/", ""}, 5)) << "others are still answered";
}

TEST_F(AdminServer, BoundsItsConnectionsAndRecovers) {
  ASSERT_TRUE(server_.listen_unix(path_));
  start();
  std::vector<Fd> held;
  for (int one = 0; one < 64; ++one) {
    held.push_back(connect_unix(path_));
    send_text(held.back(), "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_NE(receive(held.back(), "GET /hold 0").find("200"), std::string::npos) << one;
  }
  EXPECT_FALSE(request_unix(path_, {"GET", "/", ""}, 5)) << "the 65th is closed at once";
  held.clear();
  const auto until = std::chrono::steady_clock::now() + 5s;
  bool answered = false;
  while (!answered && std::chrono::steady_clock::now() < until)
    answered = request_unix(path_, {"GET", "/", ""}, 5).has_value();
  EXPECT_TRUE(answered);
}

TEST_F(AdminServer, RefusesATooLongPath) {
  const auto refused = server_.listen_unix(directory_.file(std::string(120, 'x')));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid);
}

// A port that was free a moment ago: the server itself takes none by the name of 0.
std::uint16_t free_port() {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

Fd dial(std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

TEST_F(AdminServer, AnswersOverTcp) {
  const std::uint16_t port = free_port();
  ASSERT_TRUE(server_.listen_tcp("127.0.0.1:" + std::to_string(port)));
  start();
  Fd fd = dial(port);
  send_text(fd, "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(receive(fd).find("GET /livez 0"), std::string::npos);
}

TEST_F(AdminServer, SaysWhichWayARequestCame) {
  ASSERT_TRUE(server_.listen_unix(path_));
  const std::uint16_t port = free_port();
  ASSERT_TRUE(server_.listen_tcp("127.0.0.1:" + std::to_string(port)));
  start();
  const auto answer = request_unix(path_, {"GET", "/way", ""}, 5);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "unix");
  Fd fd = dial(port);
  send_text(fd, "GET /way HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(receive(fd).find("tcp"), std::string::npos);
}

TEST_F(AdminServer, RefusesWhatIsNoListenAddress) {
  for (const char* text : {"", "9464", "localhost:9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
                           "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:80x", "[::1]"}) {
    const auto refused = server_.listen_tcp(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, Errc::invalid) << text;
  }
}

TEST(AdminClient, NobodyListens) {
  const TemporaryDirectory directory;
  const auto answer = request_unix(directory.file("none.sock"), {"GET", "/", ""}, 1);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unavailable);
  EXPECT_NE(answer.error().what.find("none.sock"), std::string::npos);
}

// The daemon is stuck: it accepts (the kernel does) and never answers.
TEST(AdminClient, GivesUpOnAStuckDaemon) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("stuck.sock");
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(fd.get(), 4), 0);
  const auto before = std::chrono::steady_clock::now();
  const auto answer = request_unix(path, {"GET", "/", ""}, 1);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unavailable);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 900ms);
}

}  // namespace
}  // namespace holdfast::admin
