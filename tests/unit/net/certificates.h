// SPDX-License-Identifier: Apache-2.0
// Certificate authorities and certificates for a test, made anew in each run.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

namespace holdfast::net {

struct Issued {
  std::string certificate_pem;
  std::string key_pem;
};

struct Wanted {
  std::string common_name = "song";
  std::vector<std::string> names;  // subjectAltName: "DNS:song", "IP:127.0.0.1"
  int valid_seconds = 3600;        // from now; below 0: it expired so long ago
};

class Authority {
 public:
  explicit Authority(const std::string& common_name);

  Issued issue(const Wanted& wanted) const;
  // An authority that this one vouches for.
  Authority intermediate(const std::string& common_name) const;
  std::string pem() const;

 private:
  Authority() = default;

  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<X509> certificate_;
};

// The same key under a password, which nobody is there to type.
std::string encrypted(const std::string& key_pem);

}  // namespace holdfast::net
