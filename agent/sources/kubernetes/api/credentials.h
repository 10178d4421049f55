// SPDX-License-Identifier: Apache-2.0
// How to reach an API server and who we are there: from a kubeconfig, or from what a pod is given.
// Reading is whole or not at all; nothing here connects.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/model/update.h"
#include "agent/net/http_stream.h"

namespace holdfast::kubernetes {

struct Credentials {
  std::vector<net::Server> servers;  // at least one
  net::TlsSettings tls;
  std::string token;  // sent as "Authorization: Bearer"; "": none

  bool operator==(const Credentials&) const = default;
};

inline constexpr const char* kServiceAccountDirectory =
    "/var/run/secrets/kubernetes.io/serviceaccount";

// Where credentials are read from.
struct CredentialsOrigin {
  std::string kubeconfig;                               // a file; "": what a pod is given
  std::map<std::string, std::string> environment = {};  // KUBERNETES_SERVICE_HOST and _PORT
  std::string directory = kServiceAccountDirectory;     // its token and ca.crt

  std::string to_string() const;  // the file, or "in-cluster"
};

// The context that a kubeconfig names as current. What needs another program or a proxy is an
// error that says what to use instead. Errors (invalid): file:line:column and what was expected.
Result<Credentials> load_kubeconfig(const std::string& path);

// Errors: not_found outside a pod.
Result<Credentials> load_in_cluster(const CredentialsOrigin& origin);

Result<Credentials> load_credentials(const CredentialsOrigin& origin);

// Keeps credentials fresh: tokens rotate about hourly, authorities at times. What cannot be read
// again, a file half written, leaves what was read before.
class CredentialReader {
 public:
  explicit CredentialReader(CredentialsOrigin origin) : origin_(std::move(origin)) {}

  // Reads when the last reading failed or is 60 s old, or after rejected().
  // An error is of this reading; current() may still be there.
  Result<> refresh(TimePoint now);
  void rejected() { due_ = true; }  // the server answered 401
  const Credentials* current() const { return current_ ? &*current_ : nullptr; }
  const CredentialsOrigin& origin() const { return origin_; }

 private:
  CredentialsOrigin origin_;
  std::optional<Credentials> current_;
  TimePoint read_at_;
  bool due_ = true;
};

}  // namespace holdfast::kubernetes
