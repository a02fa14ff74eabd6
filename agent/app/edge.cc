#include "agent/app/edge.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <exception>

#include "core/check.h"
#include "core/net/time_point.h"

namespace sluice::app {

namespace asio = boost::asio;

void spawn(Edge& edge, asio::awaitable<void> work, std::string_view name) {
  asio::co_spawn(edge.io, std::move(work), [name = std::string(name)](std::exception_ptr escaped) {
    if (!escaped) return;
    try {
      std::rethrow_exception(escaped);
    } catch (const std::exception& error) {
      SLUICE_CHECK(false, name + ": " + error.what());
    }
  });
}

namespace {

asio::awaitable<void> run_elsewhere(Edge& edge, asio::thread_pool& threads, std::function<void()> work) {
  co_await asio::post(threads.get_executor(), asio::use_awaitable);
  work();
  co_await asio::post(edge.io.get_executor(), asio::use_awaitable);
}

}  // namespace

asio::awaitable<void> on_disk(Edge& edge, std::function<void()> work) {
  return run_elsewhere(edge, edge.disk, std::move(work));
}

asio::awaitable<void> on_pages(Edge& edge, std::function<void()> work) {
  return run_elsewhere(edge, edge.pages, std::move(work));
}

asio::awaitable<void> Wakeup::wait_until(Instant at) {
  if (!notified_) {
    timer_.expires_at(net::to_steady(at));
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  notified_ = false;
}

void Wakeup::notify() {
  notified_ = true;
  timer_.cancel();
}

Log make_log(LogLevel level, bool json) {
  return Log([level, json](LogLevel severity, std::string_view message, const std::vector<LogField>& fields) {
    if (severity < level) return;
    net::RealClock clock;
    const LogRecord record{clock.unix_now(), severity, message, &fields};
    const std::string line = (json ? format_json(record) : format_logfmt(record)) + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
  });
}

}  // namespace sluice::app
