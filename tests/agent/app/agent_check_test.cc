#include "agent/app/agent_check.h"

#include <gtest/gtest.h>

namespace sluice::app {
namespace {

constexpr Instant kStart{Duration(1000s)};
constexpr Timestamp kNow = from_unix_ms(1'700'000'000'000);

class AgentCheckTest : public testing::Test {
 protected:
  AgentCheckTest() {
    gate::PoolSetup setup;
    setup.policy.pool = "auth";
    setup.policy.flag.ttl = 30s;
    for (const char* target : {"a", "b"}) setup.members.push_back({target, target, false});
    gate_.configure(kStart, {setup});
    turn();
  }
  void turn() {
    const gate::GateEffects effects =
        gate_.tick("auth", kStart, gate_.local_facts("auth", kStart, kNow), kNow);
    gate_.committed("auth", effects);
  }
  void say(gate::Override::Action action) {
    gate_.add_override(
        "auth",
        {.target = "a", .action = action, .at = kNow, .until = kNow + 1h, .reason = "rack\n7", .by = ""});
    turn();
  }
  std::string ask(std::string_view line, Timestamp at = kNow) const {
    return agent_check_answer(gate_, line, [at](std::string_view) { return at; });
  }

  gate::Gate gate_{"n1", ""};
};

TEST_F(AgentCheckTest, answers_in_haproxys_words) {
  EXPECT_EQ(ask("auth a"), "ready up 100%");
  say(gate::Override::Action::kDisable);
  EXPECT_EQ(ask("auth a"), "down #operator: rack 7");
  EXPECT_EQ(ask("a"), "down #operator: rack 7");
  EXPECT_EQ(ask("auth b"), "ready up 100%");
  say(gate::Override::Action::kDrain);
  EXPECT_EQ(ask("auth a"), "drain");
}

TEST_F(AgentCheckTest, a_lease_that_ran_out_disables_nothing) {
  say(gate::Override::Action::kDisable);
  EXPECT_EQ(ask("auth a", kNow + 29s), "down #operator: rack 7");
  EXPECT_EQ(ask("auth a", kNow + 30s), "ready up 100%");
}

TEST_F(AgentCheckTest, what_is_not_known_is_used) {
  for (const char* line : {"", " ", "auth ", "auth x", "other a", "x"})
    EXPECT_EQ(ask(line), "ready up 100%") << line;
}

}  // namespace
}  // namespace sluice::app
