#include "agent/config/rule_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/suites.h"

namespace sluice::config {
namespace {

std::string mistakes(std::string_view text) {
  std::string out;
  for (const Mistake& mistake : load_rule_file("r.yml", text).mistakes) out += mistake.to_string() + "\n";
  return out;
}

TEST(RuleFileTest, reads_groups_and_rules) {
  const LoadedRuleFile loaded = load_rule_file("r.yml", R"(
groups:
  - name: auth
    interval: 30s
    query_offset: 5s
    limit: 10
    labels: {team: core}
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
        labels: {from: rules}
      - alert: Down
        expr: |
          up == 0
        for: 5m
        keep_firing_for: 1m
        labels: {severity: page}
        annotations: {summary: "{{ $labels.instance }}"}
        resolve_expr: up == 1
        no_data: alert
  - name: empty
)");
  ASSERT_EQ(loaded.mistakes, Mistakes{});
  ASSERT_EQ(loaded.file.groups.size(), 2u);
  const rules::RuleGroup& group = loaded.file.groups[0];
  EXPECT_EQ(group.file, "r.yml");
  EXPECT_EQ(group.interval, 30s);
  EXPECT_EQ(group.query_offset, 5s);
  EXPECT_EQ(group.limit, 10u);
  EXPECT_EQ(group.labels, (Labels{{"team", "core"}}));
  ASSERT_EQ(group.rules.size(), 2u);
  EXPECT_EQ(group.rules[0].record, "job:up:sum");
  const rules::Rule& down = group.rules[1];
  EXPECT_EQ(down.hold, 5min);
  EXPECT_EQ(down.keep_firing_for, 1min);
  EXPECT_EQ(down.annotations.get("summary"), "{{ $labels.instance }}");
  EXPECT_EQ(down.resolve_expr, "up == 1");
  EXPECT_EQ(down.no_data, rules::NoData::kAlert);
  EXPECT_EQ(down.at.line, 12);
}

TEST(RuleFileTest, reads_the_extensions_from_annotations_so_that_prometheus_loads_the_file_too) {
  const LoadedRuleFile loaded = load_rule_file("r.yml", R"(
groups:
  - name: g
    rules:
      - alert: Hot
        expr: temp > 90
        annotations: {sluice_resolve_expr: temp < 70, sluice_no_data: ok, summary: hot}
)");
  ASSERT_EQ(loaded.mistakes, Mistakes{});
  const rules::Rule& rule = loaded.file.groups[0].rules[0];
  EXPECT_EQ(rule.resolve_expr, "temp < 70");
  EXPECT_EQ(rule.no_data, rules::NoData::kResolve);
  EXPECT_EQ(rule.annotations, (Labels{{"summary", "hot"}}));
}

TEST(RuleFileTest, an_empty_file_has_no_groups) {
  EXPECT_EQ(mistakes(""), "");
  EXPECT_EQ(mistakes("# nothing\n"), "");
  EXPECT_EQ(mistakes("groups:\n"), "");
}

TEST(RuleFileTest, reads_the_first_of_several_documents_and_says_so) {
  const std::string first = "---\n# rules\ngroups:\n- {name: a, rules: [{record: x, expr: '1'}]}\n";
  EXPECT_TRUE(load_rule_file("r.yml", first).warnings.empty());
  const LoadedRuleFile loaded =
      load_rule_file("r.yml", first + "---\ngroups: [{name: b, rules: [{expr: '1+'}]}]\n");
  EXPECT_TRUE(loaded.mistakes.empty());
  ASSERT_EQ(loaded.file.groups.size(), 1u);
  ASSERT_EQ(loaded.warnings.size(), 1u);
  EXPECT_EQ(loaded.warnings[0].to_string(),
            "r.yml:5:1: a second document: only the first one is read, as Prometheus does");
}

TEST(RuleFileTest, reports_all_mistakes_with_their_places) {
  EXPECT_EQ(mistakes(R"(groups:
  - name: g
    intervall: 5s
    rules:
      - record: Hello
        expr: 1
        for: 1m
      - expr: rate(hi)
        alert: Bad
        labels: {__name__: x}
      - record: r
      - expr: 1
      - {record: a, alert: b, expr: 1}
      - record: r{a="b"}
        expr: 1
      - alert: T
        expr: up
        annotations:
          summary: "{{ nosuch }}"
  - name: g
  - rules: []
)"),
            R"(r.yml:7:14: group "g", rule 1, "Hello": invalid field 'for' in recording rule
r.yml:8:20: group "g", rule 2, "Bad": could not parse expression: 1:6: parse error: expected type range vector in call to function "rate", got instant vector
r.yml:10:18: group "g", rule 2, "Bad": invalid label name: __name__
r.yml:11:9: group "g", rule 3, "r": field 'expr' must be set in rule
r.yml:12:9: group "g", rule 4, "": one of 'record' or 'alert' must be set
r.yml:13:18: group "g", rule 5, "b": only one of 'record' and 'alert' must be set
r.yml:14:17: group "g", rule 6, "r{a=\"b\"}": braces present in the recording rule name; should it be in expr?: r{a="b"}
r.yml:19:20: group "g", rule 7, "T": annotation "summary": template: __alert_T:1: function "nosuch" not defined
r.yml:3:5: unknown key "intervall" in groups[0], did you mean "interval"?
r.yml:20:5: groupname: "g" is repeated in the same file
r.yml:21:5: Groupname must not be empty
)");
}

TEST(RuleFileTest, refuses_expressions_that_can_never_be_a_rule) {
  EXPECT_NE(mistakes("groups: [{name: g, rules: [{record: r, expr: 'x[5m]'}]}]"), "");
  EXPECT_NE(mistakes("groups: [{name: g, rules: [{record: r, expr: '\"text\"'}]}]"), "");
}

TEST(RuleFileTest, finds_a_promql_mistake_inside_any_style_of_scalar) {
  struct Case {
    const char* text;  // the mistake is at the word `oops`
  };
  for (const Case& c : {
           Case{"a: up + oops\n"},
           Case{"a: 'up + oops'\n"},
           Case{"a: \"up + oops\"\n"},
           Case{"a: 'up{a=\"it''s\"} + oops'\n"},
           Case{"a: \"up{a=\\\"x\\\"} + oops\"\n"},
           Case{"a: |\n  up\n    + oops\n  + 1\n"},
           Case{"a: >-\n  up\n  + oops\n"},
           Case{"a: &anchor |\n  up\n\n  + oops\n"},
           Case{"a: up\n  +\n  oops\n"},
           Case{"a: \"up\n  + oops\"\n"},
           Case{"a: \"up \\\n  + oops\"\n"},
           Case{"a: \"up\\n+ oops\"\n"},
           Case{"x: 1\na:   |2\n     up + oops\n"},
       }) {
    const std::string text = c.text;
    Diagnostics diagnostics("x");
    const std::optional<Node> root = parse_yaml(text, diagnostics);
    ASSERT_TRUE(root) << text;
    const Node& node = *root->find("a");
    const Mark mark = locate_in_scalar(text, node, node.scalar.find("oops"));
    const size_t at = text.find("oops");
    const size_t line_start = at == 0 ? 0 : text.rfind('\n', at) + 1;
    EXPECT_EQ(mark.line, std::count(text.begin(), text.begin() + static_cast<long>(at), '\n') + 1) << text;
    EXPECT_EQ(mark.column, static_cast<int>(at - line_start) + 1) << text;
  }
}

TEST(RuleFileTest, a_place_at_the_end_of_the_expression_is_found) {
  const std::string text = "a: up +\n";
  Diagnostics diagnostics("x");
  const std::optional<Node> root = parse_yaml(text, diagnostics);
  const Mark mark = locate_in_scalar(text, *root->find("a"), 4);
  EXPECT_EQ(mark.line, 1);
  EXPECT_EQ(mark.column, 8);
}

TEST(RuleFileTest, gives_the_intended_verdict_on_the_public_rule_files) {
  SLUICE_REQUIRE_SUITE(folder, "rulefmt");
  size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    const bool bad = path.ends_with(".bad.yaml");
    const LoadedRuleFile loaded = load_rule_file(path, support::read_file(path));
    EXPECT_EQ(!loaded.mistakes.empty(), bad)
        << path << (loaded.mistakes.empty() ? "" : ": " + loaded.mistakes[0].to_string());
    ++seen;
  }
  EXPECT_GT(seen, 0u);
}

}  // namespace
}  // namespace sluice::config
