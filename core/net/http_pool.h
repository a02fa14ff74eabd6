#pragma once
// Connections that stay open between the requests to one server, for those who speak to it again and again.
//
// A server may close a connection just while the next request is on its way to it. Then not a byte of an
// answer comes, and nobody can know whether the request was read. `exchange` then asks once more, on a fresh
// connection, whatever the method. Go's net/http does so for methods that may be repeated, and leaves a POST
// to the caller; the callers here would send it again half a second later all the same, as they do whenever
// an answer is lost. So whoever gives a pool along must stand a repetition where an answer was lost, and will
// see one nowhere else: before a connection is used again, it is looked at whether the server has closed it
// meanwhile.
//
// How many connections are in use is bounded by whoever makes the requests; how many wait here, by Options.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "core/net/stream.h"
#include "core/time.h"

namespace sluice::net {

class TlsContext;

struct HttpPoolOptions {
  size_t idle_per_server_max = 8;
  size_t idle_max = 64;
  Duration idle_time_max = 30s;
};

// What the pool's end leaves waiting is closed; what is in use then is closed when it is given back. So a
// change of the configuration replaces the pool. Lives on its executor's thread.
class HttpPool : public std::enable_shared_from_this<HttpPool> {
 public:
  // Two requests may share a connection if they are alike in this. The context stands for all TLS settings,
  // and for the content of their files (TlsContexts).
  struct Server {
    std::string host;
    uint16_t port = 0;
    std::shared_ptr<TlsContext> tls;  // null: plain
    bool operator==(const Server&) const = default;
  };

  static std::shared_ptr<HttpPool> make(const boost::asio::any_io_executor& executor,
                                        HttpPoolOptions options = {});

  // The connection that was used last, among those on which the server has said nothing since, not even that
  // it ends; null when there is none.
  std::unique_ptr<Stream> take(const Server& server);
  // A connection whose answer has been read to its end. The one that has waited longest makes room.
  void give(Server server, std::unique_ptr<Stream> stream);
  size_t idle() const { return idle_.size(); }

 private:
  struct Idle {
    Server server;
    std::unique_ptr<Stream> stream;
    Instant until{};
  };
  HttpPool(const boost::asio::any_io_executor& executor, HttpPoolOptions options)
      : options_(options), expiry_(executor) {}
  void expire();

  HttpPoolOptions options_;
  std::deque<Idle> idle_;  // the one that has waited longest first
  boost::asio::steady_timer expiry_;
  bool expiring_ = false;  // the timer runs
};

}  // namespace sluice::net
