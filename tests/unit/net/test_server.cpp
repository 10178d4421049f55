// SPDX-License-Identifier: Apache-2.0
#include "test_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <stdexcept>

namespace holdfast::net {

namespace {

template <class T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

std::unique_ptr<BIO, int (*)(BIO*)> reader(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
}

std::shared_ptr<SSL_CTX> make_context(const TlsServing& tls) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  const Owned<X509> certificate(
      PEM_read_bio_X509(reader(tls.identity.certificate_pem).get(), nullptr, nullptr, nullptr),
      X509_free);
  const Owned<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(reader(tls.identity.key_pem).get(), nullptr, nullptr, nullptr),
      EVP_PKEY_free);
  if (SSL_CTX_use_certificate(context.get(), certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1)
    throw std::runtime_error("the test server's certificate");
  if (!tls.client_authority_pem.empty()) {
    const Owned<X509> authority(
        PEM_read_bio_X509(reader(tls.client_authority_pem).get(), nullptr, nullptr, nullptr),
        X509_free);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority.get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

Fd listen_on(const std::string& address, std::uint16_t& port) {
  const bool v6 = address.find(':') != std::string::npos;
  Fd fd(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 name6{};
  name6.sin6_family = AF_INET6;
  ::inet_pton(AF_INET6, address.c_str(), &name6.sin6_addr);
  sockaddr_in name4{};
  name4.sin_family = AF_INET;
  ::inet_pton(AF_INET, address.c_str(), &name4.sin_addr);
  auto* name = v6 ? reinterpret_cast<sockaddr*>(&name6) : reinterpret_cast<sockaddr*>(&name4);
  socklen_t size = v6 ? sizeof name6 : sizeof name4;
  if (::bind(fd.get(), name, size) != 0 || ::listen(fd.get(), 64) != 0)
    throw std::runtime_error("listen on " + address);
  ::getsockname(fd.get(), name, &size);
  port = ntohs(v6 ? name6.sin6_port : name4.sin_port);
  return fd;
}

}  // namespace

long Peer::receive(char* into, std::size_t size) {
  return tls_ ? SSL_read(tls_, into, static_cast<int>(size)) : ::recv(fd_, into, size, 0);
}

std::string Peer::read_request() {
  std::string text;
  char byte = 0;
  while (text.find("\r\n\r\n") == std::string::npos) {
    if (receive(&byte, 1) != 1) return "";
    text += byte;
  }
  const auto length = text.find("Content-Length: ");
  if (length == std::string::npos) return text;
  const std::size_t whole = text.size() + std::stoul(text.substr(length + 16));
  while (text.size() < whole) {
    if (receive(&byte, 1) != 1) return "";
    text += byte;
  }
  return text;
}

bool Peer::send(const std::string& text) {
  if (tls_) return SSL_write(tls_, text.data(), static_cast<int>(text.size())) > 0;
  return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<long>(text.size());
}

void Peer::send_close_notify() {
  if (tls_) SSL_shutdown(tls_);
}

void Peer::reset() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void Peer::wait_for_close() {
  char bytes[4096];
  while (receive(bytes, sizeof bytes) > 0) {
  }
}

TestServer::TestServer(Serve serve, std::optional<TlsServing> tls, const std::string& address)
    : serve_(std::move(serve)), listener_(listen_on(address, port_)) {
  // OpenSSL writes without MSG_NOSIGNAL.
  std::signal(SIGPIPE, SIG_IGN);
  if (tls) context_ = make_context(*tls);
  acceptor_ = std::thread([this] { accept(); });
}

TestServer::~TestServer() {
  stop();
  for (auto& thread : threads_) thread.join();
}

void TestServer::stop() {
  if (ending_.exchange(true)) return;
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  listener_.reset();
  const std::lock_guard lock(mutex_);
  for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
}

void TestServer::accept() {
  for (;;) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0 && errno == EINTR) continue;
    if (fd < 0) return;
    ++connections_;
    const std::lock_guard lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd] { handle(fd); });
  }
}

void TestServer::handle(int fd) {
  {
    const Owned<SSL> tls(context_ ? SSL_new(context_.get()) : nullptr, SSL_free);
    if (tls) SSL_set_fd(tls.get(), fd);
    Peer peer(fd, tls.get(), ending_);
    const bool good = !tls || SSL_accept(tls.get()) == 1;
    if (good && tls) {
      const char* sni = SSL_get_servername(tls.get(), TLSEXT_NAMETYPE_host_name);
      const std::lock_guard lock(mutex_);
      sni_ = sni ? sni : "";
    }
    if (good) serve_(peer);
  }
  const std::lock_guard lock(mutex_);
  open_.erase(std::find(open_.begin(), open_.end(), fd));
  ::close(fd);
}

std::string TestServer::last_sni() {
  const std::lock_guard lock(mutex_);
  return sni_;
}

std::string answer(const std::string& body, const std::string& more_headers) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         more_headers + "\r\n" + body;
}

}  // namespace holdfast::net
