#pragma once
// A bounded HTTP/1.1 server: keep-alive, limits on everything a client can make large, slow or many.
//
// | the client                                     | gets                                    |
// | sends headers larger than header_bytes_max     | 431                                     |
// | sends a body larger than body_bytes_max        | 413                                     |
// | needs longer than header_timeout for a header  | 408, also when it drips a byte a second |
// | needs longer than body_timeout for a body      | 408                                     |
// | keeps an idle connection over idle_timeout     | is closed                               |
// | is one too many (connections_max)              | 503 and closed                          |
// | sends what is not HTTP                         | 400                                     |

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/http_message.h"
#include "core/log.h"
#include "core/net/address.h"
#include "core/net/tls_config.h"
#include "core/result.h"
#include "core/time.h"

namespace sluice::net {

// exporter-toolkit's web configuration file.
struct WebConfig {
  std::optional<TlsServerConfig> tls;
  std::map<std::string, std::string> basic_auth_users;  // name to bcrypt hash
  HttpHeaders headers;                                  // added to every response

  bool operator==(const WebConfig&) const = default;
};

struct HttpServerOptions {
  std::string listen_address =
      ":9808";  // "127.0.0.1:0" and "[::1]:0" take a free port; ":9808" is dual-stack
  size_t header_bytes_max = 32 * 1024;
  size_t body_bytes_max = 4 * 1024 * 1024;
  size_t connections_max = 512;
  Duration idle_timeout = 75s;
  Duration header_timeout = 10s;  // includes the TLS handshake
  Duration body_timeout = 20s;
  Duration write_timeout = 30s;
  WebConfig web;
};

struct HttpServerStats {
  uint64_t connections_accepted = 0;
  uint64_t connections_rejected = 0;  // over connections_max
  uint64_t connections_open = 0;
  uint64_t requests = 0;
  uint64_t requests_bad = 0;  // refused before the handler: 400, 401, 408, 413, 431
};

// Called for each request that got through; HEAD arrives as it is and its body is dropped. Must not throw.
using HttpHandler = std::function<boost::asio::awaitable<HttpResponse>(HttpRequest request, Endpoint peer)>;

class HttpServer {
 public:
  // Listens at once. kInvalid for an address or certificate that is wrong, kUnavailable when the port is
  // taken.
  static Result<std::unique_ptr<HttpServer>> listen(const boost::asio::any_io_executor& executor,
                                                    HttpServerOptions options, HttpHandler handler,
                                                    Log log = {});
  virtual ~HttpServer() = default;

  virtual uint16_t port() const = 0;
  // Serves until stop() is called and the connections are gone.
  virtual boost::asio::awaitable<void> run() = 0;
  // Stops listening, closes idle connections, lets requests under way finish until `deadline` (Clock::now()
  // scale), then cuts.
  virtual void stop(Instant deadline) = 0;
  // Takes effect for the next connection or request. The listen address cannot be changed.
  virtual Result<void> reconfigure(const WebConfig& web) = 0;
  virtual const HttpServerStats& stats() const = 0;
};

}  // namespace sluice::net
