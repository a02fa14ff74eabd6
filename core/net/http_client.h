#pragma once
// HTTP/1.1 as a client: every phase timed, everything bounded. Each request has a connection of its own,
// unless it comes with a pool.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/http_message.h"
#include "core/net/address.h"
#include "core/net/fault.h"
#include "core/net/http_pool.h"
#include "core/net/net.h"
#include "core/net/resolver.h"
#include "core/net/tls.h"
#include "core/net/tls_config.h"
#include "core/net/url.h"
#include "core/time.h"

namespace sluice::net {

struct FetchOptions {
  Instant deadline{};  // on the scale of Clock::now(): the whole of it, redirects included
  TlsConfig tls;
  ResolveOptions resolve;
  size_t header_bytes_max = 64 * 1024;
  size_t body_bytes_max = 4 * 1024 * 1024;  // after decompression
  int redirects_max = 0;                    // a 3xx beyond is returned as it is
  // Where connections wait for the next request; null: each is closed. See there for what that asks of the
  // caller.
  std::shared_ptr<HttpPool> pool;
};

// A response with any status, or why there is none. Gzip is offered and undone. Credentials in headers
// (Authorization, Cookie) do not follow a redirect to another host.
boost::asio::awaitable<Result<HttpResponse>> fetch(Net& net, HttpRequest request, FetchOptions options);

// How far an exchange got: the phase in which it ended or failed.
enum class HttpPhase { kResolve, kConnect, kTls, kProcessing, kTransfer, kDone };

struct ExchangeOptions {
  Instant deadline{};
  TlsConfig tls;
  // Where to connect, when it is known already: the host of the URL is then not resolved.
  std::vector<IpAddress> addresses;
  ResolveOptions resolve;
  size_t header_bytes_max = 64 * 1024;
  uint64_t body_bytes_max = 32 * 1024 * 1024;  // as transferred, and again after decompression
  bool keep_body = true;                       // else it is read and counted only
  std::string
      decompress;  // "gzip", "deflate": treat the body as this, whatever the headers say; "": leave it
  bool decompress_as_told = false;  // undo the Content-Encoding the response declares
  std::shared_ptr<HttpPool> pool;   // as in FetchOptions
};

// Everything that was seen of one request and its response. With a fault, the fields hold what came before
// it.
struct HttpExchange {
  std::optional<Fault> fault;
  HttpPhase phase = HttpPhase::kResolve;
  // Durations of the phases reached. Zero for those skipped (tls on http, resolve of a literal, all of a
  // connection that was there already).
  Duration resolve{}, connect{}, tls{}, processing{}, transfer{};
  std::optional<Endpoint> remote;
  bool used_tls = false;
  TlsFacts tls_facts;

  int status = 0;   // 0: no response headers
  int version = 0;  // 10 or 11
  HttpHeaders headers;
  std::optional<uint64_t> content_length;  // as declared
  std::string body;                        // decompressed; empty unless kept
  uint64_t body_bytes = 0;                 // as transferred
  uint64_t uncompressed_bytes = 0;
};

// Never follows redirects. The request's URL is absolute ("http://host:80/path?query"); Host, Connection,
// Content-Length are set here unless given. User information in the URL is ignored.
boost::asio::awaitable<HttpExchange> exchange(Net& net, HttpRequest request, ExchangeOptions options);
// The same with request.url already parsed: what probes thousands of targets parses each once.
boost::asio::awaitable<HttpExchange> exchange(Net& net, HttpRequest request, Url url,
                                              ExchangeOptions options);

}  // namespace sluice::net
