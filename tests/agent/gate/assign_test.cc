#include "agent/gate/assign.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace sluice::gate {
namespace {

std::vector<std::string> names(std::string_view stem, int count) {
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) out.push_back(fmt::format("{}{}", stem, i));
  return out;
}

TEST(AssignTest, every_agent_comes_to_the_same_choice_in_whatever_order_it_knows_the_others) {
  auto live = names("node", 20);
  const auto chosen = choose("https://a", live, 5);
  EXPECT_EQ(chosen.size(), 5u);
  std::reverse(live.begin(), live.end());
  EXPECT_EQ(choose("https://a", live, 5), chosen);
  for (const std::string& agent : live) {
    EXPECT_EQ(is_chosen(agent, "https://a", live, 5), std::count(chosen.begin(), chosen.end(), agent) == 1);
  }
}

TEST(AssignTest, with_few_agents_or_no_limit_all_are_chosen) {
  const auto live = names("node", 3);
  EXPECT_EQ(choose("t", live, 5).size(), 3u);
  EXPECT_EQ(choose("t", live, 0).size(), 3u);
  EXPECT_TRUE(is_chosen("node1", "t", live, 5));
  EXPECT_FALSE(is_chosen("stranger", "t", live, 0));
  EXPECT_TRUE(choose("t", {}, 5).empty());
}

TEST(AssignTest, a_lost_agent_moves_only_its_own_targets) {
  auto live = names("node", 50);
  std::map<std::string, std::vector<std::string>> before;
  for (const auto& target : names("t", 200)) before[target] = choose(target, live, 5);
  live.erase(live.begin() + 7);
  int moved = 0;
  for (const auto& [target, chosen] : before) {
    const auto now = choose(target, live, 5);
    const std::set<std::string> kept(now.begin(), now.end());
    for (const std::string& agent : chosen) {
      if (agent == "node7") {
        ++moved;
      } else {
        EXPECT_TRUE(kept.contains(agent)) << target;
      }
    }
  }
  EXPECT_NEAR(moved, 200 * 5 / 50, 15);
}

TEST(AssignTest, the_load_is_even) {
  const auto live = names("node", 50);
  std::map<std::string, int> load;
  for (const auto& target : names("t", 2000)) {
    for (const auto& agent : choose(target, live, 5)) ++load[agent];
  }
  for (const auto& [agent, count] : load) EXPECT_NEAR(count, 200, 60) << agent;
}

TEST(AssignTest, the_phases_of_the_chosen_divide_the_interval_evenly) {
  const auto live = names("node", 30);
  std::set<Duration> phases;
  for (const auto& agent : live) {
    if (is_chosen(agent, "t", live, 5)) {
      phases.insert(fleet_phase(agent, "t", live, 5, 10s));
    } else {
      EXPECT_EQ(fleet_phase(agent, "t", live, 5, 10s), Duration::zero());
    }
  }
  EXPECT_EQ(phases, (std::set<Duration>{0s, 2s, 4s, 6s, 8s}));
}

TEST(AssignTest, a_budget_of_probes_takes_fewer_agents_and_then_fewer_probes) {
  EXPECT_EQ(vantages_within(5, 100, 15s, 0), 5u) << "no budget";
  EXPECT_EQ(vantages_within(5, 3, 15s, 0), 3u) << "no more than live";
  EXPECT_EQ(vantages_within(0, 100, 15s, 0), 100u) << "all";
  EXPECT_EQ(vantages_within(0, 100, 15s, 2), 30u) << "two a second are 30 in 15 s";
  EXPECT_EQ(vantages_within(5, 100, 1s, 3), 3u);
  EXPECT_EQ(vantages_within(5, 100, 1s, 0.1), 1u) << "somebody must look";
  EXPECT_EQ(vantages_within(5, 0, 1s, 0), 1u);
  EXPECT_EQ(interval_within(200ms, 5, 0), 200ms);
  EXPECT_EQ(interval_within(200ms, 5, 10), 500ms) << "five agents, each every half second, are ten a second";
  EXPECT_EQ(interval_within(2s, 5, 10), 2s);
}

}  // namespace
}  // namespace sluice::gate
