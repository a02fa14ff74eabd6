#include "rules/promql/range_functions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace sluice::promql {
namespace {

struct Given {
  std::vector<Sample> samples;
  int64_t from_ms = 0;
  int64_t to_ms = 0;

  Window window() const { return {samples, from_ms, to_ms, to_ms, {}}; }
};

Given every_ten_seconds(std::vector<double> values, int64_t first_s, int64_t from_s, int64_t to_s) {
  Given given;
  for (size_t i = 0; i < values.size(); ++i) {
    given.samples.push_back({from_unix_ms((first_s + 10 * static_cast<int64_t>(i)) * 1000), values[i]});
  }
  given.from_ms = from_s * 1000;
  given.to_ms = to_s * 1000;
  return given;
}

TEST(RangeFunctionsTest, rates_reach_to_edges_that_are_near) {
  // 40 in 40s, with 10s and 9s to the edges: no more than 1.1 times the usual distance.
  const Given near = every_ten_seconds({100, 110, 120, 130, 140}, 10, 0, 59);
  EXPECT_DOUBLE_EQ(*range::increase(near.window()), 59);
  EXPECT_DOUBLE_EQ(*range::rate(near.window()), 1);
  EXPECT_DOUBLE_EQ(*range::delta(near.window()), 59);
}

TEST(RangeFunctionsTest, rates_reach_half_a_distance_beyond_where_edges_are_far) {
  const Given far = every_ten_seconds({100, 110, 120, 130, 140}, 30, 0, 100);
  EXPECT_DOUBLE_EQ(*range::increase(far.window()), 50);
}

TEST(RangeFunctionsTest, a_counter_is_not_stretched_below_zero) {
  // From 2, at one per second, zero was two seconds ago; a gauge goes on.
  const Given young = every_ten_seconds({2, 12, 22}, 10, 0, 30);
  EXPECT_DOUBLE_EQ(*range::increase(young.window()), 22);
  EXPECT_DOUBLE_EQ(*range::delta(young.window()), 30);
}

TEST(RangeFunctionsTest, a_fall_is_a_restart_from_zero_for_counters) {
  const Given reset = every_ten_seconds({50, 60, 5, 15}, 0, -10, 30);
  EXPECT_EQ(*range::resets(reset.window()), 1);
  // 60 - 50, then 5, then 10, stretched from 30s to 40s.
  EXPECT_DOUBLE_EQ(*range::increase(reset.window()), 25 * 40.0 / 30);
  EXPECT_DOUBLE_EQ(*range::irate(every_ten_seconds({60, 5}, 0, -10, 10).window()), 0.5);
  EXPECT_DOUBLE_EQ(*range::idelta(every_ten_seconds({60, 5}, 0, -10, 10).window()), -55);
}

TEST(RangeFunctionsTest, one_sample_is_enough_for_some_and_not_for_others) {
  const Given one = every_ten_seconds({7}, 0, -10, 10);
  for (const auto function :
       {range::rate, range::increase, range::delta, range::irate, range::idelta, range::deriv}) {
    EXPECT_FALSE(function(one.window()));
  }
  EXPECT_EQ(range::avg(one.window()), 7);
  EXPECT_EQ(range::changes(one.window()), 0);
  EXPECT_EQ(range::stddev(one.window()), 0);
  EXPECT_EQ(range::last(one.window()), 7);
}

TEST(RangeFunctionsTest, extremes_pass_over_nan) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Given mixed = every_ten_seconds({nan, 3, nan, 1}, 0, -10, 40);
  EXPECT_EQ(range::max(mixed.window()), 3);
  EXPECT_EQ(range::min(mixed.window()), 1);
  EXPECT_EQ(range::changes(every_ten_seconds({nan, nan, 1}, 0, -10, 40).window()), 1);
}

TEST(RangeFunctionsTest, a_line_through_equal_values_is_flat) {
  EXPECT_EQ(range::deriv(every_ten_seconds({5, 5, 5}, 0, -10, 40).window()), 0);
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(std::isnan(*range::deriv(every_ten_seconds({infinity, infinity}, 0, -10, 40).window())));
}

}  // namespace
}  // namespace sluice::promql
