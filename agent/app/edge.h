#pragma once
// What all loops of the agent share of the outside world: one event loop on one thread, clocks, names, TLS,
// the log, and threads that wait for disks.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "core/log.h"
#include "core/net/clock.h"
#include "core/net/net.h"
#include "core/net/resolver.h"
#include "core/net/tls.h"
#include "exporters/registry/registry.h"

namespace sluice::app {

struct Edge {
  explicit Edge(Log log_to)
      : log(std::move(log_to)), resolver(io.get_executor()), net{clock, resolver, tls}, probers(net) {}

  boost::asio::io_context io{1};
  mutable net::RealClock clock;
  Log log;
  net::Resolver resolver;
  net::TlsContexts tls;
  net::Net net;
  exporters::Registry probers;
  boost::asio::thread_pool disk{1};   // fsync and large files; nothing else may run there
  boost::asio::thread_pool pages{1};  // short writes without fsync, which must not wait behind one
};

// Starts a coroutine on the event loop. One that ends by an exception is a bug: the agent says so and aborts,
// the supervisor restarts it, flags lapse meanwhile.
void spawn(Edge& edge, boost::asio::awaitable<void> work, std::string_view name);

// Runs `work` on the disk thread and comes back to the event loop.
boost::asio::awaitable<void> on_disk(Edge& edge, std::function<void()> work);
// The same on the thread for what ends in the page cache.
boost::asio::awaitable<void> on_pages(Edge& edge, std::function<void()> work);

// A loop's alarm clock: sleeps until an instant, or until somebody has news.
class Wakeup {
 public:
  explicit Wakeup(Edge& edge) : timer_(edge.io) {}
  // Returns at `at`, or as soon as notify() is called; at once when it was called since the last return.
  boost::asio::awaitable<void> wait_until(Instant at);
  void notify();

 private:
  boost::asio::steady_timer timer_;
  bool notified_ = false;
};

// Writes log lines to standard error. `level` is the least severe one written.
Log make_log(LogLevel level, bool json);

}  // namespace sluice::app
