#include "rules/lint.h"

#include <gtest/gtest.h>

namespace sluice::rules {
namespace {

Rule alert(std::string name, std::string expr, int line) {
  Rule rule;
  rule.alert = std::move(name);
  rule.expr = std::move(expr);
  rule.at = {line, 9};
  rule.expr_at = {line + 1, 15};
  return rule;
}

Rule record(std::string name, std::string expr, int line) {
  Rule rule = alert("", std::move(expr), line);
  rule.record = std::move(name);
  return rule;
}

std::string findings(std::vector<Rule> rules, bool with_known = true) {
  KnownSeries known;
  known.names = {"probe_success", "probe_duration_seconds", "pg_up"};
  known.prefixes = {"pg_settings_"};
  known.values["job"] = {"auth", "postgres"};
  known.values["instance"] = {"db1:5432"};
  RuleFile file{"r.yml", {}};
  file.groups.push_back({});
  file.groups[0].rules = std::move(rules);
  std::string out;
  for (const Mistake& finding : lint({file}, with_known ? &known : nullptr))
    out += finding.to_string() + "\n";
  return out;
}

TEST(LintTest, finds_nothing_in_good_rules) {
  EXPECT_EQ(
      findings({alert("A", R"(probe_success{job="auth"} == 0 and on () pg_up{instance=~"db.*"})", 1),
                record("job:up:sum", "sum by (job) (pg_up)", 5), alert("B", "job:up:sum < 1", 9),
                alert("C", "pg_settings_max_connections > 1", 13), alert("D", R"(ALERTS{alertname="A"})", 17),
                alert("E", R"({__name__=~"probe_.+", job!="auth"})", 21),
                alert("F", R"(pg_up{job=""})", 25)}),
      "");
}

TEST(LintTest, finds_selectors_that_nothing_can_match) {
  EXPECT_EQ(
      findings({alert("A", "probe_sucess == 0", 1),
                alert("B", R"(sum(rate(pg_up{job="postgre"}[5m])) > 1)", 5),
                alert("C", R"(pg_up{instance=~"web.*"})", 9), alert("D", R"({__name__=~"nginx_.*"})", 13)}),
      R"(r.yml:2:15: alert "A": nothing on this agent writes a metric "probe_sucess", did you mean "probe_success"?
r.yml:6:15: alert "B": no job of this agent matches job="postgre"
r.yml:10:15: alert "C": no instance of this agent matches instance=~"web.*"
)");
}

TEST(LintTest, finds_rules_that_are_there_twice) {
  Rule other = alert("A", "pg_up == 0", 9);
  other.labels = Labels{{"severity", "page"}};
  EXPECT_EQ(
      findings({alert("A", "pg_up == 0", 1), other, alert("A", "pg_up == 1", 5), record("A", "pg_up", 13)},
               false),
      "r.yml:5:9: alert \"A\" with labels {} is in this file twice: their results would be mixed up\n");
}

}  // namespace
}  // namespace sluice::rules
