// SPDX-License-Identifier: Apache-2.0
// Kubeconfigs and what a pod is given: what is read, what is refused, and what is read again.
#include "agent/sources/kubernetes/api/credentials.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "tests/unit/net/certificates.h"

namespace holdfast::kubernetes {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string base64(const std::string& text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

class CredentialsTest : public testing::Test {
 protected:
  CredentialsTest() {
    std::string pattern = (fs::temp_directory_path() / "holdfast_credentials_XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~CredentialsTest() override { fs::remove_all(directory_); }

  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::trunc) << content;
    return path(name);
  }
  // A kubeconfig whose cluster and user sections are these lines.
  std::string kubeconfig(const std::string& cluster, const std::string& user) const {
    return write("config",
                 "apiVersion: v1\nkind: Config\ncurrent-context: here\npreferences: {}\n"
                 "contexts:\n- name: here\n  context: {cluster: c, user: u, namespace: n}\n"
                 "clusters:\n- name: c\n  cluster: {" +
                     cluster + "}\nusers:\n- name: u\n  user: {" + user + "}\n");
  }
  void expect_error(const Result<Credentials>& read, const std::string& text) const {
    ASSERT_FALSE(read) << "accepted; expected: " << text;
    EXPECT_NE(read.error().what.find(text), std::string::npos) << read.error().what;
  }

  net::Authority authority_{"the cluster's"};
  net::Issued mine_ = authority_.issue({"node", {}});
  fs::path directory_;
};

constexpr const char* kServer = "server: 'https://kube.example:6443'";

TEST_F(CredentialsTest, ReadsInlineData) {
  const auto read = load_kubeconfig(
      kubeconfig(std::string(kServer) + ", tls-server-name: kubernetes.default.svc, " +
                     "certificate-authority-data: " + base64(authority_.pem()),
                 "client-certificate-data: " + base64(mine_.certificate_pem) +
                     ", client-key-data: " + base64(mine_.key_pem) + ", token: abc"));
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->servers, (std::vector<net::Server>{{"kube.example", 6443, true}}));
  EXPECT_EQ(read->tls.ca_pem, authority_.pem());
  EXPECT_EQ(read->tls.client_cert_pem, mine_.certificate_pem);
  EXPECT_EQ(read->tls.client_key_pem, mine_.key_pem);
  EXPECT_EQ(read->tls.server_name, "kubernetes.default.svc");
  EXPECT_TRUE(read->tls.verify);
  EXPECT_EQ(read->token, "abc");
}

TEST_F(CredentialsTest, ReadsFilesBesideTheKubeconfig) {
  fs::create_directory(path("pki"));
  write("pki/ca.crt", authority_.pem());
  write("pki/node.crt", mine_.certificate_pem);
  write("pki/node.key", mine_.key_pem);
  write("pki/token", "  from-file\n");
  const auto read = load_kubeconfig(
      kubeconfig(std::string(kServer) + ", certificate-authority: pki/ca.crt",
                 "client-certificate: pki/node.crt, client-key: '" + path("pki/node.key") +
                     "', tokenFile: pki/token, token: written"));
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->tls.ca_pem, authority_.pem());
  EXPECT_EQ(read->tls.client_key_pem, mine_.key_pem);
  EXPECT_EQ(read->token, "from-file");
  fs::remove(path("pki/token"));
  EXPECT_EQ(load_kubeconfig(path("config"))->token, "written");
}

TEST_F(CredentialsTest, ReadsJsonAndLeavesUnknownKeysAlone) {
  const auto read = load_kubeconfig(write("config", R"({"kind": "Config", "current-context": "b",
    "future": 1, "contexts": [{"name": "a", "context": {"cluster": 7}},
                              {"name": "b", "context": {"cluster": "c"}, "extra": []}],
    "clusters": [{"name": "c", "cluster": {"server": "http://[::1]:8080", "new": {}}}], "users": null})"));
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->servers, (std::vector<net::Server>{{"::1", 8080, false}}));
  EXPECT_EQ(read->token, "");
}

TEST_F(CredentialsTest, VerifiesNothingOnlyWhenTold) {
  const auto read =
      load_kubeconfig(kubeconfig(std::string(kServer) + ", insecure-skip-tls-verify: true", ""));
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_FALSE(read->tls.verify);
  expect_error(
      load_kubeconfig(kubeconfig(std::string(kServer) + ", insecure-skip-tls-verify: true" +
                                     ", certificate-authority-data: " + base64(authority_.pem()),
                                 "")),
      "config:10:76: insecure-skip-tls-verify beside");
  expect_error(
      load_kubeconfig(kubeconfig(std::string(kServer) + ", insecure-skip-tls-verify: 'yes'", "")),
      "insecure-skip-tls-verify: expected true or false");
}

TEST_F(CredentialsTest, SaysWhatToUseInsteadOfWhatItCannotDo) {
  const std::vector<std::pair<std::string, std::string>> users = {
      {"exec: {command: aws}", "config:13:16: exec is not supported; use token, tokenFile"},
      {"auth-provider: {name: gcp}", "auth-provider is not supported; use"},
      {"username: me", "username is not supported; use"},
      {"password: secret", "password is not supported; use"},
      {"as: admin", "as is not supported; give this agent a user of its own"},
      {"as-groups: [a]", "as-groups is not supported"}};
  for (const auto& [user, error] : users)
    expect_error(load_kubeconfig(kubeconfig(kServer, user)), error);
  expect_error(
      load_kubeconfig(kubeconfig(std::string(kServer) + ", proxy-url: 'http://p:3128'", "")),
      "proxy-url is not supported; name a server");
  EXPECT_TRUE(load_kubeconfig(kubeconfig(kServer, "username: '', exec: null, as-groups: []")))
      << "what is empty is not set";
}

TEST_F(CredentialsTest, ErrorsHaveTheirPlace) {
  const auto user = [&](const std::string& text) {
    return load_kubeconfig(kubeconfig(kServer, text));
  };
  const auto cluster = [&](const std::string& text) {
    return load_kubeconfig(kubeconfig(text, ""));
  };
  expect_error(user("token: 7"), "config:13:17: token: expected a string, not an integer");
  expect_error(user("token: 'a b'"), "config:13:17: token: the token has a character");
  expect_error(user("tokenFile: none"), "config:13:21: tokenFile: open " + path("none"));
  expect_error(user("client-certificate-data: '%%%%'"), "client-certificate-data: not base64");
  expect_error(user("client-certificate-data: abc"), "client-certificate-data: not base64");
  expect_error(user("client-key: none"), "client-key: open " + path("none"));
  expect_error(user("client-certificate-data: " + base64(mine_.certificate_pem)),
               "config:7:12: context 'here': client key: missing");
  expect_error(cluster(""), "config:10:12: server: expected the URL");
  expect_error(cluster("server: 'https://a/path'"),
               "config:10:21: server 'https://a/path': a path");
  expect_error(cluster("server: 'ftp://a'"), "the scheme is ftp");
  expect_error(cluster("server: [a]"), "server: expected a string, not a list");
  expect_error(cluster(std::string(kServer) + ", certificate-authority-data: " + base64("x")),
               "certificate authorities: no PEM certificate");
  write("empty", "");
  expect_error(cluster(std::string(kServer) + ", certificate-authority: empty"), "is empty");
}

TEST_F(CredentialsTest, ErrorsOfTheWholeFile) {
  const auto file = [&](const std::string& text) { return load_kubeconfig(write("config", text)); };
  expect_error(load_kubeconfig(path("none")), "kubeconfig: open " + path("none"));
  expect_error(file(""), "expected one document, found 0");
  expect_error(file("a: 1\n---\nb: 2\n"), "expected one document, found 2");
  expect_error(file("- a"), "config:1:1: expected a kubeconfig");
  expect_error(file("kind: Secret"), "config:1:7: kind: expected Config, not Secret");
  expect_error(file("kind: Config"), "config:1:1: current-context: expected the name");
  expect_error(file("kind: Config\nkind: Config"), "config:2:1: duplicate key 'kind'");
  expect_error(file("current-context: a"), "config:1:18: context 'a': there are no contexts");
  expect_error(file("current-context: a\ncontexts: 1"), "config:2:11: contexts: expected a list");
  expect_error(file("current-context: a\ncontexts: [1]"),
               "config:2:12: contexts: expected entries");
  expect_error(file("current-context: a\ncontexts: [{name: b}]"),
               "config:1:18: context 'a' is not among the contexts");
  expect_error(file("current-context: a\ncontexts: [{name: a}]"),
               "config:2:12: context 'a': expected a mapping context");
  expect_error(file("current-context: a\ncontexts: [{name: a, context: {}}]"),
               "context 'a': expected the name of a cluster");
  expect_error(
      file("current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: []"),
      "config:2:41: cluster 'c' is not among the clusters");
}

class InCluster : public CredentialsTest {
 protected:
  InCluster() {
    write("token", "first\n");
    write("ca.crt", authority_.pem());
  }
  CredentialsOrigin origin(const std::string& host = "10.96.0.1") const {
    return {"",
            {{"KUBERNETES_SERVICE_HOST", host}, {"KUBERNETES_SERVICE_PORT", "443"}},
            directory_.string()};
  }
};

TEST_F(InCluster, ReadsWhatAPodIsGiven) {
  const auto read = load_credentials(origin());
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->servers, (std::vector<net::Server>{{"10.96.0.1", 443, true}}));
  EXPECT_EQ(read->tls.ca_pem, authority_.pem());
  EXPECT_EQ(read->token, "first");
  EXPECT_EQ(load_credentials(origin("fd00::1"))->servers.front().to_string(),
            "https://[fd00::1]:443");
}

TEST_F(InCluster, SaysWhatIsMissing) {
  const auto outside = load_credentials({"", {}, directory_.string()});
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, Errc::not_found);
  expect_error(outside, "not in a pod: KUBERNETES_SERVICE_HOST");
  write("token", " \n");
  expect_error(load_credentials(origin()), path("token") + ": the token is empty");
  fs::remove(path("token"));
  expect_error(load_credentials(origin()), "open " + path("token"));
  write("token", "first");
  write("ca.crt", "");
  expect_error(load_credentials(origin()), path("ca.crt") + ": empty");
  write("ca.crt", "-----BEGIN CERTIFICATE-----\n");
  expect_error(load_credentials(origin()), path("ca.crt") + ": certificate authorities:");
}

TEST_F(InCluster, ReadsAgainAfterAMinuteOrARejection) {
  CredentialReader reader(origin());
  EXPECT_EQ(reader.current(), nullptr);
  TimePoint now{};
  ASSERT_TRUE(reader.refresh(now));
  write("token", "second");
  ASSERT_TRUE(reader.refresh(now += 59s));
  EXPECT_EQ(reader.current()->token, "first") << "not a reading for each request";
  ASSERT_TRUE(reader.refresh(now += 1s));
  EXPECT_EQ(reader.current()->token, "second");
  write("token", "third");
  reader.rejected();
  ASSERT_TRUE(reader.refresh(now));
  EXPECT_EQ(reader.current()->token, "third");
  // A rotation caught half-way changes nothing, and is mended by the next call.
  const net::Authority next("next");
  write("ca.crt", next.pem().substr(0, 100));
  EXPECT_FALSE(reader.refresh(now += 60s));
  ASSERT_NE(reader.current(), nullptr);
  EXPECT_EQ(reader.current()->tls.ca_pem, authority_.pem());
  write("ca.crt", next.pem());
  ASSERT_TRUE(reader.refresh(now));
  EXPECT_EQ(reader.current()->tls.ca_pem, next.pem());
}

}  // namespace
}  // namespace holdfast::kubernetes
