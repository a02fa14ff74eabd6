#include "rules/promql/evaluator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "rules/promql/almost.h"
#include "rules/promql/kahan.h"

namespace sluice::promql {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double quantile_of(double q, std::vector<double> values) {
  return quantile(q, values);
}

TEST(EvaluatorTest, quantiles_interpolate_and_take_nan_for_the_smallest) {
  EXPECT_EQ(quantile_of(0.5, {3, 1, 2}), 2);
  EXPECT_EQ(quantile_of(0.25, {4, 0}), 1);
  EXPECT_EQ(quantile_of(0, {4, 0}), 0);
  EXPECT_EQ(quantile_of(1, {4, 0}), 4);
  EXPECT_EQ(quantile_of(-0.1, {1}), -kInfinity);
  EXPECT_EQ(quantile_of(1.1, {1}), kInfinity);
  EXPECT_TRUE(std::isnan(quantile_of(kNaN, {1})));
  EXPECT_TRUE(std::isnan(quantile_of(0.5, {})));
  EXPECT_TRUE(std::isnan(quantile_of(0, {1, kNaN, 2})));
  EXPECT_EQ(quantile_of(1, {1, kNaN, 2}), 2);
}

TEST(EvaluatorTest, comparisons_with_nan_do_not_hold_but_for_inequality) {
  for (const BinaryOp op : {BinaryOp::kEqual, BinaryOp::kGreater, BinaryOp::kLess, BinaryOp::kGreaterEqual,
                            BinaryOp::kLessEqual}) {
    EXPECT_FALSE(holds(op, kNaN, 1));
    EXPECT_FALSE(holds(op, kNaN, kNaN));
  }
  EXPECT_TRUE(holds(BinaryOp::kNotEqual, kNaN, kNaN));
  EXPECT_EQ(apply(BinaryOp::kMod, -7, 3), -1);
  EXPECT_EQ(apply(BinaryOp::kGreaterEqual, 2, 2), 1);
  EXPECT_EQ(apply(BinaryOp::kDiv, 1, 0), kInfinity);
}

TEST(EvaluatorTest, shows_label_sets_in_braces) {
  EXPECT_EQ(braced({}), "{}");
  EXPECT_EQ(braced({{"__name__", "m"}, {"a b", "c\"d"}}), "{__name__=\"m\", \"a b\"=\"c\\\"d\"}");
}

TEST(EvaluatorTest, absent_cells_are_no_computed_value) {
  EXPECT_TRUE(is_absent(absent()));
  EXPECT_FALSE(is_absent(kNaN));
  // Arithmetic never gives the marker back.
  EXPECT_FALSE(is_absent(absent() + 1));
  EXPECT_FALSE(is_absent(absent() * absent()));
  EXPECT_FALSE(is_absent(std::sqrt(-1.0)));
}

TEST(EvaluatorTest, sums_keep_what_rounding_loses) {
  KahanSum sum;
  for (const double value : {1.0, 1e100, 1.0, -1e100}) sum.add(value);
  EXPECT_EQ(sum.total(), 2);

  KahanMean mean;
  constexpr double kHuge = 1.7e308;
  for (int i = 0; i < 4; ++i) mean.add(kHuge);
  EXPECT_DOUBLE_EQ(mean.mean(), kHuge);
}

TEST(EvaluatorTest, almost_equal_is_relative_and_strict_about_zero) {
  EXPECT_TRUE(almost_equal(1, 1 + 1e-7, 1e-6));
  EXPECT_FALSE(almost_equal(1, 1 + 1e-5, 1e-6));
  EXPECT_FALSE(almost_equal(0, 1e-9, 1e-6));
  EXPECT_TRUE(almost_equal(kNaN, kNaN, 1e-6));
  EXPECT_FALSE(almost_equal(kNaN, 1, 1e-6));
  EXPECT_TRUE(almost_equal(kInfinity, kInfinity, 1e-6));
  EXPECT_FALSE(almost_equal(kInfinity, -kInfinity, 1e-6));
}

}  // namespace
}  // namespace sluice::promql
