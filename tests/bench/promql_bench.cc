// What a group of 1,000 rules over 10,000 series costs per 1,000 evaluations.
//
//   promql_bench                    measures, and prints CPU seconds per 1,000 evaluations
//   promql_bench broad|narrow N     N rounds of one kind alone, for a profiler
//   promql_bench data UNIX_SECONDS  prints the same hour of samples, ending there, as OpenMetrics
//   promql_bench rules broad|narrow prints the same rules as a rule file
//
// The last two feed promql_vs_prometheus.sh, which measures Prometheus on the same work.
//
// Broad rules are  histogram_quantile(0.95, sum by (le,target) (rate(b[5m]))) > k  with another k each;
// narrow ones pick one target:  histogram_quantile(0.95, sum by (le) (rate(b{target="t17"}[5m]))) > k.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "core/random.h"
#include "core/store/sample_store.h"
#include "rules/promql/engine.h"
#include "rules/promql/parser.h"

namespace {

using namespace sluice;

constexpr int kTargets = 1000;
constexpr const char* kBounds[] = {"0.005", "0.01", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "10", "+Inf"};
constexpr int kRules = 1000;
constexpr int64_t kIntervalMs = 15'000;
constexpr int kSamples = 240;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::string broad_rule(int i) {
  return fmt::format("histogram_quantile(0.95, sum by (le, target) (rate(b[5m]))) > {}", 9.999 + 0.0001 * i);
}

std::string narrow_rule(int i) {
  return fmt::format("histogram_quantile(0.95, sum by (le) (rate(b{{target=\"t{}\"}}[5m]))) > {}",
                     i % kTargets, 9.999 + 0.0001 * i);
}

// Calls `sample(labels, at_ms, value)`, series by series. Times jitter by some milliseconds, as scrapes do.
template <typename Sink>
void generate(int64_t end_ms, Sink sample) {
  for (int target = 0; target < kTargets; ++target) {
    Random random(static_cast<uint64_t>(target) + 1);
    std::vector<std::vector<uint64_t>> counts(kSamples, std::vector<uint64_t>(10, 0));
    std::vector<uint64_t> running(10, 0);
    std::vector<int64_t> times(kSamples);
    for (int i = 0; i < kSamples; ++i) {
      for (uint64_t n = random.below(30); n > 0; --n) {
        for (uint64_t b = random.below(10); b < 10; ++b) ++running[b];
      }
      counts[static_cast<size_t>(i)] = running;
      times[static_cast<size_t>(i)] =
          end_ms - (kSamples - i) * kIntervalMs + static_cast<int64_t>(random.below(20));
    }
    for (size_t bucket = 0; bucket < 10; ++bucket) {
      const Labels labels{{"__name__", "b"},
                          {"instance", fmt::format("host-{}:9100", target)},
                          {"job", "api"},
                          {"le", kBounds[bucket]},
                          {"target", fmt::format("t{}", target)}};
      for (size_t i = 0; i < kSamples; ++i) sample(labels, times[i], static_cast<double>(counts[i][bucket]));
    }
  }
}

int print_data(int64_t end_ms) {
  std::puts("# TYPE b unknown");
  std::string series, of;
  generate(end_ms, [&](const Labels& labels, int64_t at_ms, double value) {
    if (const std::string id = labels.to_string(); of != id) {
      of = id;
      series.clear();
      for (const auto& [name, text] : labels) {
        if (name != kMetricName) series += fmt::format("{}{}=\"{}\"", series.empty() ? "" : ",", name, text);
      }
      series = fmt::format("b{{{}}}", series);
    }
    fmt::print("{} {} {}.{:03}\n", series, value, at_ms / 1000, at_ms % 1000);
  });
  std::fflush(stdout);
  std::puts("# EOF");
  return 0;
}

int print_rules(const std::string& kind) {
  fmt::print("groups:\n  - name: bench\n    interval: 5s\n    rules:\n");
  for (int i = 0; i < kRules; ++i) {
    fmt::print("      - alert: rule_{}\n        expr: '{}'\n", i,
               kind == "broad" ? broad_rule(i) : narrow_rule(i));
  }
  return 0;
}

struct Group {
  std::vector<promql::ExprPtr> rules;
  promql::SharedExpressions shared;

  explicit Group(std::string (*rule)(int)) {
    for (int i = 0; i < kRules; ++i) rules.push_back(*promql::parse(rule(i)));
    for (const promql::ExprPtr& expr : rules) shared.add(*expr);
  }

  // CPU seconds of one evaluation of all rules, as the group does it.
  double evaluate(const store::SampleStore& store, Timestamp at, size_t& elements) const {
    const double before = cpu_seconds();
    promql::SharedEvaluation evaluation(store, at, {}, &shared);
    for (const promql::ExprPtr& expr : rules) {
      const Result<promql::Evaluation> result = evaluation.evaluate(*expr);
      if (!result) {
        fmt::print("error: {}\n", result.error().message);
        std::exit(1);
      }
      elements += std::get<promql::Vector>(result->value).size();
    }
    return cpu_seconds() - before;
  }
};

void measure(const char* name, const Group& group, const store::SampleStore& store, int64_t end_ms,
             int rounds = 5) {
  double best = 1e9, sum = 0;
  size_t elements = 0;
  for (int round = 0; round < rounds; ++round) {
    const double spent = group.evaluate(store, from_unix_ms(end_ms - round % 10 * 5000), elements);
    best = std::min(best, spent);
    sum += spent;
  }
  fmt::print("{}: {:.4f} CPU-s per 1,000 evaluations (best of {}; mean {:.4f}), {} elements\n", name, best,
             rounds, sum / rounds, elements / static_cast<size_t>(rounds));
}

constexpr int64_t kEndMs = 1'700'000'000'000;

store::SampleStore filled_store() {
  store::SampleStore store({.retention = std::chrono::hours(2)});
  generate(kEndMs, [&](const Labels& labels, int64_t at_ms, double value) {
    store.append(labels, {from_unix_ms(at_ms), value});
  });
  return store;
}

int measure_all() {
  const int64_t end_ms = kEndMs;
  const double before = cpu_seconds();
  const store::SampleStore store = filled_store();
  const store::StoreStats stats = store.stats();
  fmt::print("{} series, {} samples, {:.1f} MiB, {:.2f} bytes a sample, filled in {:.2f} CPU-s\n",
             stats.series, stats.samples, static_cast<double>(stats.bytes) / (1 << 20),
             static_cast<double>(stats.bytes) / static_cast<double>(stats.samples), cpu_seconds() - before);
  const double parsing = cpu_seconds();
  const Group broad(broad_rule), narrow(narrow_rule);
  fmt::print("2,000 rules parsed in {:.4f} CPU-s\n", cpu_seconds() - parsing);
  measure("broad ", broad, store, end_ms);
  measure("narrow", narrow, store, end_ms);

  // The same without sharing, to see what sharing saves.
  const double alone = cpu_seconds();
  constexpr int kAlone = 20;
  for (int i = 0; i < kAlone; ++i)
    (void)promql::evaluate(*broad.rules[static_cast<size_t>(i)], store, from_unix_ms(end_ms));
  fmt::print("broad, each on its own: {:.3f} CPU-s per 1,000 evaluations\n",
             (cpu_seconds() - alone) * 1000 / kAlone);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "data") == 0) return print_data(std::atoll(argv[2]) * 1000);
  if (argc == 3 && std::strcmp(argv[1], "rules") == 0) return print_rules(argv[2]);
  if (argc == 1) return measure_all();
  if (argc == 3 && (std::strcmp(argv[1], "broad") == 0 || std::strcmp(argv[1], "narrow") == 0)) {
    const Group group(std::strcmp(argv[1], "broad") == 0 ? broad_rule : narrow_rule);
    measure(argv[1], group, filled_store(), kEndMs, std::max(1, std::atoi(argv[2])));
    return 0;
  }
  std::fprintf(stderr, "usage: %s [data UNIX_SECONDS | rules broad|narrow | broad|narrow ROUNDS]\n", argv[0]);
  return 2;
}
