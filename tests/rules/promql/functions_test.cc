#include "rules/promql/functions.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice::promql {
namespace {

TEST(FunctionsTest, each_row_is_whole) {
  for (const Function& function : functions()) {
    EXPECT_FALSE(function.help.empty()) << function.name;
    EXPECT_EQ(function.body == nullptr, function.experimental) << function.name;
    EXPECT_EQ(find_function(function.name), &function);
    if (function.experimental) continue;
    EXPECT_NE(function.result, ValueType::kString) << function.name;
    EXPECT_NE(function.result, ValueType::kMatrix) << function.name;
  }
}

TEST(FunctionsTest, names_are_sorted_and_unique) {
  const auto table = functions();
  EXPECT_TRUE(std::is_sorted(table.begin(), table.end(),
                             [](const Function& a, const Function& b) { return a.name <= b.name; }));
  EXPECT_EQ(find_function("nope"), nullptr);
  EXPECT_EQ(find_function(""), nullptr);
}

}  // namespace
}  // namespace sluice::promql
