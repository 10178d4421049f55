// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/api/credentials.h"

#include <chrono>

#include "agent/base/file.h"
#include "agent/net/pem.h"
#include "agent/sources/kubernetes/api/token.h"

namespace holdfast::kubernetes {

namespace {

constexpr auto kReadAgain = std::chrono::seconds(60);
constexpr std::size_t kLongestBundle = 1 << 20;  // bytes; a bundle of authorities has about 200 KiB

std::string variable(const std::map<std::string, std::string>& environment,
                     const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

}  // namespace

std::string CredentialsOrigin::to_string() const {
  return kubeconfig.empty() ? "in-cluster" : kubeconfig;
}

Result<Credentials> load_in_cluster(const CredentialsOrigin& origin) {
  const std::string host = variable(origin.environment, "KUBERNETES_SERVICE_HOST");
  const std::string port = variable(origin.environment, "KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return fail(Errc::not_found,
                "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; "
                "name a kubeconfig");
  }
  const bool v6 = host.find(':') != std::string::npos;
  const auto server = net::parse_server("https://" + (v6 ? "[" + host + "]" : host) + ":" + port);
  if (!server) return within("KUBERNETES_SERVICE_HOST and _PORT", server.error());
  const auto token = read_token(origin.directory + "/token");
  if (!token) return Failure(token.error());
  const std::string authorities = origin.directory + "/ca.crt";
  const auto pem = read_file(authorities, kLongestBundle);
  if (!pem) return Failure(pem.error());
  Credentials credentials{{*server}, {}, *token};
  credentials.tls.ca_pem = *pem;
  // An empty bundle would mean the system's authorities.
  if (pem->empty()) return fail(Errc::invalid, authorities + ": empty");
  if (const auto good = net::check_tls(credentials.tls); !good)
    return within(authorities, good.error());
  return credentials;
}

Result<Credentials> load_credentials(const CredentialsOrigin& origin) {
  return origin.kubeconfig.empty() ? load_in_cluster(origin) : load_kubeconfig(origin.kubeconfig);
}

Result<> CredentialReader::refresh(TimePoint now) {
  if (!due_ && now - read_at_ < kReadAgain) return {};
  auto read = load_credentials(origin_);
  read_at_ = now;
  due_ = !read;
  if (!read) return Failure(read.error());
  current_ = std::move(*read);
  return {};
}

}  // namespace holdfast::kubernetes
