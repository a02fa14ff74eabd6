#include "core/net/http_server.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <list>

#include "core/check.h"
#include "core/net/clock.h"
#include "core/net/compression.h"
#include "core/net/deadline.h"
#include "core/net/http_codec.h"
#include "core/net/listen.h"
#include "core/net/password.h"
#include "core/net/tcp_stream.h"
#include "core/net/tls.h"

namespace asio = boost::asio;
using asio::ip::tcp;

namespace sluice::net {
namespace {

constexpr auto kUse = asio::as_tuple(asio::use_awaitable);
constexpr size_t kCompressFrom = 1024;         // smaller bodies are not worth it
constexpr size_t kCompressSlice = 256 * 1024;  // about 2 ms of work, then others get their turn
constexpr Duration kRefusalTimeout = 2s;       // how long a refused client gets to read why

// One connection as the server knows it.
struct Connection {
  std::unique_ptr<Stream> stream;
  Endpoint peer;
  bool idle = false;  // waits for the first byte of a request
};

// Shared by the server and its connections, which may outlive it for as long as the loop runs them.
struct Shared {
  Shared(const asio::any_io_executor& io, HttpServerOptions o, HttpHandler h, Log l)
      : executor(io), options(std::move(o)), handler(std::move(h)), log(std::move(l)), gone(io) {}

  asio::any_io_executor executor;
  HttpServerOptions options;
  HttpHandler handler;
  Log log;
  HttpServerStats stats;
  TlsContexts tls;
  std::shared_ptr<TlsContext> tls_context;  // the last one that could be read
  PasswordCheck passwords;
  std::list<Connection*> connections;
  asio::steady_timer gone;  // cancelled when the last connection has ended
  bool stopping = false;
};

using SharedPtr = std::shared_ptr<Shared>;

Instant now() {
  return RealClock().now();
}

HttpResponse plain(int status, std::string text) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(text) + "\n"};
}

// gzip with a weight above zero, or everything ("*").
bool accepts_gzip(std::string_view header) {
  while (!header.empty()) {
    std::string_view part = header.substr(0, header.find(','));
    header.remove_prefix(std::min(header.size(), part.size() + 1));
    const size_t semicolon = part.find(';');
    std::string_view coding = part.substr(0, semicolon);
    while (!coding.empty() && coding.front() == ' ') coding.remove_prefix(1);
    while (!coding.empty() && coding.back() == ' ') coding.remove_suffix(1);
    if (!same_name(coding, "gzip") && coding != "*") continue;
    const size_t q = semicolon == part.npos ? part.npos : part.find("q=", semicolon);
    if (q == part.npos) return true;
    return part.substr(q + 2).find_first_of("123456789") != part.npos;
  }
  return false;
}

// Compresses in slices, so that a body of megabytes does not hold up the loop.
asio::awaitable<std::string> compressed(std::string body) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Deflater deflater;
  std::string out;
  for (size_t at = 0; at < body.size(); at += kCompressSlice) {
    const std::string_view slice = std::string_view(body).substr(at, kCompressSlice);
    deflater.add(slice, at + slice.size() == body.size(), out);
    if (at + slice.size() < body.size()) co_await asio::post(executor, asio::use_awaitable);
  }
  co_return out;
}

asio::awaitable<NetResult<void>> respond(Shared& shared, Stream& stream, const HttpRequest& request,
                                         HttpResponse response, bool keep_alive, Duration timeout) {
  for (const HttpHeader& header : shared.options.web.headers) response.headers.push_back(header);
  for (const HttpHeader& header : response.headers) {
    // A handler that builds headers out of a request's bytes would be a hole.
    SLUICE_CHECK(is_token(header.name) && is_header_value(header.value), "a response header with a line end");
  }
  if (response.body.size() > kCompressFrom && find_header(response.headers, "Content-Encoding").empty() &&
      accepts_gzip(find_header(request.headers, "Accept-Encoding"))) {
    response.body = co_await compressed(std::move(response.body));
    response.headers.push_back({"Content-Encoding", "gzip"});
    response.headers.push_back({"Vary", "Accept-Encoding"});
  }
  std::string bytes =
      serialize_response_head(response.status, response.headers, response.body.size(), keep_alive);
  const bool has_body = request.method != "HEAD" && response.status != 204 && response.status != 304;
  Deadline deadline(shared.executor, now() + timeout);
  deadline.closes(stream);
  // One write for what fits one: a large body is not copied once more.
  if (has_body && response.body.size() <= 64 * 1024) {
    bytes += response.body;
    co_return co_await stream.write_all(bytes);
  }
  const NetResult<void> head = co_await stream.write_all(bytes);
  if (!head || !has_body) co_return head;
  co_return co_await stream.write_all(response.body);
}

// How a request was read: a request, an end without one, or a refusal to send before closing.
struct Received {
  std::optional<HttpRequest> request;
  std::optional<HttpResponse> refusal;
  bool keep_alive = false;
};

Received refuse(int status, std::string text) {
  return {{}, plain(status, std::move(text)), false};
}

Received refusal_of(const Fault& fault, bool timed_out) {
  if (timed_out) return refuse(408, "the request did not arrive in time");
  if (fault.kind == FaultKind::kHeadersTooLarge)
    return refuse(431, "the headers of the request are too large");
  if (fault.kind == FaultKind::kBodyTooLarge) return refuse(413, "the body of the request is too large");
  if (fault.kind == FaultKind::kProtocol) return refuse(400, "not a valid HTTP request");
  return {};  // the peer is gone
}

// What can be said against a request once its header is there; empty when nothing.
std::optional<HttpResponse> objection(const MessageHead& head, std::optional<uint64_t> length,
                                      size_t body_bytes_max) {
  if (head.method == "CONNECT" || head.method == "TRACE") return plain(405, "method not allowed");
  if (!is_token(head.method)) return plain(400, "not a valid method");
  if (!is_header_value(head.target) || head.target.empty()) return plain(400, "not a valid request target");
  if (head.version >= 11 && find_header(head.headers, "Host").empty())
    return plain(400, "the Host header is missing");
  const std::string_view expect = find_header(head.headers, "Expect");
  if (!expect.empty() && !same_name(expect, "100-continue")) return plain(417, "unknown expectation");
  if (length && *length > body_bytes_max) return plain(413, "the body of the request is too large");
  return {};
}

// "http://host/path" in a request line is for proxies; what it means to us is "/path".
std::string origin_form(std::string target) {
  const size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string::npos) return target;
  const size_t path = target.find('/', scheme + 3);
  return path == std::string::npos ? "/" : target.substr(path);
}

asio::awaitable<Received> receive(Shared& shared, Connection& connection, ReadBuffer& buffer, bool first) {
  const HttpServerOptions& options = shared.options;
  Stream& stream = *connection.stream;
  std::string body;
  MessageParser<true> parser(options.header_bytes_max, [&](std::string_view piece) {
    body += piece;
    return body.size() <= options.body_bytes_max;
  });

  // A connection just opened is not idle: it owes a header. Between requests it may wait longer.
  auto deadline = std::make_unique<Deadline>(shared.executor,
                                             now() + (first ? options.header_timeout : options.idle_timeout));
  deadline->on_expiry([&] { stream.cancel(); });
  connection.idle = true;
  bool begun = false;
  const std::function<void()> on_first_byte = [&] {
    begun = true;
    connection.idle = false;
    deadline = std::make_unique<Deadline>(shared.executor, now() + options.header_timeout);
    deadline->on_expiry([&] { stream.cancel(); });
  };
  const NetResult<void> header = co_await read_message(stream, buffer, parser, true, on_first_byte);
  connection.idle = false;
  if (!header) {
    if (!begun && !(first && deadline->expired())) co_return Received{};
    co_return refusal_of(header.error(), deadline->expired());
  }
  std::optional<uint64_t> length;
  if (const auto declared = parser.content_length()) length = *declared;
  if (std::optional<HttpResponse> against = objection(parser.head(), length, options.body_bytes_max)) {
    Received refused;
    refused.refusal = std::move(against);
    co_return refused;
  }

  deadline = std::make_unique<Deadline>(shared.executor, now() + options.body_timeout);
  deadline->on_expiry([&] { stream.cancel(); });
  if (!find_header(parser.head().headers, "Expect").empty() && !parser.is_done()) {
    const NetResult<void> sent = co_await stream.write_all("HTTP/1.1 100 Continue\r\n\r\n");
    if (!sent) co_return Received{};
  }
  const NetResult<void> rest = co_await read_message(stream, buffer, parser, false, {});
  if (!rest) co_return refusal_of(rest.error(), deadline->expired());

  Received received;
  received.keep_alive = parser.keep_alive();
  MessageHead& head = parser.head();
  received.request = HttpRequest{std::move(head.method), origin_form(std::move(head.target)),
                                 std::move(head.headers), std::move(body)};
  co_return received;
}

// The response to a request that lacks the right password; empty when it has it, or none is asked for.
asio::awaitable<std::optional<HttpResponse>> authenticate(Shared& shared, const HttpRequest& request) {
  if (shared.options.web.basic_auth_users.empty()) co_return std::nullopt;
  const std::string given(find_header(request.headers, "Authorization"));
  const auto verdict = co_await shared.passwords.check(given, shared.options.web.basic_auth_users);
  if (verdict == PasswordCheck::Verdict::kRight) co_return std::nullopt;
  ++shared.stats.requests_bad;
  if (verdict == PasswordCheck::Verdict::kBusy) co_return plain(503, "too many logins at a time");
  HttpResponse response = plain(401, "Unauthorized");
  response.headers.push_back({"WWW-Authenticate", "Basic"});
  co_return response;
}

asio::awaitable<void> serve_requests(Shared& shared, Connection& connection) {
  ReadBuffer buffer;
  for (bool first = true; !shared.stopping || first; first = false) {
    Received received = co_await receive(shared, connection, buffer, first);
    if (received.refusal) {
      ++shared.stats.requests_bad;
      const HttpRequest none;
      const auto sent = co_await respond(shared, *connection.stream, none, std::move(*received.refusal),
                                         false, kRefusalTimeout);
      if (!sent) co_return;
      break;
    }
    if (!received.request) co_return;
    ++shared.stats.requests;
    std::optional<HttpResponse> response = co_await authenticate(shared, *received.request);
    if (!response) response = co_await shared.handler(*received.request, connection.peer);
    const bool keep_alive = received.keep_alive && !shared.stopping;
    const auto sent = co_await respond(shared, *connection.stream, *received.request, std::move(*response),
                                       keep_alive, shared.options.write_timeout);
    if (!sent || !keep_alive) break;
  }
  Deadline farewell(shared.executor, now() + kRefusalTimeout);
  farewell.closes(*connection.stream);
  co_await connection.stream->finish();
}

// The TLS side of a new connection; false when it failed. A certificate that cannot be read any more is
// replaced by the last good one: half-written files during a rotation must not cut people off.
asio::awaitable<bool> secure(Shared& shared, Connection& connection) {
  const auto fresh = shared.tls.server(*shared.options.web.tls);
  if (fresh) {
    shared.tls_context = *fresh;
  } else {
    shared.log.warn("cannot read the server's certificate", {{"error", fresh.error().message}});
  }
  if (shared.tls_context == nullptr) co_return false;
  Deadline deadline(shared.executor, now() + shared.options.header_timeout);
  auto secured = co_await tls_accept(std::move(connection.stream), shared.tls_context, deadline);
  deadline.release();
  if (!secured) co_return false;
  connection.stream = std::move(*secured);
  co_return true;
}

asio::awaitable<void> serve_connection(SharedPtr shared, tcp::socket socket, Endpoint peer) {
  Connection connection;
  connection.stream = wrap_socket(std::move(socket), peer);
  connection.peer = peer;
  const auto place = shared->connections.insert(shared->connections.end(), &connection);
  ++shared->stats.connections_open;
  const bool ready = !shared->options.web.tls || co_await secure(*shared, connection);
  if (ready) co_await serve_requests(*shared, connection);
  shared->connections.erase(place);
  --shared->stats.connections_open;
  if (shared->connections.empty()) shared->gone.cancel();
}

class Server final : public HttpServer {
 public:
  Server(const asio::any_io_executor& executor, HttpServerOptions options, HttpHandler handler, Log log)
      : shared_(std::make_shared<Shared>(executor, std::move(options), std::move(handler), std::move(log))),
        acceptor_(executor),
        cut_(executor) {}

  ~Server() override {
    shared_->stopping = true;
    for (Connection* connection : shared_->connections) {
      if (connection->stream != nullptr) connection->stream->close();
    }
  }

  Result<void> start() {
    const Result<tcp::endpoint> endpoint = listen_endpoint(shared_->options.listen_address);
    if (!endpoint) return endpoint.error();
    if (const Result<void> checked = reconfigure(shared_->options.web); !checked) return checked;
    return open_acceptor(acceptor_, *endpoint, shared_->options.listen_address);
  }

  uint16_t port() const override {
    boost::system::error_code ignored;
    return acceptor_.local_endpoint(ignored).port();
  }

  asio::awaitable<void> run() override {
    while (!shared_->stopping) {
      auto [error, socket] = co_await acceptor_.async_accept(kUse);
      if (shared_->stopping) break;
      if (error) {
        // Out of descriptors, mostly: accepting again at once would spin.
        shared_->log.warn("cannot accept a connection", {{"error", error.message()}});
        asio::steady_timer pause(shared_->executor, std::chrono::milliseconds(100));
        co_await pause.async_wait(kUse);
        continue;
      }
      admit(std::move(socket));
    }
    while (!shared_->connections.empty()) {
      shared_->gone.expires_at(std::chrono::steady_clock::time_point::max());
      co_await shared_->gone.async_wait(kUse);
    }
    cut_.cancel();
  }

  void stop(Instant deadline) override {
    shared_->stopping = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (Connection* connection : shared_->connections) {
      if (connection->idle) connection->stream->close();
    }
    const Duration left = std::max(Duration(0), deadline - now());
    cut_.expires_after(left);
    cut_.async_wait([shared = shared_](const boost::system::error_code& error) {
      if (error) return;
      for (Connection* connection : shared->connections) {
        if (connection->stream != nullptr) connection->stream->close();
      }
    });
  }

  Result<void> reconfigure(const WebConfig& web) override {
    for (const auto& [user, hash] : web.basic_auth_users) {
      const bool bcrypt = hash.size() == 60 &&
                          (hash.starts_with("$2a$") || hash.starts_with("$2b$") || hash.starts_with("$2y$"));
      if (!bcrypt) return invalid(fmt::format("the password of \"{}\" is not a bcrypt hash", user));
    }
    for (const HttpHeader& header : web.headers) {
      if (!is_token(header.name) || !is_header_value(header.value)) {
        return invalid(fmt::format("\"{}\" is not a valid header", header.name));
      }
    }
    std::shared_ptr<TlsContext> context;
    if (web.tls) {
      const auto loaded = shared_->tls.server(*web.tls);
      if (!loaded) return to_error(loaded.error());
      context = *loaded;
    }
    shared_->tls_context = context;
    shared_->options.web = web;
    return {};
  }

  const HttpServerStats& stats() const override { return shared_->stats; }

 private:
  void admit(tcp::socket socket) {
    ++shared_->stats.connections_accepted;
    boost::system::error_code error;
    const tcp::endpoint remote = socket.remote_endpoint(error);
    if (error) return;  // gone already
    if (shared_->connections.size() >= shared_->options.connections_max) {
      ++shared_->stats.connections_rejected;
      static const std::string kBusy = serialize_response_head(503, {{"Retry-After", "1"}}, 0, false);
      socket.non_blocking(true, error);
      if (!shared_->options.web.tls) socket.write_some(asio::buffer(kBusy), error);
      return;
    }
    asio::co_spawn(shared_->executor, serve_connection(shared_, std::move(socket), from_asio(remote)),
                   [](const std::exception_ptr& escaped) {
                     if (escaped == nullptr) return;
                     try {
                       std::rethrow_exception(escaped);
                     } catch (const std::exception& bug) {
                       SLUICE_CHECK(false, fmt::format("a request handler threw: {}", bug.what()));
                     }
                   });
  }

  SharedPtr shared_;
  tcp::acceptor acceptor_;
  asio::steady_timer cut_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(const asio::any_io_executor& executor,
                                                       HttpServerOptions options, HttpHandler handler,
                                                       Log log) {
  auto server = std::make_unique<Server>(executor, std::move(options), std::move(handler), std::move(log));
  if (const Result<void> started = server->start(); !started) return started.error();
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace sluice::net
