// SPDX-License-Identifier: Apache-2.0
// Names: the system's answers, and a resolver that fails, lies or hangs (faults.md U10).
#include <atomic>
#include <condition_variable>

#include "agent/net/name_lookup.h"
#include "client.h"

namespace holdfast::net {
namespace {

void serve(Peer& peer) {
  while (!peer.read_request().empty()) peer.send(answer("hello"));
}

class Names : public Client {
 protected:
  using Addresses = std::vector<asio::ip::address>;
  // A stream whose resolver says what answer_ is, by then.
  HttpStream make() {
    return {loop_.get_executor(), nullptr, [this](const std::string&) -> Result<Addresses> {
              std::unique_lock lock(mutex_);
              ++asked_;
              released_.wait(lock, [this] { return !hang_; });
              return answer_;
            }};
  }
  Result<Head> send(HttpStream& stream) { return run(stream.send({"GET", "/", {}, ""})); }
  void set(Result<Addresses> answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  void hang(bool on) {
    const std::lock_guard lock(mutex_);
    hang_ = on;
    released_.notify_all();
  }

  const Addresses here_ = {asio::ip::make_address("127.0.0.1")};
  std::mutex mutex_;
  std::condition_variable released_;
  Result<Addresses> answer_ = here_;
  bool hang_ = false;
  std::atomic<int> asked_ = 0;
};

TEST_F(Names, TheSystemKnowsLocalhost) {
  const auto found = system_lookup("localhost");
  ASSERT_TRUE(found) << found.error().what;
  for (const auto& address : *found) EXPECT_TRUE(address.is_loopback());
  TestServer server(serve);
  stream_.use(server.as("localhost"), {}, kPatient);
  EXPECT_EQ(get().body.value_or("failed"), "hello");
}

TEST_F(Names, AnImpossibleNameIsAnError) {
  const auto found = system_lookup("no such name");
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().what.find("resolve no such name: "), std::string::npos);
}

TEST_F(Names, TheLastGoodAnswerServesWhenTheResolverFails) {
  TestServer server(serve);
  HttpStream stream = make();
  stream.use(server.as("kube.example"), {}, kPatient);
  set(fail(Errc::unavailable, "resolve kube.example: SERVFAIL"));
  const auto before = send(stream);
  ASSERT_FALSE(before) << "nothing is known yet";
  EXPECT_NE(before.error().what.find("SERVFAIL"), std::string::npos) << before.error().what;
  set(here_);
  ASSERT_TRUE(send(stream));
  for (const Result<Addresses>& trouble :
       {Result<Addresses>(fail(Errc::unavailable, "NXDOMAIN")), Result<Addresses>(Addresses{})}) {
    set(trouble);
    stream.close();
    const auto after = send(stream);
    EXPECT_TRUE(after) << after.error().what;
  }
  EXPECT_EQ(asked_.load(), 4) << "and it is asked each time";
  // Both troubles are told when the old address does not answer either.
  set(fail(Errc::unavailable, "resolve kube.example: NXDOMAIN"));
  server.stop();
  stream.close();
  const auto gone = send(stream);
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().what.find("NXDOMAIN"), std::string::npos) << gone.error().what;
  EXPECT_NE(gone.error().what.find("refused"), std::string::npos) << gone.error().what;
}

TEST_F(Names, AVerifiedAddressOutlivesAWrongAnswer) {
  const Authority authority("the cluster's");
  TestServer server(serve, TlsServing{authority.issue({"api", {"DNS:kube.example"}}), ""});
  HttpStream stream = make();
  stream.use(server.as("kube.example"), {authority.pem(), "", "", "", true}, kPatient);
  ASSERT_TRUE(send(stream));
  set(Addresses{asio::ip::make_address("127.0.0.9")});
  stream.close();
  const auto head = send(stream);
  EXPECT_TRUE(head) << head.error().what;
}

TEST_F(Names, AResolverThatHangsIsGivenUpInTimeAndAskedOnlyOnce) {
  TestServer server(serve);
  HttpStream stream = make();
  Timeouts timeouts = kPatient;
  timeouts.resolve = 50ms;
  stream.use(server.as("kube.example"), {}, timeouts);
  hang(true);
  for (int i = 0; i < 3; ++i) {
    const auto head = send(stream);
    ASSERT_FALSE(head);
    EXPECT_NE(head.error().what.find("no answer within 50 ms"), std::string::npos)
        << head.error().what;
  }
  EXPECT_EQ(asked_.load(), 1) << "one thread a name, however often it is tried";
  hang(false);
  timeouts.resolve = 20s;
  stream.use(server.as("kube.example"), {}, timeouts);
  EXPECT_TRUE(send(stream)) << "the late answer serves";
}

}  // namespace
}  // namespace holdfast::net
