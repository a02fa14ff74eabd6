// sluice_sim: runs the fleet simulation over seeds and says what it did.
//
//   sluice_sim --seeds 100 --hours 1        seeds 1 to 100, one virtual hour each
//   sluice_sim --alerts ...                 the agents tell people, too (people.h)
//   sluice_sim --seed 42 --verbose          that one again, exactly, with every event
//   sluice_sim --steady 100 --members 10   what a fleet costs when nothing is wrong, a second (docs/scale.md)

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/sim/faults.h"

namespace {

struct Options {
  uint64_t first = 1;
  uint64_t count = 10;
  double hours = 1;
  double seconds_max = 0;
  bool verbose = false;
  bool alerts = false;
  int steady = 0;  // agents
  int members = 10;
  double interval = 15;
};

int usage() {
  fmt::print(stderr,
             "usage: sluice_sim [--seeds N | --seed N] [--first N] [--hours H] [--max-seconds S] [--alerts] "
             "[--verbose]\n"
             "       sluice_sim --steady AGENTS [--members N] [--interval S]\n");
  return 2;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--verbose") {
      options.verbose = true;
      continue;
    }
    if (word == "--alerts") {
      options.alerts = true;
      continue;
    }
    if (i + 1 == argc) return false;
    const char* value = argv[++i];
    if (word == "--seed") {
      options.first = std::strtoull(value, nullptr, 10);
      options.count = 1;
    } else if (word == "--seeds") {
      options.count = std::strtoull(value, nullptr, 10);
    } else if (word == "--first") {
      options.first = std::strtoull(value, nullptr, 10);
    } else if (word == "--hours") {
      options.hours = std::strtod(value, nullptr);
    } else if (word == "--steady") {
      options.steady = std::atoi(value);
    } else if (word == "--members") {
      options.members = std::atoi(value);
    } else if (word == "--interval") {
      options.interval = std::strtod(value, nullptr);
    } else if (word == "--max-seconds") {
      options.seconds_max = std::strtod(value, nullptr);
    } else {
      return false;
    }
  }
  return true;
}

int show_cost(const Options& options) {
  using namespace sluice;
  const Duration time = 5 * from_seconds(options.interval);
  const sim::Outcome outcome =
      sim::run_steadily(options.steady, options.members, from_seconds(options.interval), time);
  const auto rate = [&](uint64_t count) { return static_cast<double>(count) / to_seconds(time); };
  const sim::Counts& counts = outcome.counts;
  fmt::print(
      "{} agents, {} members, every {} s: {:.1f} probes/s, {:.1f} turns/s, {:.1f} Redis commands/s, {:.0f} "
      "bytes/s to "
      "Redis, {:.0f} bytes/s from it\n",
      options.steady, options.members, options.interval, rate(counts.probes), rate(counts.turns),
      rate(counts.commands), rate(counts.bytes_in), rate(counts.bytes_out));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sluice;
  Options options;
  if (!parse(argc, argv, options)) return usage();
  if (options.steady > 0) return show_cost(options);
  sim::Counts total;
  Duration simulated{};
  uint64_t runs = 0;
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  for (uint64_t seed = options.first; seed < options.first + options.count; ++seed) {
    if (options.seconds_max > 0 && elapsed() > options.seconds_max) break;
    const sim::Outcome outcome =
        sim::try_seed(seed, from_seconds(options.hours * 3600), options.alerts, options.verbose);
    total.add(outcome.counts);
    simulated += outcome.simulated;
    ++runs;
    if (!outcome.violation.empty()) {
      for (const std::string& line : outcome.trace) fmt::print("{}\n", line);
      fmt::print("\nseed {} step {}: {}\nagain: sluice_sim --seed {} --hours {}{} --verbose\n", seed,
                 outcome.step, outcome.violation, seed, options.hours, options.alerts ? " --alerts" : "");
      return 1;
    }
  }
  const double hours = to_seconds(simulated) / 3600;
  fmt::print("{} seeds, {:.1f} fleet-hours, {:.2f} hours a second, all invariants held\n", runs, hours,
             hours / elapsed());
  fmt::print(
      "{} events, {} probes, {} turns, {} decisions, {} commits, {} conflicts, {} turns without Redis\n",
      total.events, total.probes, total.turns, total.decisions, total.commits, total.conflicts,
      total.unreachable);
  fmt::print("{} reads of flags, {} Redis commands, {} bytes in, {} bytes out\n", total.reads, total.commands,
             total.bytes_in, total.bytes_out);
  if (options.alerts)
    fmt::print("{} messages to people, {} of them again\n", total.messages, total.messages_again);
  for (const auto& [fault, count] : total.faults) fmt::print("  {:<22} {}\n", fault, count);
  return 0;
}
