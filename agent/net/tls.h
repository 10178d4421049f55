// SPDX-License-Identifier: Apache-2.0
// OpenSSL contexts from PEM text, and what OpenSSL means in words. Written to OpenSSL 3 and 4.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "agent/base/result.h"
#include "agent/net/http_stream.h"

namespace holdfast::net {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeContext>;

// TLS 1.2 or newer, verifying the peer by the authorities of the settings. Errors (invalid) say
// which certificate or key cannot be used and why.
Result<TlsContext> make_tls_context(const TlsSettings& settings);

// Why a certificate was refused, from within a verify callback: "the certificate of CN=song has
// expired". `name_checked`: its chain is good and the name is not.
std::string refusal(X509_STORE_CTX* context, bool name_checked, const std::string& name);

// An error number of OpenSSL: whether the peer refused us for our certificate, and in words.
bool wants_client_certificate(unsigned long error);
bool is_not_tls(unsigned long error);
std::string tls_words(unsigned long error);

}  // namespace holdfast::net
