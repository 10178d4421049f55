// SPDX-License-Identifier: Apache-2.0
#include "agent/net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>

namespace holdfast::net {

namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;

Failure bad(const std::string& what) {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  return fail(Errc::invalid, what + (error != 0 ? ": " + tls_words(error) : ""));
}

// Without this OpenSSL would ask for the password of an encrypted key on the terminal.
int no_password(char*, int, int, void*) {
  return 0;
}

Bio reader(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// All certificates of the text, in order.
Result<std::vector<Certificate>> read_certificates(const std::string& pem,
                                                   const std::string& what) {
  ERR_clear_error();
  const Bio bio = reader(pem);
  std::vector<Certificate> certificates;
  for (;;) {
    Certificate one(PEM_read_bio_X509_AUX(bio.get(), nullptr, no_password, nullptr));
    if (one) {
      certificates.push_back(std::move(one));
      continue;
    }
    const unsigned long error = ERR_peek_last_error();
    if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
      return bad(what + ": certificate " + std::to_string(certificates.size() + 1));
    ERR_clear_error();
    if (certificates.empty())
      return fail(Errc::invalid, what + ": no PEM certificate (BEGIN CERTIFICATE) in it");
    return certificates;
  }
}

Result<> trust(SSL_CTX* context, const std::string& pem) {
  if (pem.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1)
      return bad("load the system's certificate authorities");
    return {};
  }
  auto certificates = read_certificates(pem, "certificate authorities");
  if (!certificates) return Failure(certificates.error());
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const Certificate& one : *certificates) {
    if (X509_STORE_add_cert(store, one.get()) != 1) return bad("certificate authorities: add one");
  }
  // An intermediate authority in the bundle is an anchor of its own, as it is to kubectl.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  return {};
}

Result<> present(SSL_CTX* context, const std::string& cert_pem, const std::string& key_pem) {
  if (cert_pem.empty() && key_pem.empty()) return {};
  if (cert_pem.empty()) return fail(Errc::invalid, "client certificate: missing beside its key");
  if (key_pem.empty()) return fail(Errc::invalid, "client key: missing beside its certificate");
  auto certificates = read_certificates(cert_pem, "client certificate");
  if (!certificates) return Failure(certificates.error());
  if (SSL_CTX_use_certificate(context, certificates->front().get()) != 1)
    return bad("client certificate");
  for (std::size_t i = 1; i < certificates->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, (*certificates)[i].get()) != 1)
      return bad("client certificate: its chain");
  }
  const Bio bio = reader(key_pem);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (!key && key_pem.find("ENCRYPTED") != std::string::npos) {
    ERR_clear_error();
    return fail(Errc::invalid, "client key: it is encrypted; a key without a password is needed");
  }
  if (!key) return bad("client key");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
    return bad("client key: it does not belong to the client certificate");
  return {};
}

std::string subject(const X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0,
                     XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : "an unnamed subject";
}

std::string text_of(const ASN1_STRING* value) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
          static_cast<std::size_t>(ASN1_STRING_length(value))};
}

std::string address_text(const std::string& bytes) {
  if (bytes.size() == 4) {
    std::array<unsigned char, 4> raw{};
    bytes.copy(reinterpret_cast<char*>(raw.data()), raw.size());
    return boost::asio::ip::address_v4(raw).to_string();
  }
  boost::asio::ip::address_v6::bytes_type raw{};
  bytes.copy(reinterpret_cast<char*>(raw.data()), raw.size());
  return boost::asio::ip::address_v6(raw).to_string();
}

// "song, 10.0.0.1" or "no names": what the certificate is good for.
std::string names_of(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, Free> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::string text;
  constexpr std::size_t kEnough = 300;  // a certificate may carry thousands
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    if (type != GEN_DNS && type != GEN_IPADD) continue;
    const std::string raw = text_of(static_cast<const ASN1_STRING*>(value));
    text += (text.empty() ? "" : ", ") + (type == GEN_DNS ? raw : address_text(raw));
    if (text.size() > kEnough) return text + ", ...";
  }
  return text.empty() ? "no names" : text;
}

}  // namespace

Result<TlsContext> make_tls_context(const TlsSettings& settings) {
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  if (!context) return bad("make a TLS context");
  if (SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1)
    return bad("require TLS 1.2");
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  // Nothing is trusted, and so nothing needs to be loaded, where nothing is verified.
  if (settings.verify) {
    if (auto trusted = trust(context.get(), settings.ca_pem); !trusted)
      return Failure(trusted.error());
  }
  if (auto shown = present(context.get(), settings.client_cert_pem, settings.client_key_pem);
      !shown)
    return Failure(shown.error());
  return context;
}

std::string refusal(X509_STORE_CTX* context, bool name_checked, const std::string& name) {
  const X509* certificate = X509_STORE_CTX_get_current_cert(context);
  const std::string who = certificate ? subject(certificate) : "the server";
  if (name_checked && certificate)
    return "the certificate of " + who + " is for " + names_of(certificate) + ", not " + name;
  return "the certificate of " + who +
         " is not trusted: " + X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
}

bool wants_client_certificate(unsigned long error) {
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return false;
  switch (ERR_GET_REASON(error)) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
      return true;
    default:
      return false;
  }
}

bool is_not_tls(unsigned long error) {
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return false;
  const int reason = ERR_GET_REASON(error);
  return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
         reason == SSL_R_PACKET_LENGTH_TOO_LONG || reason == SSL_R_RECORD_LENGTH_MISMATCH;
}

std::string tls_words(unsigned long error) {
  if (is_not_tls(error)) return "what answers there does not speak TLS";
  const char* reason = ERR_reason_error_string(error);
  const std::string words = reason ? reason : "OpenSSL error " + std::to_string(error);
  return wants_client_certificate(error) ? "the server did not accept our client certificate, "
                                           "or wants one: " +
                                               words
                                         : words;
}

}  // namespace holdfast::net
