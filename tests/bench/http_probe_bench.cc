// What one HTTP probe costs: CPU-seconds per 1,000 probes against nginx on loopback, a new connection each,
// 50 in flight.
//
//     http_probe_bench [probes] [in flight]
//
// The bar is 0.08 on an idle machine. "bare" is the floor to compare with on a busy one: Asio, a timer, a
// request, and nothing looked at in the answer.

#include <fmt/format.h>
#include <sys/resource.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>

#include "core/net/clock.h"
#include "core/net/resolver.h"
#include "core/net/tls.h"
#include "exporters/http/http_probe.h"
#include "tests/support/net/nginx.h"

namespace asio = boost::asio;

namespace sluice {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

struct Run {
  net::RealClock clock;
  int left = 0;
  int failed = 0;
};

asio::awaitable<void> worker(Run& run, exporters::Prober& prober) {
  while (run.left > 0) {
    --run.left;
    const Instant now = run.clock.now();
    const exporters::ProbeResult result = co_await prober.probe({now, now + 5s, false});
    if (!result.success()) ++run.failed;
  }
}

asio::awaitable<void> bare(Run& run, asio::io_context& io, uint16_t port) {
  constexpr auto kUse = asio::as_tuple(asio::use_awaitable);
  const asio::ip::tcp::endpoint endpoint(asio::ip::make_address("127.0.0.1"), port);
  const std::string request = "GET /page HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  while (run.left > 0) {
    --run.left;
    asio::ip::tcp::socket socket(io);
    asio::steady_timer timer(io, std::chrono::seconds(5));
    timer.async_wait([&socket](const boost::system::error_code& error) {
      if (!error) socket.close();
    });
    co_await socket.async_connect(endpoint, kUse);
    socket.set_option(asio::ip::tcp::no_delay(true));
    co_await asio::async_write(socket, asio::buffer(request), kUse);
    char buffer[8192];
    const auto [error, n] = co_await socket.async_read_some(asio::buffer(buffer), kUse);
    if (error || n < 2000) ++run.failed;
    timer.cancel();
  }
}

// Runs `spawn(run, io)`'s coroutines until all probes are done, and prints what they cost.
template <typename Spawn>
void measure(const char* name, int probes, int in_flight, Spawn spawn) {
  asio::io_context io;
  Run run;
  run.left = probes;
  const auto bug = [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  };
  [[maybe_unused]] const auto kept = spawn(run, io, bug);
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  const Instant start = run.clock.now();
  io.run();
  const double took = to_seconds(run.clock.now() - start);
  getrusage(RUSAGE_SELF, &after);
  const double user = seconds(after.ru_utime) - seconds(before.ru_utime);
  const double system = seconds(after.ru_stime) - seconds(before.ru_stime);
  fmt::print(
      "{:<12} {} probes, {} in flight: {:.4f} CPU-s per 1,000 (user {:.4f}), {:.0f} a second, {} failed, {} "
      "MiB\n",
      name, probes, in_flight, (user + system) * 1000 / probes, user * 1000 / probes, probes / took,
      run.failed, after.ru_maxrss / 1024);
}

struct Parts {
  Parts(Run& run, asio::io_context& io) : resolver(io.get_executor()), net{run.clock, resolver, tls} {}
  net::Resolver resolver;
  net::TlsContexts tls;
  net::Net net;
  std::vector<std::unique_ptr<exporters::http::HttpProber>> probers;
};

void measure_probers(const char* name, const std::string& target, const exporters::http::HttpModule& module,
                     int probes, int in_flight) {
  const auto rules = exporters::http::HttpRules::compile(module);
  measure(name, probes, in_flight, [&](Run& run, asio::io_context& io, auto bug) {
    auto parts = std::make_unique<Parts>(run, io);
    for (int i = 0; i < in_flight; ++i) {
      parts->probers.push_back(std::make_unique<exporters::http::HttpProber>(parts->net, *rules, target));
      asio::co_spawn(io, worker(run, *parts->probers.back()), bug);
    }
    return parts;
  });
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  const int probes = argc > 1 ? std::atoi(argv[1]) : 20'000;
  const int in_flight = argc > 2 ? std::atoi(argv[2]) : 50;
  const sluice::support::Nginx nginx("");
  nginx.write("page", std::string(2000, 'x'));
  const std::string target = fmt::format("http://127.0.0.1:{}/page", nginx.port());
  sluice::exporters::http::HttpModule module;
  for (int round = 0; round < 2; ++round) {
    sluice::measure("bare", probes, in_flight, [&](sluice::Run& run, asio::io_context& io, auto bug) {
      for (int i = 0; i < in_flight; ++i) asio::co_spawn(io, sluice::bare(run, io, nginx.port()), bug);
      return 0;
    });
    sluice::measure_probers("probe", target, {}, probes, in_flight);
  }
  module.fail_if_body_not_matches_regexp = {"x{10}"};
  sluice::measure_probers("body regex", target, module, probes, in_flight);
  return 0;
}
