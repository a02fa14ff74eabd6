#pragma once
// A TCP server for the smallest of protocols: a client sends one line, gets one line, and is hung up on.
// HAProxy's agent-check is such a client.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/time.h"

namespace sluice::net {

struct LineServerOptions {
  std::string listen_address;  // HOST:PORT; port 0 is any
  Duration timeout = 2s;       // of a whole conversation
  size_t line_bytes_max = 4096;
  size_t connections_max = 512;  // more are closed at once
};

class LineServer {
 public:
  // Line without its end; the answer gets one.
  using Answer = std::function<std::string(std::string_view line)>;

  static Result<std::unique_ptr<LineServer>> listen(const boost::asio::any_io_executor& executor,
                                                    LineServerOptions options, Answer answer);
  virtual ~LineServer() = default;

  virtual uint16_t port() const = 0;
  // Until stop().
  virtual boost::asio::awaitable<void> run() = 0;
  virtual void stop() = 0;
};

}  // namespace sluice::net
