#include "rules/promql/script_test.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/suites.h"

namespace sluice::promql {
namespace {

std::string findings(const std::vector<ScriptReport::Finding>& list) {
  std::string out;
  for (const auto& finding : list) out += to_string(finding, "f") + "\n";
  return out;
}

TEST(ScriptTest, counts_what_holds) {
  const ScriptReport report = run_script(R"(
load 1m
  x{a="b"} 1+1x10

eval instant at 5m x
  x{a="b"} 6

eval range from 1m to 3m step 1m x * 2
  {a="b"} 4 6 8

eval instant at 5m 1 + 1
  2
)");
  EXPECT_EQ(report.passed, 3u);
  EXPECT_EQ(findings(report.failures), "");
}

TEST(ScriptTest, names_the_line_of_what_does_not_hold_and_goes_on) {
  const ScriptReport report = run_script(R"(load 1m
  x 1+1x10

eval instant at 5m x
  x 7

eval instant at 5m nope(
  {} 1

eval instant at 5m x
  y 6

eval instant at 5m x

evaluate this

eval instant at 5m x
  expect fail

eval instant at 5m x
  x 6
)");
  EXPECT_EQ(report.passed, 1u);
  EXPECT_EQ(findings(report.failures),
            "f:4: x: expected 7 for x but got 6\n"
            "f:7: nope(: 1:6: parse error: unclosed left parenthesis\n"
            "f:10: x: unexpected metric x in result, has value 6\n"
            "f:13: x: unexpected metric x in result, has value 6\n"
            "f:15: invalid command \"evaluate\"\n"
            "f:17: x: expected an error but got none\n");
}

TEST(ScriptTest, finds_what_is_not_the_same_at_other_times) {
  // With @ on its selector the answer must not depend on the evaluation time; time() is left alone.
  const ScriptReport report = run_script(R"(load 1m
  x 1+1x10

eval instant at 5m x + time()
  {} 306

eval instant at 5m x @ 120
  x 3
)");
  EXPECT_EQ(findings(report.failures), "");
  EXPECT_EQ(report.passed, 2u);
}

TEST(ScriptTest, knows_what_is_beyond_this_engine) {
  const ScriptReport report = run_script(R"(load 1m
  h {{count:1}}x5
  x 1 1 1

eval instant at 1m h
  h {{count:1}}

eval instant at 1m sum(h)
  expect info
  {} 1

eval instant at 1m mad_over_time(x[1m])
  {} 0

eval instant at 1m x
  x 1
)");
  EXPECT_EQ(report.passed, 1u);
  EXPECT_EQ(findings(report.failures), "");
  ASSERT_EQ(report.skipped.size(), 3u);
  EXPECT_TRUE(report.skipped[0].message.starts_with("needs native histograms"));
  EXPECT_TRUE(report.skipped[2].message.starts_with("needs an experimental feature"));
}

TEST(ScriptTest, reads_past_start_timestamps_which_the_store_does_not_keep) {
  const ScriptReport report = run_script(R"(load 1m
  @st -1m
  x_total@st -30s _ 0s
  x_total 1 2 1

eval instant at 2m x_total
  x_total 1

eval instant at 2m resets(x_total[3m])
  {} 2
)");
  EXPECT_EQ(report.passed, 1u);
  EXPECT_EQ(findings(report.failures), "");
  ASSERT_EQ(report.skipped.size(), 1u);
  EXPECT_TRUE(report.skipped[0].message.starts_with("needs start timestamps"));
}

TEST(ScriptTest, reads_expectations_of_errors_and_annotations) {
  const ScriptReport report = run_script(R"(load 1m
  x{a="1"} 1 2 3
  x{a="2"} 1 2 3

eval instant at 2m topk(NaN, x)
  expect fail msg: Parameter value is NaN

eval instant at 2m topk(NaN, x)
  expect fail regex: ^Parameter .* NaN$

eval_fail instant at 2m x + on () x

eval instant at 2m rate(x{a="1"}[2m])
  expect info
  expect no_warn
  {a="1"} 0.016666666666666666

eval instant at 2m quantile(3, x)
  expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 3
  {} +Inf

eval instant at 2m "x"
  expect string "x"

eval instant at 2m x{a="1"}[2m]
  expect range vector from 1m to 2m step 1m
  x{a="1"} 2 3

eval instant at 2m x
  expect warn
  x{a="1"} 3
  x{a="2"} 3
)");
  EXPECT_EQ(report.passed, 7u);
  EXPECT_EQ(findings(report.failures), "f:29: x: expected warn annotations but none were found\n");
}

TEST(ScriptTest, passes_our_own_scripts) {
  const std::string folder = std::string(SLUICE_SOURCE_DIR) + "/tests/rules/promql/scripts/";
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  ASSERT_FALSE(files.empty());
  for (const std::string& file : files) {
    const ScriptReport report = run_script(support::read_file(file));
    for (const auto& finding : report.failures) ADD_FAILURE() << to_string(finding, file);
    for (const auto& finding : report.skipped) ADD_FAILURE() << to_string(finding, file);
    EXPECT_GT(report.passed, 0u) << file;
  }
}

}  // namespace
}  // namespace sluice::promql
