// SPDX-License-Identifier: Apache-2.0
// The HTTP side: Beast's parser and serializer are fed by hand from a Connection, so that Beast is
// never instantiated over TLS.
#include "agent/net/http_stream.h"

#include <fmt/format.h>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <exception>

#include "agent/net/connection.h"
#include "agent/net/connector.h"
#include "agent/net/http_request.h"
#include "agent/net/interrupt.h"

namespace holdfast::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using std::chrono::milliseconds;
using ResponseParser = http::response_parser<http::buffer_body>;

namespace {

constexpr std::uint32_t kLongestHead = 64 << 10;  // bytes; Beast's own bound is 8 KiB
constexpr std::size_t kPiece = 64 << 10;          // bytes of body handed on at once
constexpr std::size_t kRead = 64 << 10;           // bytes asked of the connection at once
// More than this unparsed is no HTTP: a chunk header without an end, say.
constexpr std::size_t kMostUnparsed = kLongestHead + kRead;

// What is no HTTP from its first byte on (another protocol's greeting) need not be waited for.
bool may_be_http(const beast::flat_buffer& buffer) {
  constexpr std::string_view kBegin = "HTTP/1.";
  const std::string_view text(static_cast<const char*>(buffer.cdata().data()), buffer.size());
  return text.substr(0, kBegin.size()) == kBegin.substr(0, text.size());
}

Failure not_http(const beast::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return fail(Errc::invalid, fmt::format("a head longer than {} KiB", kLongestHead >> 10));
  return fail(Errc::invalid, "what answers there does not speak HTTP: " + error.message());
}

Head take_head(const http::response_header<>& from) {
  Head head;
  head.status = from.result_int();
  for (const auto& field : from) {
    std::string name(field.name_string());
    for (char& c : name) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
    head.headers.emplace_back(std::move(name), std::string(field.value()));
  }
  return head;
}

}  // namespace

struct HttpStream::State {
  State(const asio::any_io_executor& loop, Prepare prepare, Lookup lookup)
      : interrupt(loop), connector(loop, std::move(prepare), std::move(lookup)) {}

  asio::awaitable<Result<Head>> exchange(const Request& request);
  asio::awaitable<Result<>> connect();
  asio::awaitable<Result<Head>> ask(const Request& request);
  asio::awaitable<Result<Head>> read_head(bool skip_body);
  asio::awaitable<Result<std::string>> read_piece(milliseconds idle);
  asio::awaitable<Result<std::string>> read_whole(std::size_t most);

  // What the parser makes of what is there already: need_more, or what is wrong.
  beast::error_code feed();
  asio::awaitable<Connection::Error> read_more();
  bool whole() const { return parser && parser->is_done(); }
  // After the last piece: the connection stays for the next request, or goes.
  void finish();
  void drop();
  // Why a step failed: closed here, out of time, or what the connection says.
  Failure broken(const std::string& doing, milliseconds time, const Connection::Error& error);

  Interrupt interrupt;
  Connector connector;
  Server server;
  TlsSettings tls;
  Timeouts timeouts;
  std::shared_ptr<Connection> connection;
  beast::flat_buffer buffer;               // read and not parsed yet
  std::unique_ptr<ResponseParser> parser;  // of the answer whose body is being read
  std::unique_ptr<char[]> scratch = std::make_unique<char[]>(kPiece);
  std::uint64_t connections = 0;
  bool busy = false;
  std::size_t head_bytes = 0;  // parsed of this answer, interim heads before it included
  bool unheard = false;        // the last ask() ended before a byte of an answer came
};

void HttpStream::State::drop() {
  if (connection) connection->close();
  connection.reset();
  parser.reset();
  buffer.clear();
}

void HttpStream::State::finish() {
  // Bytes after the end of an answer belong to nothing that was asked.
  if (connection && (!parser->keep_alive() || buffer.size() > 0)) {
    connection->close();
    connection.reset();
    buffer.clear();
  }
}

Failure HttpStream::State::broken(const std::string& doing, milliseconds time,
                                  const Connection::Error& error) {
  if (interrupt.closed()) return fail(Errc::unavailable, "closed here");
  if (interrupt.expired())
    return fail(Errc::unavailable, fmt::format("{}: nothing within {} ms", doing, time.count()));
  return within(doing, connection ? connection->explain(error)
                                  : Error{Errc::unavailable, 0, error.message()});
}

beast::error_code HttpStream::State::feed() {
  beast::error_code error;
  const std::size_t used = parser->put(buffer.cdata(), error);
  buffer.consume(used);
  // Beast bounds only what it has not taken yet, and it takes field by field.
  head_bytes += used;
  if (!parser->is_header_done() && head_bytes + buffer.size() > kLongestHead)
    error = http::error::header_limit;
  if (!error && used == 0) error = http::error::need_more;
  if (error == http::error::need_more && buffer.size() >= kMostUnparsed)
    error = http::error::buffer_overflow;
  return error;
}

asio::awaitable<Connection::Error> HttpStream::State::read_more() {
  const auto here = connection;
  const auto [error, size] = co_await here->read_some(buffer.prepare(kRead));
  buffer.commit(size);
  co_return error;
}

asio::awaitable<Result<>> HttpStream::State::connect() {
  auto made = co_await connector.connect(server, tls, timeouts, interrupt);
  if (!made) co_return Failure(made.error());
  connection = *made;
  ++connections;
  co_return Result<>();
}

asio::awaitable<Result<Head>> HttpStream::State::exchange(const Request& request) {
  // What is unread of the answer before would have to be read first, however long it is.
  if (!whole() || (connection && connection->stale())) drop();
  const bool reused = connection != nullptr;
  if (!reused) {
    auto connected = co_await connect();
    if (!connected) co_return Failure(connected.error());
  }
  auto head = co_await ask(request);
  // The server may have closed just as the request went out. Only what changes nothing there is
  // sent again.
  if (head || !reused || !unheard || request.method != "GET" || interrupt.closed()) co_return head;
  drop();
  auto connected = co_await connect();
  if (!connected) co_return Failure(connected.error());
  auto again = co_await ask(request);
  co_return again;
}

asio::awaitable<Result<Head>> HttpStream::State::ask(const Request& request) {
  const auto text = to_text(request, server);
  if (!text) co_return Failure(text.error());
  const auto here = connection;
  unheard = false;
  const auto step = interrupt.step(timeouts.head, [here] { here->close(); });
  const Connection::Error unsent = co_await here->write(asio::buffer(*text));
  if (unsent && (interrupt.closed() || interrupt.expired()))
    co_return broken("send the request", timeouts.head, unsent);
  // A server that closes early often said why before it did.
  auto head = co_await read_head(request.method == "HEAD");
  if (!head && unsent && head.error().code == Errc::unavailable)
    co_return broken("send the request", timeouts.head, unsent);
  co_return head;
}

asio::awaitable<Result<Head>> HttpStream::State::read_head(bool skip_body) {
  bool heard = false;
  head_bytes = 0;
  for (;;) {
    parser = std::make_unique<ResponseParser>();
    parser->body_limit(boost::none);
    parser->header_limit(kLongestHead);
    parser->skip(skip_body);
    while (!parser->is_header_done()) {
      beast::error_code parsed = http::error::need_more;
      if (head_bytes == 0 && !may_be_http(buffer)) co_return not_http(http::error::bad_version);
      if (buffer.size() > 0) parsed = feed();
      if (!parsed) continue;
      if (parsed != http::error::need_more) co_return not_http(parsed);
      const Connection::Error error = co_await read_more();
      if (error) {
        unheard = !heard && is_end(error) && !interrupt.closed() && !interrupt.expired();
        co_return broken("wait for the answer", timeouts.head, error);
      }
      heard = true;
    }
    const unsigned status = parser->get().result_int();
    if (status == 101) co_return fail(Errc::invalid, "the server switches protocols unasked");
    if (status >= 200) break;  // below, another head follows
  }
  auto head = take_head(parser->get().base());
  if (whole()) finish();
  co_return head;
}

asio::awaitable<Result<std::string>> HttpStream::State::read_piece(milliseconds idle) {
  if (whole()) co_return std::string();
  if (!parser || !connection) co_return fail(Errc::unavailable, "no answer to read");
  const auto here = connection;
  const auto step = interrupt.step(idle, [here] { here->close(); });
  auto& body = parser->get().body();
  body.data = scratch.get();
  body.size = kPiece;
  body.more = true;
  for (;;) {
    beast::error_code parsed;
    while (!parsed && buffer.size() > 0 && body.size > 0 && !whole()) parsed = feed();
    if (parsed && parsed != http::error::need_more && parsed != http::error::need_buffer)
      co_return not_http(parsed);
    const std::string_view piece(scratch.get(), kPiece - body.size);
    if (whole()) finish();
    if (!piece.empty() || whole()) co_return std::string(piece);
    const Connection::Error error = co_await read_more();
    if (!error) continue;
    // A body without a length ends with the connection, if TLS says that it was meant.
    beast::error_code cut = http::error::partial_message;
    if (is_clean_end(error)) parser->put_eof(cut);
    if (cut && is_end(error) && !interrupt.closed() && !interrupt.expired())
      co_return fail(Errc::unavailable, "truncated: the server closed before the end of the body");
    if (cut) co_return broken("read the body", idle, error);
  }
}

asio::awaitable<Result<std::string>> HttpStream::State::read_whole(std::size_t most) {
  const auto end = std::chrono::steady_clock::now() + timeouts.body;
  std::string body;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now());
    if (left <= milliseconds(0))
      co_return fail(Errc::unavailable,
                     fmt::format("read the body: {} bytes and no end within {} ms", body.size(),
                                 timeouts.body.count()));
    auto piece = co_await read_piece(std::min(timeouts.idle, left));
    if (!piece) co_return piece;
    if (piece->empty()) co_return body;
    if (body.size() + piece->size() > most)
      co_return fail(Errc::exhausted, fmt::format("a body longer than {} bytes", most));
    body += *piece;
  }
}

namespace {

// Runs one operation of the stream: one at a time, failures lose the connection, nothing throws.
template <class T, class State, class Work>
asio::awaitable<Result<T>> guarded(std::shared_ptr<State> state, Work work) {
  if (state->busy) co_return fail(Errc::internal, "another operation of this stream is pending");
  state->busy = true;
  Result<T> result = fail(Errc::internal, "");
  try {
    result = co_await work(*state);
  } catch (const boost::system::system_error& error) {
    // Cancellation of the caller, the one thing that Asio throws here.
    result = fail(Errc::unavailable, error.code() == asio::error::operation_aborted
                                         ? "closed here"
                                         : error.code().message());
  } catch (const std::exception& error) {
    result = fail(Errc::internal, error.what());
  }
  state->busy = false;
  if (!result) state->drop();
  if (!result) co_return within(state->server.to_string(), std::move(result.error()));
  co_return result;
}

}  // namespace

HttpStream::HttpStream(const asio::any_io_executor& loop, Prepare prepare, Lookup lookup)
    : state_(std::make_shared<State>(loop, std::move(prepare), std::move(lookup))) {}

HttpStream::~HttpStream() {
  if (state_) close();
}

HttpStream::HttpStream(HttpStream&&) noexcept = default;

HttpStream& HttpStream::operator=(HttpStream&& other) noexcept {
  if (this != &other && state_) close();
  state_ = std::move(other.state_);
  return *this;
}

void HttpStream::use(const Server& server, const TlsSettings& tls, const Timeouts& timeouts) {
  State& state = *state_;
  state.timeouts = timeouts;
  if (server == state.server && tls == state.tls) return;
  close();
  state.server = server;
  state.tls = tls;
}

asio::awaitable<Result<Head>> HttpStream::send(Request request) {
  return guarded<Head>(state_, [request = std::move(request)](State& state) {
    state.interrupt.reopen();
    return state.exchange(request);
  });
}

asio::awaitable<Result<std::string>> HttpStream::read(std::optional<milliseconds> idle) {
  return guarded<std::string>(state_, [idle](State& state) {
    return state.read_piece(idle.value_or(state.timeouts.idle));
  });
}

asio::awaitable<Result<std::string>> HttpStream::read_all(std::size_t most) {
  return guarded<std::string>(state_, [most](State& state) { return state.read_whole(most); });
}

void HttpStream::close() {
  state_->interrupt.close();
  // What is pending ends by itself, and drops the rest then.
  if (state_->connection) state_->connection->close();
  if (!state_->busy) state_->drop();
}

std::uint64_t HttpStream::connections() const {
  return state_->connections;
}

bool HttpStream::connected() const {
  return state_->connection && state_->connection->open();
}

std::string HttpStream::peer() const {
  if (!connected()) return "";
  return to_string(state_->connection->peer());
}

}  // namespace holdfast::net
