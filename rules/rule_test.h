#pragma once
// Unit tests of rule files, in promtool's format, on a virtual clock.
//
//     rule_files: [alerts.yml]
//     tests:
//       - interval: 1m
//         input_series:
//           - series: 'up{job="auth"}'
//             values: '1x5 0x10'
//         alert_rule_test:
//           - eval_time: 12m
//             alertname: AuthDown
//             exp_alerts: [{exp_labels: {job: auth, severity: page}}]
//
// A test loads its input series step by step, evaluates every group at each multiple of evaluation_interval
// (whatever the group's own interval is), compares the firing alerts at the times that were asked for, and in
// the end the answers to the PromQL expressions. What Prometheus's promtool accepts, passes and fails, this
// does too.
//
// Rules that do not say otherwise resolve at once when their data are gone, as in Prometheus; in the agent
// the default is `keep`.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/labels.h"
#include "core/mistake.h"
#include "core/time.h"
#include "rules/config.h"

namespace sluice::rules {

struct InputSeries {
  std::string series;
  std::string values;
  SourcePosition at;
};

struct ExpectedAlert {
  std::map<std::string, std::string> labels;  // without alertname
  std::map<std::string, std::string> annotations;
};

struct AlertRuleTest {
  Duration eval_time{};
  std::string alertname;
  std::vector<ExpectedAlert> expected;
  SourcePosition at;
};

struct ExpectedSample {
  std::string labels;  // `name{a="b"}`
  double value = 0;
  std::string histogram;  // native histograms are refused by name
};

struct PromqlExprTest {
  std::string expr;
  Duration eval_time{};
  std::vector<ExpectedSample> expected;
  SourcePosition at;
};

struct RuleTest {
  std::string name;
  std::optional<Duration> interval;  // of the input series; empty: the evaluation interval
  std::vector<InputSeries> input_series;
  std::vector<AlertRuleTest> alert_tests;
  std::vector<PromqlExprTest> promql_tests;
  Labels external_labels;
  std::string external_url;
  Timestamp start{};
  SourcePosition at;
};

struct RuleTestFile {
  std::string path;
  std::vector<std::string> rule_files;  // globs, relative to the test file
  Duration evaluation_interval = 1min;
  bool fuzzy_compare = false;  // ignore the last bit of a number
  std::vector<std::string> group_eval_order;
  std::vector<RuleTest> tests;
};

struct TestFailure {
  SourcePosition at;
  std::string message;  // several lines, as promtool prints it
};

struct TestReport {
  size_t passed = 0;                  // tests of the file without a failure
  size_t failed = 0;                  // tests with one
  std::vector<TestFailure> failures;  // in the order of the file
  bool ok() const { return failures.empty(); }
};

// `files` are the rule files that file.rule_files name, loaded without mistakes.
TestReport run_rule_tests(const RuleTestFile& file, const std::vector<RuleFile>& files);

}  // namespace sluice::rules
