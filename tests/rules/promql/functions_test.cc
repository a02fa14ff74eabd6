#include "rules/promql/functions.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "rules/promql/function_body.h"
#include "rules/promql/vector_functions.h"

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

TEST(FunctionsTest, those_of_native_histograms_alone_answer_nothing) {
  for (const char* name :
       {"histogram_avg", "histogram_count", "histogram_stddev", "histogram_stdvar", "histogram_sum"}) {
    const Function* function = find_function(name);
    ASSERT_NE(function, nullptr) << name;
    EXPECT_EQ(std::get<VectorFunction>(function->body->shape).compute, &native_histograms_only) << name;
  }
}

}  // namespace
}  // namespace sluice::promql
