#include "alerts/inhibit.h"

#include <gtest/gtest.h>

#include "core/check.h"

namespace sluice::alerts {
namespace {

constexpr Timestamp kNow = from_unix_ms(1'000'000);

Matcher is(const char* name, const char* value) {
  auto made = Matcher::make(MatchOp::kEqual, name, value);
  SLUICE_CHECK(made.has_value(), "the test's matchers are good");
  return *made;
}

std::shared_ptr<const Alert> alert(Labels labels, Timestamp ends_at = kNow + 60s) {
  auto out = std::make_shared<Alert>();
  out->labels = std::move(labels);
  out->ends_at = ends_at;
  return out;
}

Inhibitor node_down() {
  return Inhibitor({{{is("alertname", "NodeDown")}, {is("severity", "warning")}, {"node", "zone"}}});
}

TEST(InhibitTest, a_firing_source_with_equal_labels_inhibits) {
  Inhibitor inhibitor = node_down();
  const auto source = alert({{"alertname", "NodeDown"}, {"node", "a"}});
  inhibitor.update(source);
  const Labels here{{"alertname", "Slow"}, {"node", "a"}, {"severity", "warning"}};
  EXPECT_EQ(inhibitor.inhibiting(kNow, here), source->fingerprint());
  EXPECT_EQ(inhibitor.inhibiting(kNow, here.with("node", "b")), std::nullopt);
  EXPECT_EQ(inhibitor.inhibiting(kNow, here.with("severity", "critical")), std::nullopt);
  // Both lack the zone: equal. One has it: not equal.
  EXPECT_EQ(inhibitor.inhibiting(kNow, here.with("zone", "z")), std::nullopt);
}

TEST(InhibitTest, an_end_lets_go_and_so_does_forgetting) {
  Inhibitor inhibitor = node_down();
  const Labels cause{{"alertname", "NodeDown"}, {"node", "a"}},
      effect{{"node", "a"}, {"severity", "warning"}};
  inhibitor.update(alert(cause, kNow + 1s));
  EXPECT_TRUE(inhibitor.inhibiting(kNow, effect));
  EXPECT_FALSE(inhibitor.inhibiting(kNow + 1s, effect));
  inhibitor.update(alert(cause, kNow + 9s));
  EXPECT_TRUE(inhibitor.inhibiting(kNow + 1s, effect));
  inhibitor.forget(cause);
  EXPECT_FALSE(inhibitor.inhibiting(kNow + 1s, effect));
}

TEST(InhibitTest, equals_do_not_silence_each_other) {
  Inhibitor inhibitor({{{is("severity", "critical")}, {is("severity", "critical")}, {}}});
  const auto one = alert({{"alertname", "A"}, {"severity", "critical"}}),
             two = alert({{"alertname", "B"}, {"severity", "critical"}});
  inhibitor.update(one);
  inhibitor.update(two);
  EXPECT_EQ(inhibitor.inhibiting(kNow, one->labels), std::nullopt);
  EXPECT_EQ(inhibitor.inhibiting(kNow, two->labels), std::nullopt);
}

TEST(InhibitTest, an_alert_on_both_sides_is_inhibited_by_a_source_that_is_not) {
  Inhibitor inhibitor({{{is("cause", "yes")}, {is("effect", "yes")}, {}}});
  const auto both = alert({{"cause", "yes"}, {"effect", "yes"}}), cause = alert({{"cause", "yes"}});
  inhibitor.update(both);
  EXPECT_EQ(inhibitor.inhibiting(kNow, both->labels), std::nullopt);
  inhibitor.update(cause);
  EXPECT_EQ(inhibitor.inhibiting(kNow, both->labels), cause->fingerprint());
}

TEST(InhibitTest, values_that_run_into_each_other_are_not_equal) {
  Inhibitor inhibitor({{{is("s", "1")}, {is("t", "1")}, {"a", "b"}}});
  inhibitor.update(alert({{"s", "1"}, {"a", "xy"}, {"b", "z"}}));
  EXPECT_FALSE(inhibitor.inhibiting(kNow, Labels{{"t", "1"}, {"a", "x"}, {"b", "yz"}}));
  EXPECT_TRUE(inhibitor.inhibiting(kNow, Labels{{"t", "1"}, {"a", "xy"}, {"b", "z"}}));
}

}  // namespace
}  // namespace sluice::alerts
