// SPDX-License-Identifier: Apache-2.0
#include "certificates.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace holdfast::net {

namespace {

void require(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

std::shared_ptr<EVP_PKEY> make_key() {
  std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  require(key != nullptr, "make a key");
  return key;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), BIO_free);
  require(PEM_write_bio_X509(bio.get(), certificate) == 1, "write a certificate");
  return text_of(bio.get());
}

std::string pem_of(EVP_PKEY* key, const char* password = nullptr) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), BIO_free);
  const auto* secret = reinterpret_cast<const unsigned char*>(password);
  require(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, password ? EVP_aes_128_cbc() : nullptr,
                                        reinterpret_cast<const char*>(secret), password ? 6 : 0,
                                        nullptr, nullptr) == 1,
          "write a key");
  return text_of(bio.get());
}

void extend(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  require(extension != nullptr, "make an extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::shared_ptr<X509> certify(EVP_PKEY* key, const Wanted& wanted, bool authority, X509* issuer,
                              EVP_PKEY* signer) {
  static long serial = 0;
  std::shared_ptr<X509> made(X509_new(), X509_free);
  X509* certificate = made.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
  X509_gmtime_adj(X509_getm_notAfter(certificate), wanted.valid_seconds);
  const std::unique_ptr<X509_NAME, void (*)(X509_NAME*)> name(X509_NAME_new(), X509_NAME_free);
  const auto* text = reinterpret_cast<const unsigned char*>(wanted.common_name.c_str());
  X509_NAME_add_entry_by_txt(name.get(), "CN", MBSTRING_UTF8, text, -1, -1, 0);
  X509_set_subject_name(certificate, name.get());
  X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : name.get());
  X509_set_pubkey(certificate, key);
  extend(certificate, issuer ? issuer : certificate, NID_basic_constraints,
         authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  std::string names;
  for (const auto& one : wanted.names) names += (names.empty() ? "" : ",") + one;
  if (!names.empty())
    extend(certificate, issuer ? issuer : certificate, NID_subject_alt_name, names);
  require(X509_sign(certificate, signer, EVP_sha256()) > 0, "sign a certificate");
  return made;
}

}  // namespace

Authority::Authority(const std::string& common_name) : key_(make_key()) {
  certificate_ = certify(key_.get(), {common_name, {}, 3600}, true, nullptr, key_.get());
}

Issued Authority::issue(const Wanted& wanted) const {
  const auto key = make_key();
  const auto made = certify(key.get(), wanted, false, certificate_.get(), key_.get());
  return {pem_of(made.get()), pem_of(key.get())};
}

Authority Authority::intermediate(const std::string& common_name) const {
  Authority below;
  below.key_ = make_key();
  below.certificate_ =
      certify(below.key_.get(), {common_name, {}, 3600}, true, certificate_.get(), key_.get());
  return below;
}

std::string Authority::pem() const {
  return pem_of(certificate_.get());
}

std::string encrypted(const std::string& key_pem) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(
      BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())), BIO_free);
  const std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr),
                                      EVP_PKEY_free);
  return pem_of(key.get(), "secret");
}

}  // namespace holdfast::net
