#include "agent/config/rule_test_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "agent/config/rule_file.h"
#include "tests/support/suites.h"

namespace sluice::config {
namespace {

TEST(RuleTestFileTest, reads_every_key) {
  const LoadedRuleTestFile loaded = load_rule_test_file("t.yml", R"(
rule_files: [a.yml, "b/*.yml"]
evaluation_interval: 30s
fuzzy_compare: true
group_eval_order: [two, one]
tests:
  - name: first
    interval: 15s
    start_timestamp: 2021-01-01T00:00:00Z
    external_labels: {cluster: prod}
    external_url: http://x
    input_series:
      - {series: 'up{job="a"}', values: 1 0x3}
    alert_rule_test:
      - eval_time: 1m
        alertname: Down
        exp_alerts:
          - exp_labels: {job: a}
            exp_annotations: {summary: down}
          - {}
    promql_expr_test:
      - expr: up
        eval_time: 0
        exp_samples:
          - {labels: 'up{job="a"}', value: 1}
          - {value: .inf}
          - {value: -Inf}
  - start_timestamp: 1609459200
)");
  ASSERT_EQ(loaded.mistakes, Mistakes{});
  const rules::RuleTestFile& file = loaded.file;
  EXPECT_EQ(file.rule_files, (std::vector<std::string>{"a.yml", "b/*.yml"}));
  EXPECT_EQ(file.evaluation_interval, 30s);
  EXPECT_TRUE(file.fuzzy_compare);
  EXPECT_EQ(file.group_eval_order, (std::vector<std::string>{"two", "one"}));
  ASSERT_EQ(file.tests.size(), 2u);
  const rules::RuleTest& test = file.tests[0];
  EXPECT_EQ(test.name, "first");
  EXPECT_EQ(test.interval, 15s);
  EXPECT_EQ(test.start, from_unix_ms(1'609'459'200'000));
  EXPECT_EQ(file.tests[1].start, test.start);
  EXPECT_EQ(test.external_labels, (Labels{{"cluster", "prod"}}));
  EXPECT_EQ(test.input_series.at(0).values, "1 0x3");
  ASSERT_EQ(test.alert_tests.at(0).expected.size(), 2u);
  EXPECT_EQ(test.alert_tests[0].expected[0].annotations.at("summary"), "down");
  ASSERT_EQ(test.promql_tests.at(0).expected.size(), 3u);
  EXPECT_EQ(test.promql_tests[0].expected[1].value, INFINITY);
  EXPECT_EQ(test.promql_tests[0].expected[2].value, -INFINITY);
}

TEST(RuleTestFileTest, reports_what_it_does_not_understand) {
  const LoadedRuleTestFile loaded = load_rule_test_file("t.yml", R"(group_eval_order: [a, a]
tests:
  - start_timestamp: someday
    input_serie: []
)");
  ASSERT_EQ(loaded.mistakes.size(), 3u);
  EXPECT_EQ(loaded.mistakes[0].to_string(), "t.yml:1:19: group name repeated in evaluation order: a");
  EXPECT_EQ(loaded.mistakes[1].to_string(), R"(t.yml:3:22: cannot parse "someday" to a valid timestamp)");
}

// Runs one of the public test files over the rule files it names.
rules::TestReport run(const std::string& folder, const std::string& name) {
  const std::string path = folder + name;
  const LoadedRuleTestFile loaded = load_rule_test_file(path, support::read_file(path));
  for (const Mistake& mistake : loaded.mistakes) ADD_FAILURE() << mistake.to_string();
  std::vector<rules::RuleFile> files;
  for (const std::string& rule_file : loaded.file.rule_files) {
    LoadedRuleFile rules = load_rule_file(folder + rule_file, support::read_file(folder + rule_file));
    for (const Mistake& mistake : rules.mistakes) ADD_FAILURE() << mistake.to_string();
    files.push_back(std::move(rules.file));
  }
  return rules::run_rule_tests(loaded.file, files);
}

TEST(RuleTestFileTest, gives_promtools_verdict_on_the_public_tests) {
  SLUICE_REQUIRE_SUITE(folder, "promtool");
  struct Case {
    const char* file;
    size_t passed, failed;
  };
  // Three groups of unittest.yml want ranges and lookback to include their left edge, as before Prometheus 3:
  // promtool 3.5.3 finds the same four tests in them to fail, with the same values.
  for (const Case& c :
       {Case{"unittest.yml", 2, 3}, Case{"long-period.yml", 1, 0}, Case{"at-modifier-test.yml", 1, 0},
        Case{"negative-offset-test.yml", 1, 0}, Case{"no-test-group-interval.yml", 1, 0},
        Case{"rules_run.yml", 1, 1}, Case{"failing.yml", 0, 2}, Case{"bad-input-series.yml", 0, 1}}) {
    const rules::TestReport report = run(folder, c.file);
    std::string failures;
    for (const rules::TestFailure& failure : report.failures) failures += failure.message + "\n";
    EXPECT_EQ(report.passed, c.passed) << c.file << "\n" << failures;
    EXPECT_EQ(report.failed, c.failed) << c.file << "\n" << failures;
  }
}

}  // namespace
}  // namespace sluice::config
