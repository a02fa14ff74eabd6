#include "agent/app/rule_state.h"

#include <gtest/gtest.h>

namespace sluice::app {
namespace {

std::vector<rules::Group::Snapshot> some_state() {
  rules::ActiveAlert alert;
  alert.labels = {{"alertname", "Down"}, {"instance", "a\nb"}};
  alert.result_labels = {{"instance", "a\nb"}};
  alert.annotations = {{"summary", "\"quoted\" ✓"}};
  alert.value = 0.1;
  alert.status = rules::AlertStatus::kFiring;
  alert.held = rules::Held::kKeepFiringFor;
  alert.active_at = from_unix_ms(1'000);
  alert.fired_at = from_unix_ms(2'000);
  alert.keep_firing_since = from_unix_ms(3'000);
  rules::Group::RuleSnapshot rule;
  rule.name = "Down";
  rule.labels = {{"severity", "page"}};
  rule.had_data = true;
  rule.alerts.last_evaluated_at = from_unix_ms(4'000);
  rule.alerts.alerts = {alert};
  return {{"r.yml", "g", {rule}}};
}

TEST(RuleStateTest, what_is_written_is_read_back) {
  const auto parsed = parse_rule_state(write_rule_state(some_state()));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(*parsed, some_state());
}

TEST(RuleStateTest, values_that_are_no_json_numbers_survive) {
  auto state = some_state();
  state[0].rules[0].alerts.alerts[0].value = std::numeric_limits<double>::infinity();
  const auto parsed = parse_rule_state(write_rule_state(state));
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(*parsed, state);
}

TEST(RuleStateTest, any_damage_is_noticed) {
  const std::string text = write_rule_state(some_state());
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_TRUE(parse_rule_state(text.substr(0, length)).has_error()) << "cut at " << length;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_TRUE(parse_rule_state(damaged).has_error()) << "flipped at " << i;
  }
}

}  // namespace
}  // namespace sluice::app
