// SPDX-License-Identifier: Apache-2.0
// Whom the client believes, over real TLS: by authority, time, name and address.
#include "client.h"

namespace holdfast::net {
namespace {

void serve(Peer& peer) {
  while (!peer.read_request().empty()) peer.send(answer("hello"));
}

class Tls : public Client {
 protected:
  TlsServing as(const std::vector<std::string>& names, int valid_seconds = 3600) {
    return {authority_.issue({"apiserver", names, valid_seconds}), ""};
  }
  TlsSettings trusting(const std::string& server_name = "") {
    return {authority_.pem(), "", "", server_name, true};
  }
  void expect_denied(const std::string& why) {
    const auto got = get();
    ASSERT_FALSE(got.head) << "believed";
    EXPECT_EQ(got.head.error().code, Errc::denied) << got.head.error().what;
    EXPECT_NE(got.head.error().what.find(why), std::string::npos) << got.head.error().what;
  }

  Authority authority_{"the cluster's"};
};

TEST_F(Tls, BelievesACertificateForTheAddress) {
  TestServer server(serve, as({"IP:127.0.0.1"}));
  stream_.use(server.as("127.0.0.1"), trusting(), kPatient);
  const auto got = get();
  ASSERT_TRUE(got.head) << got.head.error().what;
  EXPECT_EQ(got.body.value(), "hello");
  EXPECT_EQ(server.last_sni(), "") << "an address is no server name";
  EXPECT_TRUE(get().body);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Tls, BelievesACertificateForTheIpv6Address) {
  TestServer server(serve, as({"IP:::1"}), "::1");
  stream_.use(server.as("::1"), trusting(), kPatient);
  EXPECT_EQ(get().body.value_or("not believed"), "hello");
}

TEST_F(Tls, BelievesACertificateForTheName) {
  TestServer server(serve, as({"DNS:localhost"}));
  stream_.use(server.as("localhost"), trusting(), kPatient);
  const auto got = get();
  ASSERT_TRUE(got.head) << got.head.error().what;
  EXPECT_EQ(server.last_sni(), "localhost");
}

TEST_F(Tls, BelievesTheServerNameOfTheSettings) {
  TestServer server(serve, as({"DNS:kubernetes.default.svc"}));
  stream_.use(server.as("127.0.0.1"), trusting("kubernetes.default.svc"), kPatient);
  EXPECT_EQ(get().body.value_or("not believed"), "hello");
  EXPECT_EQ(server.last_sni(), "kubernetes.default.svc");
  // And then not the address, which the certificate is not for.
  stream_.use(server.as("127.0.0.1"), trusting(), kPatient);
  expect_denied("is for kubernetes.default.svc, not 127.0.0.1");
}

TEST_F(Tls, RefusesAnotherName) {
  TestServer server(serve, as({"DNS:artist", "IP:10.0.0.1", "IP:fd00::1"}));
  stream_.use(server.as("localhost"), trusting(), kPatient);
  expect_denied("is for artist, 10.0.0.1, fd00::1, not localhost");
}

TEST_F(Tls, RefusesAnotherAuthority) {
  TestServer server(serve, as({"IP:127.0.0.1"}));
  TlsSettings settings = trusting();
  settings.ca_pem = Authority("somebody else's").pem();
  stream_.use(server.as("127.0.0.1"), settings, kPatient);
  expect_denied("the certificate of CN=apiserver is not trusted: unable to get local issuer");
  settings.ca_pem = "";  // the system's, which never heard of it
  stream_.use(server.as("127.0.0.1"), settings, kPatient);
  expect_denied("unable to get local issuer certificate");
}

TEST_F(Tls, RefusesWhatHasExpired) {
  TestServer server(serve, as({"IP:127.0.0.1"}, -60));
  stream_.use(server.as("127.0.0.1"), trusting(), kPatient);
  expect_denied("certificate has expired");
}

TEST_F(Tls, BelievesEveryAuthorityOfABundle) {
  TestServer server(serve, as({"IP:127.0.0.1"}));
  TlsSettings settings = trusting();
  settings.ca_pem =
      Authority("old").pem() + "# a remark\n" + settings.ca_pem + Authority("new").pem();
  stream_.use(server.as("127.0.0.1"), settings, kPatient);
  EXPECT_EQ(get().body.value_or("not believed"), "hello");
}

TEST_F(Tls, BelievesAnIntermediateAuthorityOfTheBundle) {
  const Authority below = authority_.intermediate("the rack's");
  TestServer server(serve, TlsServing{below.issue({"apiserver", {"IP:127.0.0.1"}}), ""});
  stream_.use(server.as("127.0.0.1"), {below.pem(), "", "", "", true}, kPatient);
  EXPECT_EQ(get().body.value_or("not believed"), "hello");
}

TEST_F(Tls, FollowsARotatedAuthority) {
  TestServer server(serve, as({"IP:127.0.0.1"}));
  TlsSettings settings = trusting();
  settings.ca_pem = Authority("old").pem();
  stream_.use(server.as("127.0.0.1"), settings, kPatient);
  expect_denied("not trusted");
  stream_.use(server.as("127.0.0.1"), trusting(), kPatient);
  EXPECT_EQ(get().body.value_or("not believed"), "hello");
}

TEST_F(Tls, BelievesAnybodyOnlyWhenTold) {
  TestServer server(serve, as({"DNS:artist"}, -60));
  stream_.use(server.as("127.0.0.1"), {"", "", "", "", false}, kPatient);
  EXPECT_EQ(get().body.value_or("not believed"), "hello");
}

TEST_F(Tls, ShowsItsClientCertificate) {
  TlsServing serving = as({"IP:127.0.0.1"});
  serving.client_authority_pem = authority_.pem();
  TestServer server(serve, serving);
  TlsSettings settings = trusting();
  const Issued mine = authority_.issue({"node", {}});
  settings.client_cert_pem = mine.certificate_pem;
  settings.client_key_pem = mine.key_pem;
  stream_.use(server.as("127.0.0.1"), settings, kPatient);
  EXPECT_EQ(get().body.value_or("not believed"), "hello");
  // Without it, or with another authority's, the server refuses, and the error says so.
  stream_.use(server.as("127.0.0.1"), trusting(), kPatient);
  expect_denied("client certificate");
  const Issued other = Authority("other").issue({"node", {}});
  settings.client_cert_pem = other.certificate_pem;
  settings.client_key_pem = other.key_pem;
  stream_.use(server.as("127.0.0.1"), settings, kPatient);
  expect_denied("client certificate");
}

TEST_F(Tls, SaysWhichPemCannotBeUsed) {
  TestServer server(serve, as({"IP:127.0.0.1"}));
  const Issued mine = authority_.issue({"node", {}});
  const Issued other = authority_.issue({"other", {}});
  const auto expect = [&](const TlsSettings& settings, const std::string& why) {
    stream_.use(server.as("127.0.0.1"), settings, kPatient);
    const auto head = run(stream_.send({"GET", "/", {}, ""}));
    ASSERT_FALSE(head) << why;
    EXPECT_EQ(head.error().code, Errc::invalid);
    EXPECT_NE(head.error().what.find(why), std::string::npos) << head.error().what;
  };
  std::string broken = authority_.pem() + authority_.pem();
  broken.replace(broken.rfind("MII"), 3, "###");
  expect({"no certificate", "", "", "", true}, "certificate authorities: no PEM certificate");
  expect({broken, "", "", "", true}, "certificate authorities: certificate 2: ");
  expect({authority_.pem(), "x", mine.key_pem, "", true}, "client certificate: no PEM");
  expect({authority_.pem(), mine.certificate_pem, "", "", true}, "client key: missing");
  expect({authority_.pem(), "", mine.key_pem, "", true}, "client certificate: missing");
  expect({authority_.pem(), mine.certificate_pem, "x", "", true}, "client key: ");
  expect({authority_.pem(), mine.certificate_pem, other.key_pem, "", true}, "does not belong");
  expect({authority_.pem(), mine.certificate_pem, encrypted(mine.key_pem), "", true}, "encrypted");
}

TEST_F(Tls, TellsPlainTextFromTls) {
  TestServer plain([](Peer& peer) {
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    peer.wait_for_close();
  });
  Server wrong = plain.as("127.0.0.1");
  wrong.tls = true;
  stream_.use(wrong, trusting(), kPatient);
  const auto head = run(stream_.send({"GET", "/", {}, ""}));
  ASSERT_FALSE(head);
  EXPECT_NE(head.error().what.find("does not speak TLS"), std::string::npos) << head.error().what;
}

TEST_F(Tls, AnEndWithoutItsWordAfterAWholeBodyIsFine) {
  TestServer server(
      [](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
      },
      as({"IP:127.0.0.1"}));
  stream_.use(server.as("127.0.0.1"), trusting(), kPatient);
  EXPECT_EQ(get().body.value_or("failed"), "hello");
}

TEST_F(Tls, ABodyThatEndsWithTheConnectionNeedsItsWord) {
  std::atomic<bool> say = true;
  TestServer server(
      [&](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\n\r\nall of it");
        if (say) peer.send_close_notify();
      },
      as({"IP:127.0.0.1"}));
  stream_.use(server.as("127.0.0.1"), trusting(), kPatient);
  EXPECT_EQ(get().body.value_or("failed"), "all of it");
  say = false;
  const auto got = get();
  ASSERT_TRUE(got.head);
  ASSERT_FALSE(got.body) << "an attacker could have cut it";
  EXPECT_NE(got.body.error().what.find("truncated"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::net
