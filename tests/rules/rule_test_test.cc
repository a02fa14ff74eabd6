#include "rules/rule_test.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::rules {
namespace {

Rule alert(std::string name, std::string expr) {
  Rule rule;
  rule.alert = std::move(name);
  rule.expr = std::move(expr);
  return rule;
}

Rule record(std::string name, std::string expr) {
  Rule rule;
  rule.record = std::move(name);
  rule.expr = std::move(expr);
  return rule;
}

RuleFile file_of(std::vector<std::pair<std::string, std::vector<Rule>>> groups) {
  RuleFile file{"rules.yml", {}};
  for (auto& [name, rules] : groups) {
    RuleGroup group;
    group.file = "rules.yml";
    group.name = name;
    group.rules = std::move(rules);
    file.groups.push_back(std::move(group));
  }
  return file;
}

RuleTestFile tests_of(RuleTest test) {
  RuleTestFile file;
  file.path = "t.yml";
  file.tests.push_back(std::move(test));
  return file;
}

std::string failures(const RuleTestFile& tests, const std::vector<RuleFile>& files = {}) {
  std::string out;
  for (const TestFailure& failure : run_rule_tests(tests, files).failures) out += failure.message + "\n";
  return out;
}

PromqlExprTest expr(std::string text, Duration at, std::vector<ExpectedSample> expected) {
  PromqlExprTest test;
  test.expr = std::move(text);
  test.eval_time = at;
  test.expected = std::move(expected);
  return test;
}

TEST(RuleTestTest, prints_alerts_that_differ_as_promtool_does) {
  Rule down = alert("Down", "up == 0");
  down.annotations = Labels{{"summary", "{{ $labels.job }} is \"down\""}};
  RuleTest test;
  test.name = "one";
  test.input_series = {{R"(up{job="a"})", "0 0 0", {}}};
  test.alert_tests = {{1min, "Down", {{{{"job", "b"}}, {}}}, {}}, {90s, "Other", {}, {}}};
  EXPECT_EQ(failures(tests_of(test), {file_of({{"g", {down}}})}),
            "    name: one,\n"
            "    alertname: Down, time: 1m, \n"
            "        exp:[\n"
            "            0:\n"
            "              Labels:{alertname=\"Down\", job=\"b\"}\n"
            "              Annotations:{}\n"
            "            ], \n"
            "        got:[\n"
            "            0:\n"
            "              Labels:{alertname=\"Down\", job=\"a\"}\n"
            "              Annotations:{summary=\"a is \\\"down\\\"\"}\n"
            "            ]\n");
}

TEST(RuleTestTest, prints_samples_that_differ_as_promtool_does) {
  RuleTest test;
  test.input_series = {{R"(x{a="b"})", "1.5", {}}};
  test.promql_tests = {expr("x", 0s, {{"x", 100, ""}}), expr("nothing", 0s, {{"{}", 1, ""}}),
                       expr("rate(x)", 0s, {}),         expr("x[5m]", 0s, {}),
                       expr("x", 0s, {{"x{", 1, ""}}),  expr("x", 0s, {{"x", 0, "{{schema:1}}"}})};
  const std::string out = failures(tests_of(test));
  EXPECT_NE(out.find("    expr: \"x\", time: 0s,\n"
                     "        exp: {__name__=\"x\"} 1E+02\n"
                     "        got: {__name__=\"x\", a=\"b\"} 1.5E+00\n"),
            std::string::npos)
      << out;
  EXPECT_NE(out.find("        exp: {} 1E+00\n        got: nil\n"), std::string::npos) << out;
  EXPECT_NE(out.find("err: 1:6: parse error: expected type range vector in call to function \"rate\""),
            std::string::npos)
      << out;
  EXPECT_NE(out.find("err: rule result is not a vector or scalar"), std::string::npos) << out;
  EXPECT_NE(out.find("err: labels \"x{\": "), std::string::npos) << out;
  EXPECT_NE(out.find("err: native histograms are not supported"), std::string::npos) << out;
}

TEST(RuleTestTest, evaluates_the_groups_in_the_order_that_is_asked_for) {
  const RuleFile rules = file_of({{"second", {record("b", "a")}}, {"first", {record("a", "x")}}});
  RuleTest test;
  test.input_series = {{"x", "7", {}}};
  test.promql_tests = {expr("b", 0s, {{"b", 7, ""}})};
  RuleTestFile tests = tests_of(test);
  EXPECT_NE(failures(tests, {rules}), "");
  tests.group_eval_order = {"first", "second"};
  EXPECT_EQ(failures(tests, {rules}), "");
}

TEST(RuleTestTest, compares_exactly_unless_told_to_forgive_the_last_bit) {
  RuleTest test;
  test.input_series = {
      {"low", "2.9999999999999996", {}}, {"high", "3.0000000000000004", {}}, {"not_a_number", "NaN", {}}};
  test.promql_tests = {expr("low", 0s, {{"low", 3, ""}}), expr("high", 0s, {{"high", 3, ""}}),
                       expr("not_a_number", 0s, {{"not_a_number", std::nan(""), ""}})};
  RuleTestFile tests = tests_of(test);
  EXPECT_EQ(run_rule_tests(tests, {}).failures.size(), 2u);
  tests.fuzzy_compare = true;
  EXPECT_EQ(failures(tests), "");
  tests.tests[0].promql_tests = {expr("low", 0s, {{"low", 3.0000000000000004, ""}})};
  EXPECT_NE(failures(tests), "") << "two bits are too many";
}

TEST(RuleTestTest, starts_at_the_time_that_is_asked_for) {
  RuleTest test;
  test.start = from_unix_ms(1'609'459'200'000);
  test.input_series = {{"x", "1 2", {}}};
  test.promql_tests = {expr("timestamp(x)", 1min, {{"", 1'609'459'260, ""}}),
                       expr("time()", 0s, {{"", 1'609'459'200, ""}})};
  EXPECT_EQ(failures(tests_of(test)), "");
}

TEST(RuleTestTest, rules_do_not_see_the_future) {
  RuleTest test;
  test.input_series = {{"x", "1 2 3", {}}};
  test.promql_tests = {expr("ahead", 2min, {{"ahead", 3, ""}}), expr("ahead", 1min, {})};
  // What the rule recorded at 2m is of then: its own offset found nothing before.
  EXPECT_NE(failures(tests_of(test), {file_of({{"g", {record("ahead", "x offset -1m")}}})}), "");
}

TEST(RuleTestTest, gives_templates_the_labels_and_the_url_of_the_test) {
  Rule rule = alert("A", "x");
  rule.annotations = Labels{{"where", "{{ $externalLabels.cluster }} {{ externalURL }}"}};
  RuleTest test;
  test.input_series = {{"x", "1", {}}};
  test.external_labels = Labels{{"cluster", "prod"}};
  test.external_url = "http://me";
  test.alert_tests = {{0s, "A", {{{}, {{"where", "prod http://me"}}}}, {}}};
  EXPECT_EQ(failures(tests_of(test), {file_of({{"g", {rule}}})}), "");
}

TEST(RuleTestTest, lost_data_resolve_at_once_unless_the_rule_says_otherwise) {
  for (const auto& [policy, fires] : std::vector<std::pair<std::optional<NoData>, bool>>{
           {std::nullopt, false}, {NoData::kResolve, false}, {NoData::kKeep, true}}) {
    Rule rule = alert("Down", "up == 0");
    rule.no_data = policy;
    RuleTest test;
    test.input_series = {{"up", "0 0 stale", {}}};
    AlertRuleTest check{2min, "Down", {}, {}};
    if (fires) check.expected = {{}};
    test.alert_tests = {check};
    EXPECT_EQ(failures(tests_of(test), {file_of({{"g", {rule}}})}), "");
  }
}

TEST(RuleTestTest, a_failing_rule_ends_its_test_with_the_rule_and_the_time) {
  RuleTest test;
  test.input_series = {
      {R"(a{k="1", i="1"})", "1 1", {}}, {R"(a{k="1", i="2"})", "_ 1", {}}, {R"(b{k="1"})", "1 1", {}}};
  test.promql_tests = {expr("1", 5min, {{"", 1, ""}})};
  const std::string out = failures(tests_of(test), {file_of({{"g", {record("r", "b * on (k) a")}}})});
  EXPECT_TRUE(out.starts_with("    rule: r, time: 1m0s, err: ")) << out;
}

TEST(RuleTestTest, refuses_what_cannot_be_a_test) {
  RuleTest nameless;
  nameless.name = "x";
  nameless.alert_tests = {{1min, "", {}, {}}};
  EXPECT_EQ(
      failures(tests_of(nameless)),
      "an item under alert_rule_test misses required attribute alertname at eval_time 1m (in TestGroup x)\n");
  RuleTest bad_series;
  bad_series.input_series = {{"up{", "1", {}}};
  EXPECT_NE(failures(tests_of(bad_series)).find("    series: \"up{\", values: \"1\", err: "),
            std::string::npos);
  RuleTest endless;
  endless.promql_tests = {expr("1", Duration(std::chrono::hours(24 * 365 * 200)), {})};
  EXPECT_NE(failures(tests_of(endless)).find("more than 5000000 evaluations"), std::string::npos);
}

}  // namespace
}  // namespace sluice::rules
