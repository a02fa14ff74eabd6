// What must hold for any facts whatever; what follows from particular facts is in scripts/.
#include "agent/gate/decide.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "agent/gate/effects.h"
#include "core/random.h"

namespace sluice::gate {
namespace {

constexpr Timestamp kNow = from_unix_ms(1'700'000'000'000);

struct World {
  PoolPolicy policy;
  PoolFacts facts;
};

Timestamp around_now(Random& random, Duration range) {
  return kNow + to_ms(random.between(-range, range));
}

PoolPolicy random_policy(Random& random) {
  PoolPolicy policy;
  policy.pool = "p";
  policy.flag.key = random.below(4) == 0 ? "other:{target}" : "off:{target}";
  policy.flag.ttl = random.between(5s, 300s);
  policy.mode = random.below(4) == 0 ? Mode::kShadow : Mode::kEnforce;
  policy.max_disabled_percent = static_cast<int>(random.below(101));
  policy.min_available = static_cast<int>(random.below(4));
  policy.min_votes = 1 + static_cast<int>(random.below(3));
  policy.min_zones = 1 + static_cast<int>(random.below(2));
  policy.vantages = static_cast<int>(random.below(7));
  policy.freeze_percent = static_cast<int>(random.below(101));
  policy.freeze_pools = static_cast<int>(random.below(3));
  policy.interval = random.between(1s, 20s);
  if (random.below(4) == 0) {
    policy.slow_start = random.between(1s, 100s);
    policy.flag.encoding = FlagEncoding::kJson;
  }
  return policy;
}

World random_world(Random& random) {
  World world;
  world.policy = random_policy(random);
  PoolFacts& facts = world.facts;
  facts.self = "n0";
  facts.config = "c1";
  facts.other_pools_frozen = static_cast<int>(random.below(4));
  const int members = static_cast<int>(random.below(9));
  const int agents = static_cast<int>(random.below(8));
  for (int i = 0; i < members; ++i) {
    facts.members.push_back({fmt::format("t{}", i), fmt::format("t{}", i), random.below(10) == 0});
  }
  const Duration lifetime = vote_lifetime(world.policy);
  for (int i = 0; i < agents; ++i) {
    // Names are sometimes taken twice, stamps sometimes lie in the future.
    AgentVotes agent{.agent = fmt::format("n{}", random.below(10) == 0 ? 0 : i),
                     .zone = fmt::format("z{}", random.below(3)),
                     .config = random.below(5) == 0 ? "c2" : "c1",
                     .unwell = random.below(10) == 0 ? "slow" : "",
                     .at = kNow - to_ms(random.between(-10s, lifetime + 5s)),
                     .ballots = {}};
    const bool pessimist = random.below(6) == 0;
    for (int k = 0; k < members + 1; ++k) {
      if (random.below(6) == 0) continue;
      const bool down = pessimist || random.below(3) == 0;
      agent.ballots[fmt::format("t{}", k)] = {random.below(8) == 0 ? Verdict::kUnknown
                                              : down               ? Verdict::kDown
                                                                   : Verdict::kUp,
                                              down, around_now(random, 100s),
                                              kNow - to_ms(random.between(-10s, lifetime + 5s)),
                                              down ? "refused" : "ok"};
    }
    facts.agents.push_back(std::move(agent));
  }
  // A record such as this code writes: never over the budget of its policy.
  int room = disabled_max(facts.members.size(), world.policy);
  for (int k = 0; k < members + 2; ++k) {
    if (random.below(3) != 0) continue;
    Entry entry;
    entry.mode = random.below(5) == 0 ? Mode::kShadow : Mode::kEnforce;
    entry.since = kNow - to_ms(random.between(0s, 300s));
    entry.until = around_now(random, 300s);
    entry.lease = kNow + to_ms(random.between(-10s, world.policy.flag.ttl));
    entry.streak = static_cast<int>(random.below(10));
    entry.state = static_cast<Entry::State>(random.below(3));
    entry.by_operator = random.below(6) == 0;
    if (entry.state == Entry::State::kEnabled) {
      entry.lease = {};
      entry.weight = 100;
    } else if (entry.lease > kNow && !entry.by_operator && room-- <= 0) {
      continue;
    }
    const std::string target = fmt::format("t{}", k);
    if (entry.mode == Mode::kEnforce && entry.state != Entry::State::kEnabled) entry.key = "off:" + target;
    facts.record.entries[target] = entry;
  }
  facts.record.epoch = random.below(100);
  facts.record.last_disable = kNow - to_ms(random.between(0s, 40s));
  if (random.below(3) == 0) {
    facts.overrides.push_back({.target = fmt::format("t{}", random.below(9)),
                               .action = static_cast<Override::Action>(random.below(3)),
                               .at = kNow - 1min,
                               .until = around_now(random, 100s),
                               .reason = "because",
                               .by = "ann"});
  }
  if (random.below(8) == 0) {
    facts.overrides.push_back({.target = "",
                               .action = Override::Action::kFreeze,
                               .at = kNow,
                               .until = around_now(random, 100s),
                               .reason = "",
                               .by = "ann"});
  }
  return world;
}

bool is_out(const Entry& entry) {
  return entry.state != Entry::State::kEnabled && entry.lease > kNow;
}

int out_by_automation(const PoolFacts& facts, const Record& record) {
  int count = 0;
  for (const Member& member : facts.members) {
    const auto it = record.entries.find(member.target);
    if (it != record.entries.end() && is_out(it->second) && !it->second.by_operator) ++count;
  }
  return count;
}

class AnyFactsTest : public testing::Test {
 protected:
  template <typename Check>
  void for_any_facts(Check check) {
    for (uint64_t seed = 0; seed < 3'000; ++seed) {
      Random random(seed);
      const World world = random_world(random);
      const PoolDecision decision = decide(world.facts, world.policy, kNow);
      check(world, decision, carry_out(world.facts, world.policy, decision, kNow));
      if (HasFailure()) {
        ADD_FAILURE() << "seed " << seed;
        return;
      }
    }
  }
};

TEST_F(AnyFactsTest, the_budget_holds) {
  for_any_facts([](const World& world, const PoolDecision& decision, const GateEffects& effects) {
    const int before = out_by_automation(world.facts, world.facts.record);
    const int after = out_by_automation(world.facts, effects.record);
    EXPECT_LE(after, std::max(before, decision.allowed));
    // A word that has ended hands its member over inside the budget too.
    EXPECT_LE(after, before + 1);
  });
}

TEST_F(AnyFactsTest, at_most_one_is_newly_disabled_and_not_within_an_interval_of_the_last) {
  for_any_facts([](const World& world, const PoolDecision& decision, const GateEffects&) {
    const auto count =
        std::count_if(decision.targets.begin(), decision.targets.end(), [](const TargetDecision& target) {
          return target.action == Action::kDisable && !target.by_operator;
        });
    EXPECT_LE(count, 1);
    if (kNow - world.facts.record.last_disable < world.policy.interval) EXPECT_EQ(count, 0);
    if (decision.freeze != Hold::kNone) EXPECT_EQ(count, 0);
  });
}

TEST_F(AnyFactsTest, blind_means_nothing_new_and_nothing_renewed) {
  for_any_facts([](const World& world, const PoolDecision& decision, const GateEffects& effects) {
    for (const TargetDecision& target : decision.targets) {
      if (target.tally.decidable || target.by_operator) continue;
      const auto before = world.facts.record.entries.find(target.target);
      const bool operators = before != world.facts.record.entries.end() && before->second.by_operator;
      EXPECT_NE(target.action, Action::kDisable);
      if (!operators) EXPECT_NE(target.action, Action::kRenew);
      const auto after = effects.record.entries.find(target.target);
      if (before == world.facts.record.entries.end() || after == effects.record.entries.end() || operators)
        continue;
      EXPECT_LE(after->second.lease, before->second.lease);
    }
  });
}

TEST_F(AnyFactsTest, disabling_needs_a_majority_of_the_expected_on_one_configuration) {
  for_any_facts([](const World& world, const PoolDecision& decision, const GateEffects&) {
    for (const TargetDecision& target : decision.targets) {
      if (target.action != Action::kDisable || target.by_operator) continue;
      std::set<std::string> down;
      for (const AgentVotes& agent : world.facts.agents) {
        const auto ballot = agent.ballots.find(target.target);
        if (ballot == agent.ballots.end() || ballot->second.verdict != Verdict::kDown) continue;
        if (agent.config == "c1" && agent.unwell.empty()) down.insert(agent.agent);
      }
      EXPECT_GT(static_cast<int>(down.size()) * 2, target.tally.expected);
      EXPECT_GE(target.tally.down_zones, world.policy.min_zones);
      EXPECT_GE(target.tally.counted, world.policy.min_votes);
    }
  });
}

TEST_F(AnyFactsTest, what_carries_the_flags_is_never_disabled) {
  for_any_facts([](const World& world, const PoolDecision& decision, const GateEffects& effects) {
    for (const Member& member : world.facts.members) {
      if (!member.carries_the_flags) continue;
      for (const FlagWrite& flag : effects.flags)
        EXPECT_FALSE(flag.value && flag.key.ends_with(":" + member.target));
    }
    for (const TargetDecision& target : decision.targets) {
      if (target.hold == Hold::kCarriesFlags) EXPECT_NE(target.action, Action::kDisable);
    }
  });
}

TEST_F(AnyFactsTest, the_flags_are_what_the_record_says) {
  for_any_facts([](const World& world, const PoolDecision&, const GateEffects& effects) {
    if (!effects.commit) return;
    std::map<std::string, Timestamp> flags;
    for (const auto& [target, entry] : world.facts.record.entries) {
      if (!entry.key.empty() && entry.lease > kNow) flags[entry.key] = entry.lease;
    }
    for (const FlagWrite& flag : effects.flags) {
      if (flag.value) {
        EXPECT_LE(flag.expires_at, kNow + to_ms(world.policy.flag.ttl) + 1ms);
        flags[flag.key] = flag.expires_at;
      } else {
        flags.erase(flag.key);
      }
    }
    std::map<std::string, Timestamp> wanted;
    for (const auto& [target, entry] : effects.record.entries) {
      if (!entry.key.empty() && is_out(entry)) wanted[entry.key] = entry.lease;
    }
    EXPECT_EQ(flags, wanted);
  });
}

TEST_F(AnyFactsTest, the_operator_has_the_last_word) {
  for_any_facts([](const World& world, const PoolDecision&, const GateEffects& effects) {
    for (const Override& word : world.facts.overrides) {
      if (word.action == Override::Action::kFreeze || word.until <= kNow) continue;
      const auto member = std::find_if(world.facts.members.begin(), world.facts.members.end(),
                                       [&](const Member& m) { return m.target == word.target; });
      if (member == world.facts.members.end() || member->carries_the_flags) continue;
      const auto entry = effects.record.entries.find(word.target);
      const bool out = entry != effects.record.entries.end() && is_out(entry->second);
      EXPECT_EQ(out, word.action != Override::Action::kEnable);
    }
  });
}

TEST_F(AnyFactsTest, every_agent_comes_to_the_same_decision) {
  for_any_facts([](const World& world, const PoolDecision& decision, const GateEffects&) {
    World other = world;
    std::set<std::string> names;
    for (const AgentVotes& agent : world.facts.agents) names.insert(agent.agent);
    if (names.size() != world.facts.agents.size()) return;  // a name taken twice has no order-free meaning
    std::reverse(other.facts.agents.begin(), other.facts.agents.end());
    other.facts.self = "another";
    const PoolDecision again = decide(other.facts, other.policy, kNow);
    ASSERT_EQ(again.targets.size(), decision.targets.size());
    for (size_t i = 0; i < again.targets.size(); ++i) {
      EXPECT_EQ(again.targets[i].action, decision.targets[i].action);
      EXPECT_EQ(again.targets[i].evidence, decision.targets[i].evidence);
      EXPECT_EQ(again.targets[i].until, decision.targets[i].until);
    }
  });
}

TEST_F(AnyFactsTest, a_commit_settles_so_that_deciding_again_at_once_changes_no_flag_for_the_worse) {
  for_any_facts([](const World& world, const PoolDecision& decision, const GateEffects& effects) {
    PoolFacts settled = world.facts;
    settled.record = effects.record;
    for (const TargetDecision& target : decide(settled, world.policy, kNow).targets) {
      const auto first = std::find_if(decision.targets.begin(), decision.targets.end(),
                                      [&](const TargetDecision& d) { return d.target == target.target; });
      EXPECT_FALSE(target.action == Action::kDisable && !target.by_operator &&
                   effects.record.last_disable == kNow)
          << target.target;
      EXPECT_NE(target.action, Action::kRenew)
          << target.target << " was " << to_string(first->action) << " " << to_string(first->hold)
          << " now hold " << to_string(target.hold);
    }
  });
}

TEST(BudgetTest, is_the_exact_integer_rule) {
  struct Case {
    size_t members;
    int percent;
    int floor;
    int wanted;
  };
  const Case cases[] = {{0, 50, 1, 0},  {1, 50, 1, 0}, {1, 100, 0, 1}, {2, 50, 1, 1},     {3, 50, 1, 1},
                        {4, 50, 1, 2},  {4, 50, 3, 1}, {10, 10, 1, 1}, {9, 10, 1, 0},     {3, 100, 1, 2},
                        {3, 100, 5, 0}, {7, 33, 0, 2}, {100, 1, 0, 1}, {1000, 50, 1, 500}};
  for (const Case& c : cases) {
    PoolPolicy policy;
    policy.max_disabled_percent = c.percent;
    policy.min_available = c.floor;
    EXPECT_EQ(disabled_max(c.members, policy), c.wanted) << c.members << " " << c.percent << " " << c.floor;
  }
}

TEST(StreakTest, decays_one_step_per_healthy_interval) {
  PoolPolicy policy;
  policy.interval = 10s;
  Entry entry;
  entry.since = kNow;
  entry.streak = 4;
  EXPECT_EQ(decayed_streak(entry, policy, kNow), 4);
  EXPECT_EQ(decayed_streak(entry, policy, kNow + 9s), 4);
  EXPECT_EQ(decayed_streak(entry, policy, kNow + 10s), 3);
  EXPECT_EQ(decayed_streak(entry, policy, kNow + 1h), 0);
  policy.disable_time.decay = 1min;
  EXPECT_EQ(decayed_streak(entry, policy, kNow + 59s), 4);
}

TEST(PolicyTest, mistakes_are_all_told_by_name) {
  PoolPolicy policy;
  policy.flag.key = "{nope}";
  policy.flag.ttl = 10ms;
  policy.max_disabled_percent = 101;
  policy.eject_ratio = 0.5;
  policy.slow_start = 10s;
  policy.disable_time.max = 1s;
  const auto mistakes = validate(policy);
  EXPECT_THAT(mistakes, testing::UnorderedElementsAre(
                            testing::HasSubstr("pool must have a name"),
                            testing::HasSubstr("flag.key has the unknown placeholder"),
                            testing::HasSubstr("flag.ttl is 10ms, must be at least 1s"),
                            testing::HasSubstr("max_disabled_percent is 101"),
                            testing::HasSubstr("disable_time.max"), testing::HasSubstr("eject_ratio is 0.5"),
                            testing::HasSubstr("slow_start needs flag.encoding json"),
                            testing::HasSubstr("release_ratio is 0.5")));
  EXPECT_TRUE(validate(HealthPolicy{}).empty());
  PoolPolicy fine;
  fine.pool = "auth";
  EXPECT_TRUE(validate(fine).empty());
}

}  // namespace
}  // namespace sluice::gate
