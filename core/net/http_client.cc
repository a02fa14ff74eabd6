#include "core/net/http_client.h"

#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>
#include <memory>

#include "core/net/clock.h"
#include "core/net/compression.h"
#include "core/net/deadline.h"
#include "core/net/http_codec.h"
#include "core/net/stream.h"
#include "core/net/url.h"

namespace asio = boost::asio;

namespace sluice::net {
namespace {

constexpr int kInterimResponsesMax = 8;  // 100 Continue, 103 Early Hints

// The request as bytes, with the headers every request needs. Empty when a name or value would break out of
// its line.
std::optional<std::string> to_bytes(const HttpRequest& request, const Url& url, bool keep_alive) {
  if (!is_token(request.method)) return {};
  HttpHeaders headers;
  const std::string_view host = find_header(request.headers, "Host");
  headers.push_back({"Host", host.empty() ? url.authority() : std::string(host)});
  if (find_header(request.headers, "User-Agent").empty())
    headers.push_back({"User-Agent", "Sluice/" SLUICE_VERSION});
  for (const HttpHeader& header : request.headers) {
    if (same_name(header.name, "host") || same_name(header.name, "connection") ||
        same_name(header.name, "content-length") || same_name(header.name, "transfer-encoding")) {
      continue;
    }
    if (!is_token(header.name) || !is_header_value(header.value)) return {};
    headers.push_back(header);
  }
  if (!is_header_value(headers[0].value)) return {};
  const bool wants_length = !request.body.empty() || request.method == "POST" || request.method == "PUT" ||
                            request.method == "PATCH";
  if (wants_length) headers.push_back({"Content-Length", std::to_string(request.body.size())});
  if (!keep_alive) headers.push_back({"Connection", "close"});
  return serialize_request(request.method, url.target, headers, request.body);
}

// Where the pieces of a body go: counted, decompressed, kept, each within its bound.
class Body {
 public:
  Body(const ExchangeOptions& options, HttpExchange& seen) : options_(options), seen_(seen) {}

  // The response's headers are known: is it compressed?
  void begin(const MessageHead& head) {
    std::string_view coding = options_.decompress;
    if (options_.decompress_as_told && coding.empty()) coding = find_header(head.headers, "Content-Encoding");
    if (same_name(coding, "gzip") || same_name(coding, "x-gzip")) {
      inflater_ = std::make_unique<Inflater>(Inflater::Format::kGzip);
    } else if (same_name(coding, "deflate")) {
      inflater_ = std::make_unique<Inflater>(Inflater::Format::kDeflate);
    }
  }

  bool add(std::string_view piece) {
    seen_.body_bytes += piece.size();
    if (seen_.body_bytes > options_.body_bytes_max) return fail({FaultKind::kBodyTooLarge, too_large()});
    if (inflater_ == nullptr) return keep(piece);
    const NetResult<void> added = inflater_->add(piece, [this](std::string_view part) { return keep(part); });
    return added ? true : fail(added.error());
  }

  void end() {
    if (inflater_ == nullptr || fault_ || seen_.body_bytes == 0) return;
    if (const NetResult<void> finished = inflater_->finish(); !finished) fail(finished.error());
  }

  const std::optional<Fault>& fault() const { return fault_; }

 private:
  bool keep(std::string_view piece) {
    seen_.uncompressed_bytes += piece.size();
    if (seen_.uncompressed_bytes > options_.body_bytes_max)
      return fail({FaultKind::kBodyTooLarge, too_large()});
    if (options_.keep_body) seen_.body += piece;
    return true;
  }
  bool fail(Fault fault) {
    if (!fault_) fault_ = std::move(fault);
    return false;
  }
  std::string too_large() const {
    return fmt::format("the body is larger than {} bytes", options_.body_bytes_max);
  }

  const ExchangeOptions& options_;
  HttpExchange& seen_;
  std::unique_ptr<Inflater> inflater_;
  std::optional<Fault> fault_;
};

// Measures phases: each lap is the time since the one before.
class StopWatch {
 public:
  explicit StopWatch(Clock& clock) : clock_(clock), last_(clock.now()) {}
  Duration lap() {
    const Instant now = clock_.now();
    return now - std::exchange(last_, now);
  }

 private:
  Clock& clock_;
  Instant last_;
};

void take_head(const MessageParser<false>& parser, HttpExchange& seen) {
  seen.status = parser.head().status;
  seen.version = parser.head().version;
  seen.headers = parser.head().headers;
  if (const auto length = parser.content_length()) seen.content_length = *length;
}

// Reads the response, and says whether the connection can take another request. What was seen is in `seen`,
// also when this fails.
asio::awaitable<NetResult<bool>> receive(Stream& stream, bool head_only, const ExchangeOptions& options,
                                         StopWatch& watch, HttpExchange& seen) {
  ReadBuffer buffer;
  Body body(options, seen);
  const std::function<void()> on_first_byte = [&] {
    if (seen.phase == HttpPhase::kTransfer) return;
    seen.processing = watch.lap();
    seen.phase = HttpPhase::kTransfer;
  };
  for (int interim = 0; interim <= kInterimResponsesMax; ++interim) {
    MessageParser<false> parser(options.header_bytes_max,
                                [&](std::string_view piece) { return body.add(piece); });
    if (head_only) parser.skip(true);
    const NetResult<void> header = co_await read_message(stream, buffer, parser, true, on_first_byte);
    if (!header) co_return header.error();
    const int status = parser.head().status;
    if (status >= 100 && status < 200 && status != 101) continue;
    take_head(parser, seen);
    body.begin(parser.head());
    const NetResult<void> rest = co_await read_message(stream, buffer, parser, false, {});
    if (body.fault()) co_return *body.fault();
    if (!rest) co_return rest.error();
    body.end();
    if (body.fault()) co_return *body.fault();
    co_return parser.keep_alive() && status != 101 && buffer.pending().empty();
  }
  co_return Fault{FaultKind::kProtocol, "too many interim responses"};
}

// A fresh connection, with TLS where the URL asks for it.
asio::awaitable<NetResult<std::unique_ptr<Stream>>> open(Net& net, const Url& url,
                                                         const ExchangeOptions& options, Deadline& deadline,
                                                         StopWatch& watch, HttpExchange& seen) {
  seen.phase = HttpPhase::kResolve;
  std::vector<IpAddress> addresses = options.addresses;
  if (addresses.empty()) {
    auto resolved = co_await net.resolver.resolve(url.host, options.resolve, options.deadline);
    seen.resolve = watch.lap();
    if (!resolved) co_return resolved.error();
    addresses = std::move(*resolved);
  }

  seen.phase = HttpPhase::kConnect;
  seen.remote = Endpoint{addresses.front(), url.port};
  auto connected = co_await connect_any(std::move(addresses), url.port, deadline);
  seen.connect = watch.lap();
  if (!connected || !url.https()) co_return connected;
  seen.remote = (*connected)->remote();

  seen.phase = HttpPhase::kTls;
  const auto context = net.tls.client(options.tls);
  if (!context) co_return context.error();
  TlsClientOptions tls{url.host, true};
  auto secured =
      co_await tls_connect(std::move(*connected), *context, std::move(tls), seen.tls_facts, deadline);
  seen.tls = watch.lap();
  co_return secured;
}

// Sends the request and reads the response. True: the connection can take another request.
asio::awaitable<NetResult<bool>> converse(Stream& stream, const std::string& bytes, bool head_only,
                                          const ExchangeOptions& options, StopWatch& watch,
                                          HttpExchange& seen) {
  seen.phase = HttpPhase::kProcessing;
  const NetResult<void> sent = co_await stream.write_all(bytes);
  // A server may refuse a large body in mid flight: its answer says more than the broken pipe.
  NetResult<bool> received = co_await receive(stream, head_only, options, watch, seen);
  if (!sent && !received && seen.status == 0) received = sent.error();
  if (seen.phase == HttpPhase::kProcessing) {
    seen.processing = watch.lap();
  } else {
    seen.transfer = watch.lap();
  }
  if (!received) co_return received;
  co_return sent && *received;
}

asio::awaitable<NetResult<void>> run_exchange(Net& net, const HttpRequest& request, const Url& url,
                                              const ExchangeOptions& options, HttpExchange& seen) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  StopWatch watch(net.clock);
  const std::optional<std::string> bytes = to_bytes(request, url, options.pool != nullptr);
  if (!bytes) co_return Fault{FaultKind::kInvalid, "a method or header of the request is not valid HTTP"};

  HttpPool::Server server{url.host, url.port, nullptr};
  std::unique_ptr<Stream> stream;
  if (options.pool != nullptr) {
    if (url.https()) {
      auto context = net.tls.client(options.tls);
      if (!context) co_return context.error();
      server.tls = std::move(*context);
    }
    stream = options.pool->take(server);
  }

  Deadline deadline(executor, options.deadline);
  for (bool fresh = stream == nullptr;; fresh = true) {
    if (fresh) {
      auto opened = co_await open(net, url, options, deadline, watch, seen);
      if (!opened) co_return opened.error();
      stream = std::move(*opened);
    } else {
      deadline.closes(*stream);
    }
    seen.remote = stream->remote();
    seen.used_tls = url.https();
    const NetResult<bool> reusable =
        co_await converse(*stream, *bytes, request.method == "HEAD", options, watch, seen);
    deadline.release();
    if (reusable) {
      seen.phase = HttpPhase::kDone;
      if (options.pool != nullptr && *reusable) {
        options.pool->give(std::move(server), std::move(stream));
      } else {
        // Not lingered for: the answer is complete, and a farewell could block.
        stream->close();
      }
      co_return NetResult<void>();
    }
    // The server had closed it, or did so instead of answering.
    const bool stale =
        !fresh && reusable.error().kind == FaultKind::kReset && seen.phase == HttpPhase::kProcessing;
    if (!stale) co_return deadline.judge(reusable.error(), FaultKind::kTimeout);
  }
}

}  // namespace

asio::awaitable<HttpExchange> exchange(Net& net, HttpRequest request, Url url, ExchangeOptions options) {
  HttpExchange seen;
  const NetResult<void> done = co_await run_exchange(net, request, url, options, seen);
  if (!done) seen.fault = done.error();
  co_return seen;
}

asio::awaitable<HttpExchange> exchange(Net& net, HttpRequest request, ExchangeOptions options) {
  Result<Url> url = parse_url(request.url);
  if (!url) {
    HttpExchange seen;
    seen.fault = Fault{FaultKind::kInvalid, url.error().message};
    co_return seen;
  }
  co_return co_await exchange(net, std::move(request), std::move(*url), std::move(options));
}

asio::awaitable<Result<HttpResponse>> fetch(Net& net, HttpRequest request, FetchOptions options) {
  if (find_header(request.headers, "Accept-Encoding").empty())
    request.headers.push_back({"Accept-Encoding", "gzip"});
  for (int redirects = 0;; ++redirects) {
    const Result<Url> url = parse_url(request.url);
    if (!url) co_return url.error();
    ExchangeOptions one;
    one.deadline = options.deadline;
    one.tls = options.tls;
    one.resolve = options.resolve;
    one.header_bytes_max = options.header_bytes_max;
    one.body_bytes_max = options.body_bytes_max;
    one.decompress_as_told = true;
    one.pool = options.pool;
    HttpExchange seen = co_await exchange(net, request, *url, std::move(one));
    if (seen.fault) {
      // Only the host: the path of a webhook is a secret. A fault may begin with the address that it leads to.
      Error error = to_error(*seen.fault);
      const std::string host = url->authority() + ": ";
      if (!error.message.starts_with(host)) error.message.insert(0, host);
      co_return error;
    }
    const std::string location(find_header(seen.headers, "Location"));
    if (is_redirect(seen.status) && redirects < options.redirects_max && !location.empty()) {
      Result<HttpRequest> next = redirected(request, seen.status, location);
      if (!next) co_return next.error();
      request = std::move(*next);
      continue;
    }
    HttpResponse response;
    response.status = seen.status;
    response.headers = std::move(seen.headers);
    response.body = std::move(seen.body);
    co_return response;
  }
}

}  // namespace sluice::net
