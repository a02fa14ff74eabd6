// Plants one mistake after the other and runs seeds until the referee finds it. A seed that fails without any
// mistake, too, shows nothing and does not count.
//
//   sluice_sim_mutants [NAME] [--seeds N] [--hours H]
//   sluice_sim_mutants NAME --seed N [--hours H]        that seed alone, with every event

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "names.h"
#include "tests/sim/faults.h"
#include "tests/sim/mutants/active.h"
#include "tests/sim/scenario.h"

namespace {

// The name of the first scenario that does not come out as expected, or "".
std::string fails_a_scenario() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(SLUICE_SOURCE_DIR "/tests/sim/scenarios")) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    if (!sluice::sim::play_scenario(path.string()).empty()) return path.filename().string();
  }
  return "";
}

// Whether the seed holds without any mistake.
bool is_sound(uint64_t seed, double hours) {
  static std::map<uint64_t, bool> known;
  const auto [sound, is_new] = known.try_emplace(seed);
  if (is_new) {
    const int active = std::exchange(sluice::sim::active_mutant, 0);
    sound->second =
        sluice::sim::try_seed(seed, sluice::from_seconds(hours * 3600), /*alerts=*/true).violation.empty();
    sluice::sim::active_mutant = active;
  }
  return sound->second;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sluice;
  std::string only;
  uint64_t seeds = 60, only_seed = 0;
  double hours = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--seeds" && i + 1 < argc) {
      seeds = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--seed" && i + 1 < argc) {
      only_seed = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--hours" && i + 1 < argc) {
      hours = std::strtod(argv[++i], nullptr);
    } else {
      only = word;
    }
  }
  int missed = 0;
  int number = 0;
  for (const char* name : sim::kMutants) {
    sim::active_mutant = number++;
    if (sim::active_mutant == 0 || (!only.empty() && only != name)) continue;
    if (only_seed != 0) {
      const sim::Outcome outcome =
          sim::try_seed(only_seed, from_seconds(hours * 3600), /*alerts=*/true, /*verbose=*/true);
      for (const std::string& line : outcome.trace) fmt::print("{}\n", line);
      fmt::print("{}\n", outcome.violation.empty() ? "all invariants held" : outcome.violation);
      continue;
    }
    std::string found;
    uint64_t seed = 1;
    const std::string scenario = fails_a_scenario();
    for (; scenario.empty() && seed <= seeds && found.empty(); ++seed) {
      found = sim::try_seed(seed, from_seconds(hours * 3600), /*alerts=*/true).violation;
      if (!found.empty() && !is_sound(seed, hours)) found.clear();
    }
    if (!scenario.empty()) {
      fmt::print("{:<24} {}\n", name, scenario);
    } else if (found.empty()) {
      ++missed;
      fmt::print("{:<24} NOT FOUND in {} seeds\n", name, seeds);
    } else {
      fmt::print("{:<24} seed {:<3} {}\n", name, seed - 1, found);
    }
    std::fflush(stdout);
  }
  return missed == 0 ? 0 : 1;
}
