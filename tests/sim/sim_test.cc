// The short run: every scenario, and a few seeds of chaos. Longer ones: sluice_sim --seeds 1000 --hours 10.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/sim/faults.h"
#include "tests/sim/scenario.h"

namespace sluice::sim {
namespace {

class ScenarioTest : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(ScenarioTest, comes_out_as_expected) {
  EXPECT_EQ(play_scenario(GetParam().string()), "");
}

std::vector<std::filesystem::path> scenarios() {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(SLUICE_SOURCE_DIR "/tests/sim/scenarios")) {
    if (entry.path().extension() == ".txt") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, ScenarioTest, testing::ValuesIn(scenarios()),
                         [](const auto& info) { return info.param.stem().string(); });

class ChaosTest : public testing::TestWithParam<uint64_t> {};

TEST_P(ChaosTest, breaks_no_invariant) {
  const Outcome outcome = try_seed(GetParam(), 20min);
  std::string trace;
  for (const std::string& line : outcome.trace) trace += line + "\n";
  EXPECT_EQ(outcome.violation, "") << trace << "seed " << GetParam() << " step " << outcome.step;
  EXPECT_GT(outcome.counts.commits, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ChaosTest, testing::Values(1, 2, 3, 6, 7, 8, 9));

class PeopleTest : public testing::TestWithParam<uint64_t> {};

TEST_P(PeopleTest, are_told_what_is_true_and_not_twice) {
  const Outcome outcome = try_seed(GetParam(), 15min, /*alerts=*/true);
  std::string trace;
  for (const std::string& line : outcome.trace) trace += line + "\n";
  EXPECT_EQ(outcome.violation, "") << trace << "seed " << GetParam() << " with alerts, step " << outcome.step;
  EXPECT_GT(outcome.counts.messages, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PeopleTest, testing::Values(2, 5, 7, 8, 9, 10));

TEST(ReplayTest, the_same_seed_does_the_same_again) {
  const Outcome first = try_seed(2, 10min);
  const Outcome second = try_seed(2, 10min);
  EXPECT_EQ(first.counts.events, second.counts.events);
  EXPECT_EQ(first.counts.commits, second.counts.commits);
  EXPECT_EQ(first.trace, second.trace);
}

}  // namespace
}  // namespace sluice::sim
