// What one HTTP probe costs: CPU-seconds per 1,000 probes against nginx on loopback, a new connection each,
// 50 in flight.
//
//     http_probe_bench [probes] [in flight]
//
// The bar is 0.08; a bare Asio prober without any metrics needs about 0.05, nine tenths of it in the kernel.

#include <fmt/format.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
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

void measure(const char* name, const std::string& target, const exporters::http::HttpModule& module,
             int probes, int in_flight) {
  asio::io_context io;
  Run run;
  run.left = probes;
  net::Resolver resolver(io.get_executor());
  net::TlsContexts tls;
  const net::Net net{run.clock, resolver, tls};
  const auto rules = exporters::http::HttpRules::compile(module);
  std::vector<std::unique_ptr<exporters::http::HttpProber>> probers;
  for (int i = 0; i < in_flight; ++i) {
    probers.push_back(std::make_unique<exporters::http::HttpProber>(net, *rules, target));
    asio::co_spawn(io, worker(run, *probers.back()), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
  }
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

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  const int probes = argc > 1 ? std::atoi(argv[1]) : 20'000;
  const int in_flight = argc > 2 ? std::atoi(argv[2]) : 50;
  const sluice::support::Nginx nginx("");
  nginx.write("page", std::string(2000, 'x'));
  const std::string target = fmt::format("http://127.0.0.1:{}/page", nginx.port());
  sluice::exporters::http::HttpModule module;
  sluice::measure("warm-up", target, module, probes / 10, in_flight);
  sluice::measure("plain", target, module, probes, in_flight);
  module.fail_if_body_not_matches_regexp = {"x{10}"};
  sluice::measure("body regex", target, module, probes, in_flight);
  return 0;
}
