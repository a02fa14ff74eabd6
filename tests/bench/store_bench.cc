// The store and the metrics page at size: memory as the kernel counts it, and CPU time.
//
//   store_bench [TARGETS [ROUNDS]]     20 series a target, 15 s a round; 500 and 240 are 10,000 series for an
//   hour
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>

#include "core/exposition/metrics_page.h"
#include "core/random.h"
#include "core/store/sample_store.h"

using namespace sluice;

namespace {

constexpr int kMetrics = 20, kDurations = 7;

double cpu_ms() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

double resident_mib() {
  size_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

// Runs `body` and prints the CPU time of one of its `parts`.
template <typename Body>
void timed(const char* what, double parts, Body body) {
  const double before = cpu_ms();
  body();
  std::printf("%-44s %10.3f us\n", what, (cpu_ms() - before) * 1e3 / parts);
}

Labels labels_of(size_t target, int metric) {
  return {{"__name__", "probe_some_metric_" + std::to_string(metric)},
          {"instance", "https://auth" + std::to_string(target) + ".example.com:8443/health"},
          {"job", "auth"}};
}

double value_of(size_t target, int metric, Random& random) {
  if (metric >= kDurations) return metric % 3;
  const double tail = random.below(20) == 0 ? 3 * random.unit() : 0;
  return std::floor((1 + 0.15 * random.unit() + tail) * 1e6 * static_cast<double>(1 + target % 50)) / 1e9;
}

void measure_store(size_t targets, int rounds) {
  const double start_mib = resident_mib();
  store::SampleStore store({.retention = 2h, .series_max = 10'000'000});
  std::vector<store::SeriesId> ids;
  for (size_t target = 0; target < targets; ++target) {
    for (int metric = 0; metric < kMetrics; ++metric) ids.push_back(*store.intern(labels_of(target, metric)));
  }
  const double index_mib = resident_mib() - start_mib;
  const size_t index_bytes = store.stats().bytes;
  Random random(1);
  const auto series = static_cast<double>(ids.size());
  int64_t now = 1'700'000'000'000;
  timed("append", series * rounds, [&] {
    for (int round = 0; round < rounds; ++round, now += 15'000) {
      for (size_t i = 0; i < ids.size(); ++i) {
        const int64_t jitter = (round + static_cast<int64_t>(i / kMetrics)) % 3 == 0 ? 1 : 0;
        store.append(ids[i], {from_unix_ms(now + jitter),
                              value_of(i / kMetrics, static_cast<int>(i % kMetrics), random)});
      }
    }
  });
  const store::StoreStats stats = store.stats();
  std::printf(
      "%zu series, %zu samples: %.2f MiB resident, %.2f of it labels and index; %.2f bytes a sample in "
      "chunks, %.2f as the store counts\n",
      stats.series, stats.samples, resident_mib() - start_mib, index_mib,
      (resident_mib() - start_mib - index_mib) * (1 << 20) / static_cast<double>(stats.samples),
      static_cast<double>(stats.bytes - index_bytes) / static_cast<double>(stats.samples));

  const auto select = [&](const char* what, std::vector<Matcher> matchers) {
    size_t found = 0;
    timed(what, 100, [&] {
      for (int i = 0; i < 100; ++i) found = store.select(matchers).size();
    });
    std::printf("    %zu series\n", found);
  };
  const Matcher name = *Matcher::make(MatchOp::kEqual, "__name__", "probe_some_metric_1");
  const std::string one(labels_of(7, 1).get("instance")), other(labels_of(8, 1).get("instance"));
  select("select {instance=}", {*Matcher::make(MatchOp::kEqual, "instance", one)});
  select("select name{instance=}", {name, *Matcher::make(MatchOp::kEqual, "instance", one)});
  select("select name", {name});
  select("select name{instance=~\"https://auth1.*\"}",
         {name, *Matcher::make(MatchOp::kRegex, "instance", "https://auth1.*")});
  select("select name{instance!=}", {name, *Matcher::make(MatchOp::kNotEqual, "instance", other)});
  std::vector<Sample> samples;
  timed("read the last 5 minutes of a series", series, [&] {
    for (const store::SeriesId id : ids) {
      samples.clear();
      store.read(id, from_unix_ms(now - 300'000), from_unix_ms(now), samples);
    }
  });
  timed("newest sample of a series", series, [&] {
    for (const store::SeriesId id : ids)
      (void)store.latest(id, from_unix_ms(now - 300'000), from_unix_ms(now));
  });
  timed("expire when nothing is due", 1, [&] { store.expire(from_unix_ms(now)); });
}

void measure_page(size_t targets) {
  exposition::MetricsPage page;
  Random random(2);
  for (int metric = 0; metric < kMetrics; ++metric) {
    const std::string name = "probe_some_metric_" + std::to_string(metric);
    for (size_t target = 0; target < targets; ++target) {
      const exposition::SlotId slot =
          page.add({name, MetricType::kGauge, "What it measures."}, labels_of(target, metric));
      page.set(slot, value_of(target, metric, random));
    }
  }
  std::string out;
  page.render(out, exposition::Format::kText);  // the first one also asks the kernel for the pages
  timed("render the metrics page", 10, [&] {
    for (int i = 0; i < 10; ++i) {
      out.clear();
      page.render(out, exposition::Format::kText);
    }
  });
  std::printf("    %zu lines, %.1f MB, page %.1f MiB\n", page.lines(), static_cast<double>(out.size()) / 1e6,
              static_cast<double>(page.bytes()) / (1 << 20));
}

}  // namespace

int main(int argc, char** argv) {
  const size_t targets = argc > 1 ? std::stoul(argv[1]) : 500;
  measure_store(targets, argc > 2 ? std::stoi(argv[2]) : 240);
  measure_page(5000);
  return 0;
}
