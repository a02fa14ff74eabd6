#include "rules/presence.h"

#include <gtest/gtest.h>

#include "core/sample.h"
#include "rules/promql/parser.h"

namespace sluice::rules {
namespace {

constexpr int64_t kStart = 1'700'000'000'000;
Timestamp at(int64_t seconds) {
  return from_unix_ms(kStart + seconds * 1000);
}

class PresenceTest : public testing::Test {
 protected:
  store::SampleStore store{store::StoreOptions{24h, 1'000}};

  void sample(const std::string& series, int64_t seconds, double value = 1) {
    ASSERT_EQ(store.append(*promql::parse_labels(series), Sample{at(seconds), value}),
              store::Append::kAppended);
  }
  static Need need(const std::string& expr) {
    const Result<promql::ExprPtr> parsed = promql::parse(expr);
    EXPECT_TRUE(parsed) << expr;
    return needs_of(**parsed, {"job:up:sum"});
  }
  bool present(const std::string& expr, int64_t seconds) {
    return Presence(store, at(seconds)).present(need(expr));
  }
  bool present_for(const std::string& expr, const Labels& alert, int64_t seconds) {
    return Presence(store, at(seconds)).present_for(need(expr), alert);
  }
};

TEST_F(PresenceTest, an_instant_selector_needs_a_sample_of_the_last_five_minutes_that_is_not_stale) {
  EXPECT_FALSE(present("up == 0", 0));
  sample("up", 0);
  EXPECT_TRUE(present("up == 0", 0));
  EXPECT_TRUE(present("up == 0", 299));
  EXPECT_FALSE(present("up == 0", 300)) << "the lookback excludes its left edge";
  sample("up", 310);
  sample("up", 320, stale_marker());
  EXPECT_TRUE(present("up == 0", 315));
  EXPECT_FALSE(present("up == 0", 320));
}

TEST_F(PresenceTest, a_range_is_as_long_as_it_says_and_offset_moves_it) {
  sample("x", 0);
  EXPECT_TRUE(present("rate(x[10m]) > 1", 500));
  EXPECT_FALSE(present("rate(x[1m]) > 1", 500));
  EXPECT_TRUE(present("x offset 8m > 1", 500));
  EXPECT_FALSE(present("x > 1", 500));
}

TEST_F(PresenceTest, operators_need_both_sides_or_either_or_the_left) {
  sample("a", 0);
  EXPECT_FALSE(present("a / b > 1", 0));
  EXPECT_FALSE(present("a > 1 and b > 1", 0));
  EXPECT_TRUE(present("a > 1 or b > 1", 0));
  EXPECT_TRUE(present("a unless b", 0));
  EXPECT_FALSE(present("b unless a", 0));
  EXPECT_TRUE(present("time() - a > 60", 0));
  EXPECT_FALSE(present("sum by (job) (rate(b[5m])) > 1", 0));
  EXPECT_FALSE(present("max_over_time(b[10m:1m]) > 1", 0));
  EXPECT_FALSE(present("-(b) > 1", 0));
}

TEST_F(PresenceTest, what_is_empty_by_nature_needs_nothing) {
  for (const char* expr : {"absent(b)", "absent_over_time(b[5m])", "absent(b) == 1", "vector(1)", "1 > bool 0",
                           R"(ALERTS{alertname="x"} == 1)", "ALERTS_FOR_STATE", "job:up:sum < 1",
                           R"({__name__=~"ALERT.*"})", "b @ 100", "b > 1 or absent(b)"}) {
    EXPECT_EQ(need(expr).kind, Need::Kind::kNothing) << expr;
  }
}

TEST_F(PresenceTest, for_one_alert_only_series_that_do_not_contradict_it_count) {
  sample(R"(up{job="a", instance="1"})", 0);
  sample(R"(up{job="b", instance="2"})", 0);
  sample(R"(limit{job="a"})", 0);
  EXPECT_TRUE(present_for("up == 0", Labels{{"job", "a"}, {"instance", "1"}}, 0));
  EXPECT_FALSE(present_for("up == 0", Labels{{"job", "a"}, {"instance", "2"}}, 0));
  EXPECT_FALSE(present_for("up == 0", Labels{{"job", "c"}}, 0));
  EXPECT_TRUE(present_for("count by (job) (up == 0) > 1", Labels{{"job", "b"}}, 0));
  EXPECT_TRUE(present_for("count(up == 0) > 1", Labels{}, 0));
  // The limit has no instance, so it belongs to all of them.
  EXPECT_TRUE(present_for("up > on (job) group_left limit", Labels{{"job", "a"}, {"instance", "1"}}, 0));
  EXPECT_FALSE(present_for("up > on (job) group_left limit", Labels{{"job", "b"}, {"instance", "2"}}, 0));
  EXPECT_TRUE(present_for("up == 0", Labels{{"job", "a"}, {"added", "by label_replace"}}, 0));
}

TEST_F(PresenceTest, answers_are_shared_but_not_between_different_windows) {
  sample("x", 0);
  Presence presence(store, at(400));
  EXPECT_FALSE(presence.present(need("x > 1")));
  EXPECT_TRUE(presence.present(need("rate(x[10m]) > 1")));
  EXPECT_FALSE(presence.present_for(need("x > 1"), {}));
  EXPECT_TRUE(presence.present_for(need("rate(x[10m]) > 1"), {}));
}

}  // namespace
}  // namespace sluice::rules
