#include "rules/group.h"

#include <gtest/gtest.h>

#include "rules/promql/engine.h"
#include "rules/promql/parser.h"

namespace sluice::rules {
namespace {

constexpr int64_t kStart = 1'700'000'000'000;
Timestamp at(int64_t seconds) {
  return from_unix_ms(kStart + seconds * 1000);
}

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

RuleGroup group_of(std::vector<Rule> rules) {
  RuleGroup group;
  group.file = "rules.yml";
  group.name = "test";
  group.interval = 15s;
  group.rules = std::move(rules);
  return group;
}

class GroupTest : public testing::Test {
 protected:
  store::SampleStore store{store::StoreOptions{24h, 10'000}};

  void sample(const std::string& series, int64_t seconds, double value) {
    ASSERT_EQ(store.append(*promql::parse_labels(series), Sample{at(seconds), value}),
              store::Append::kAppended)
        << series;
  }
  void stale(const std::string& series, int64_t seconds) { sample(series, seconds, stale_marker()); }

  // What a query answers, sorted: `{labels} value; ...`.
  std::string ask(const std::string& query, int64_t seconds) {
    const Result<promql::ExprPtr> expr = promql::parse(query);
    if (!expr) return expr.error().message;
    const Result<promql::Evaluation> result = promql::evaluate(**expr, store, at(seconds));
    if (!result) return result.error().message;
    std::vector<std::string> lines;
    for (const promql::VectorElement& e : std::get<promql::Vector>(result->value)) {
      lines.push_back(e.labels.to_string() + " " + gotmpl::Value(e.sample.value).print());
    }
    std::sort(lines.begin(), lines.end());
    std::string out;
    for (const std::string& line : lines) out += (out.empty() ? "" : "; ") + line;
    return out;
  }

  static std::string events(const GroupResult& result) {
    std::string out;
    for (const RuleEvent& event : result.events) {
      if (!out.empty()) out += "; ";
      out += to_string(event.kind);
      if (!event.detail.empty()) out += ": " + event.detail;
    }
    return out;
  }
};

TEST_F(GroupTest, later_rules_see_what_earlier_ones_wrote_at_the_same_time) {
  Group group(group_of({record("job:up:sum", "sum by (job) (up)"), alert("Down", "job:up:sum < 2"),
                        alert("Noticed", R"(ALERTS{alertname="Down", alertstate="firing"} == 1)")}),
              {});
  sample(R"(up{job="a", instance="1"})", 0, 1);
  sample(R"(up{job="a", instance="2"})", 0, 0);
  const GroupResult result = group.evaluate_at(at(0), store);
  EXPECT_EQ(ask("job:up:sum", 0), R"(job:up:sum{job="a"} 1)");
  ASSERT_EQ(result.alerts.size(), 2u);
  EXPECT_EQ(result.alerts[0].labels, (Labels{{"alertname", "Down"}, {"job", "a"}}));
  EXPECT_EQ(result.alerts[1].labels,
            (Labels{{"alertname", "Noticed"}, {"alertstate", "firing"}, {"job", "a"}}));
}

TEST_F(GroupTest, merges_labels_of_group_rule_and_agent) {
  RuleGroup config = group_of({alert("Down", "up == 0"), record("copy", "up")});
  config.labels = Labels{{"team", "core"}, {"severity", "warning"}};
  config.rules[0].labels = Labels{{"severity", "page"}, {"where", "{{ $labels.instance }}"}};
  GroupOptions options;
  options.external_labels = Labels{{"cluster", "prod"}, {"team", "ignored: the alert has one"}};
  options.external_url = "http://me:9808";
  Group group(config, options);
  sample(R"(up{job="a", instance="x"})", 0, 0);
  const GroupResult result = group.evaluate_at(at(0), store);
  ASSERT_EQ(result.alerts.size(), 1u);
  EXPECT_EQ(result.alerts[0].labels, (Labels{{"alertname", "Down"},
                                             {"cluster", "prod"},
                                             {"instance", "x"},
                                             {"job", "a"},
                                             {"severity", "page"},
                                             {"team", "core"},
                                             {"where", "x"}}));
  EXPECT_EQ(result.alerts[0].generator_url, "http://me:9808/graph?g0.expr=up+%3D%3D+0&g0.tab=1");
  EXPECT_EQ(ask("copy", 0), R"(copy{instance="x", job="a", severity="warning", team="core"} 0)");
  EXPECT_EQ(
      ask("ALERTS", 0),
      R"(ALERTS{alertname="Down", alertstate="firing", instance="x", job="a", severity="page", team="core", where="x"} 1)");
}

TEST_F(GroupTest, series_end_when_their_rule_no_longer_produces_them) {
  Group group(group_of({record("low", "x < 5"), alert("Low", "x < 5")}), {});
  sample("x", 0, 1);
  group.evaluate_at(at(0), store);
  EXPECT_EQ(ask("low", 0), "low 1");
  EXPECT_EQ(ask("count(ALERTS)", 0), "{} 1");
  sample("x", 15, 9);
  group.evaluate_at(at(15), store);
  EXPECT_EQ(ask("low", 15), "");
  EXPECT_EQ(ask("ALERTS", 15), "");
  EXPECT_EQ(ask("ALERTS_FOR_STATE", 15), "");
}

TEST_F(GroupTest, alerts_change_state_with_a_stale_marker_on_the_old_state) {
  RuleGroup config = group_of({alert("Low", "x < 5")});
  config.rules[0].hold = 15s;
  Group group(config, {});
  sample("x", 0, 1);
  group.evaluate_at(at(0), store);
  EXPECT_EQ(ask("ALERTS", 0), R"(ALERTS{alertname="Low", alertstate="pending"} 1)");
  group.evaluate_at(at(15), store);
  EXPECT_EQ(ask("ALERTS", 15), R"(ALERTS{alertname="Low", alertstate="firing"} 1)");
  EXPECT_EQ(ask("ALERTS_FOR_STATE", 15), R"(ALERTS_FOR_STATE{alertname="Low"} 1.7e+09)");
}

TEST_F(GroupTest, query_offset_looks_and_writes_in_the_past) {
  RuleGroup config = group_of({record("copy", "x")});
  config.query_offset = 1min;
  Group group(config, {});
  sample("x", 0, 1);
  sample("x", 50, 2);
  group.evaluate_at(at(60), store);
  EXPECT_EQ(ask("copy", 0), "copy 1");
  EXPECT_EQ(ask("timestamp(copy)", 60), "{} 1.7e+09");
}

TEST_F(GroupTest, a_failing_rule_is_told_once_and_does_not_stop_the_others) {
  Group group(group_of({record("bad", "a * on (k) b"), record("good", "a")}), {});
  for (const int64_t t : {0, 15}) {
    sample(R"(a{k="1"})", t, 1);
    sample(R"(b{k="1", i="1"})", t, 1);
    if (t == 0) sample(R"(b{k="1", i="2"})", t, 1);
    const GroupResult result = group.evaluate_at(at(t), store);
    EXPECT_EQ(result.events.size(), t == 0 ? 1u : 0u);
    EXPECT_EQ(group.status(0).health, RuleHealth::kError);
    EXPECT_NE(group.status(0).last_error, "");
  }
  EXPECT_EQ(group.status(1).health, RuleHealth::kOk);
  EXPECT_EQ(ask("good", 15), R"(good{k="1"} 1)");
  EXPECT_EQ(group.stats().failures_total, 2u);
  stale(R"(b{k="1", i="2"})", 20);
  EXPECT_EQ(events(group.evaluate_at(at(30), store)), "rule evaluates again");
}

TEST_F(GroupTest, a_rule_whose_result_is_not_unique_fails) {
  RuleGroup config = group_of({record("same", "x"), alert("Same", "x > 0")});
  config.rules[0].labels = Labels{{"i", "all"}};
  config.rules[1].labels = Labels{{"i", "all"}};
  Group group(config, {});
  sample(R"(x{i="1"})", 0, 1);
  sample(R"(x{i="2"})", 0, 1);
  group.evaluate_at(at(0), store);
  EXPECT_EQ(group.status(0).last_error,
            "vector contains metrics with the same labelset after applying rule labels");
  EXPECT_NE(group.status(1).last_error.find("same labelset after applying alert labels"), std::string::npos);
  EXPECT_EQ(ask("same", 0), "");
}

TEST_F(GroupTest, over_the_limit_a_rule_keeps_what_it_has) {
  RuleGroup config = group_of({record("copy", "x"), alert("Any", "x > 0")});
  config.limit = 1;
  Group group(config, {});
  sample(R"(x{i="m"})", 0, 1);
  group.evaluate_at(at(0), store);
  sample(R"(x{i="a"})", 15, 1);
  sample(R"(x{i="m"})", 15, 1);
  const GroupResult result = group.evaluate_at(at(15), store);
  EXPECT_EQ(ask("copy", 15), R"(copy{i="m"} 1)");
  EXPECT_EQ(group.status(0).last_error, "exceeded limit of 1 with 2 samples");
  EXPECT_EQ(group.status(1).last_error, "exceeded limit of 1 with 2 alerts");
  EXPECT_EQ(group.status(1).refused, 1u);
  EXPECT_EQ(group.alerts(1)->active(), 1u);
  EXPECT_EQ(result.events.size(), 2u);
}

TEST_F(GroupTest, lost_data_hold_a_firing_alert_and_are_told) {
  Group group(group_of({alert("Down", "up == 0")}), {});
  sample(R"(up{i="a"})", 0, 0);
  sample(R"(up{i="b"})", 0, 1);
  group.evaluate_at(at(0), store);
  // b is still there, so the rule has data; but none of a's.
  stale(R"(up{i="a"})", 15);
  sample(R"(up{i="b"})", 15, 1);
  EXPECT_EQ(events(group.evaluate_at(at(15), store)), "");
  EXPECT_EQ(group.alerts(0)->alerts()[0]->held, Held::kNoData);
  EXPECT_FALSE(group.status(0).no_data);
  stale(R"(up{i="b"})", 30);
  EXPECT_EQ(events(group.evaluate_at(at(30), store)), "rule lost its data");
  EXPECT_TRUE(group.status(0).no_data);
  EXPECT_EQ(group.alerts(0)->status(), AlertStatus::kFiring);
  sample(R"(up{i="a"})", 75, 1);
  EXPECT_EQ(events(group.evaluate_at(at(75), store)), "rule has data again; alert resolved: no_data");
}

TEST_F(GroupTest, a_quiet_rule_is_asked_for_its_data_once_a_minute) {
  Group group(group_of({alert("Down", "up == 0")}), {});
  sample(R"(up{i="a"})", 0, 1);
  group.evaluate_at(at(0), store);
  stale(R"(up{i="a"})", 15);
  EXPECT_EQ(events(group.evaluate_at(at(30), store)), "");
  EXPECT_EQ(events(group.evaluate_at(at(60), store)), "rule lost its data");
}

TEST_F(GroupTest, data_of_what_is_no_longer_watched_are_not_lost_but_over) {
  GroupOptions options;
  options.watched = [](const Labels& labels) { return labels.get("i") != "removed"; };
  Group group(group_of({alert("Down", "up == 0")}), options);
  sample(R"(up{i="kept"})", 0, 0);
  sample(R"(up{i="removed"})", 0, 0);
  group.evaluate_at(at(0), store);
  stale(R"(up{i="kept"})", 60);
  stale(R"(up{i="removed"})", 60);
  EXPECT_EQ(events(group.evaluate_at(at(60), store)), "rule lost its data; alert resolved");
  EXPECT_EQ(group.alerts(0)->active(), 1u);
}

TEST_F(GroupTest, a_reload_does_not_wait_for_data_that_were_gone_before) {
  Group before(group_of({alert("Down", "up == 0")}), {});
  sample("up", 0, 1);
  before.evaluate_at(at(0), store);
  stale("up", 60);
  before.evaluate_at(at(60), store);
  ASSERT_TRUE(before.status(0).no_data);
  Group after(group_of({alert("Down", "up == 0")}), {});
  after.adopt(std::move(before), at(65), store);
  after.evaluate_at(at(75), store);
  EXPECT_FALSE(after.status(0).no_data);
}

TEST_F(GroupTest, a_rule_that_never_had_data_is_not_without_data) {
  Group group(group_of({alert("Down", "up == 0")}), {});
  EXPECT_EQ(events(group.evaluate_at(at(0), store)), "");
  EXPECT_FALSE(group.status(0).no_data);
  EXPECT_EQ(group.status(0).health, RuleHealth::kOk);
}

TEST_F(GroupTest, an_aggregation_over_a_filter_resolves_when_nothing_is_left_to_count) {
  Group group(group_of({alert("Many", "count(up == 0) > 1")}), {});
  sample(R"(up{i="a"})", 0, 0);
  sample(R"(up{i="b"})", 0, 0);
  group.evaluate_at(at(0), store);
  EXPECT_EQ(group.alerts(0)->status(), AlertStatus::kFiring);
  sample(R"(up{i="a"})", 15, 1);
  sample(R"(up{i="b"})", 15, 1);
  EXPECT_EQ(events(group.evaluate_at(at(15), store)), "alert resolved");
}

TEST_F(GroupTest, absent_and_alerts_about_alerts_resolve_when_their_cause_goes) {
  Group group(group_of({alert("Gone", "absent(up)"), alert("Low", "x < 5"),
                        alert("SomethingFires", R"(count(ALERTS{alertname="Low"}) > 0)")}),
              {});
  sample("x", 0, 1);
  group.evaluate_at(at(0), store);
  EXPECT_EQ(group.alerts(0)->status(), AlertStatus::kFiring);
  EXPECT_EQ(group.alerts(2)->status(), AlertStatus::kFiring);
  sample("up", 15, 1);
  sample("x", 15, 9);
  EXPECT_EQ(events(group.evaluate_at(at(15), store)), "alert resolved; alert resolved; alert resolved");
}

TEST_F(GroupTest, no_data_alert_raises_an_alert_of_its_own) {
  RuleGroup config = group_of({alert("Slow", "latency > 2")});
  config.rules[0].no_data = NoData::kAlert;
  config.rules[0].annotations = Labels{{"summary", "value {{ $value }}"}};
  Group group(config, {});
  sample(R"(latency{i="a"})", 0, 1);
  group.evaluate_at(at(0), store);
  EXPECT_EQ(group.alerts(0)->active(), 0u);
  stale(R"(latency{i="a"})", 15);
  const GroupResult result = group.evaluate_at(at(15), store);
  ASSERT_EQ(result.alerts.size(), 1u);
  EXPECT_EQ(result.alerts[0].labels, (Labels{{"alertname", "Slow"}, {"no_data", "true"}}));
  EXPECT_EQ(result.alerts[0].annotations.get("summary"), "value NaN");
  sample(R"(latency{i="a"})", 30, 1);
  group.evaluate_at(at(30), store);
  EXPECT_EQ(group.alerts(0)->active(), 0u);
}

TEST_F(GroupTest, resolve_expr_decides_when_a_firing_alert_ends) {
  RuleGroup config = group_of({alert("Hot", "temp > 90")});
  config.rules[0].resolve_expr = "temp < 70";
  Group group(config, {});
  const auto step = [&](int64_t t, double a, double b) {
    sample(R"(temp{i="a"})", t, a);
    sample(R"(temp{i="b"})", t, b);
    group.evaluate_at(at(t), store);
    return group.alerts(0)->active();
  };
  EXPECT_EQ(step(0, 95, 95), 2u);
  EXPECT_EQ(step(15, 80, 95), 2u);
  EXPECT_EQ(step(30, 80, 80), 2u);
  EXPECT_EQ(step(45, 69, 80), 1u);
  EXPECT_EQ(step(60, 80, 60), 0u);
  EXPECT_EQ(step(75, 80, 80), 0u);
}

TEST_F(GroupTest, a_failing_template_costs_its_text_and_not_the_alert) {
  RuleGroup config = group_of({alert("Down", "up == 0")});
  config.rules[0].annotations =
      Labels{{"summary", "{{ query \"none\" | first }}"}, {"other", "{{ $labels.i }}"}};
  Group group(config, {});
  sample(R"(up{i="a"})", 0, 0);
  GroupResult result = group.evaluate_at(at(0), store);
  ASSERT_EQ(result.alerts.size(), 1u);
  EXPECT_TRUE(result.alerts[0].annotations.get("summary").starts_with("<error expanding template: "));
  EXPECT_EQ(result.alerts[0].annotations.get("other"), "a");
  EXPECT_EQ(result.events.front().kind, RuleEvent::Kind::kTemplateError);
  result = group.evaluate_at(at(15), store);
  EXPECT_TRUE(result.events.empty()) << "told once";
  EXPECT_EQ(group.stats().template_errors_total, 2u);
}

TEST_F(GroupTest, an_empty_annotation_stays_and_an_empty_label_takes_one_away) {
  RuleGroup config = group_of({alert("Down", "up == 0"), record("down", "up == 0")});
  config.labels = Labels{{"team", "a"}, {"i", "group's"}};
  config.rules[0].labels = config.rules[1].labels = Labels::keeping_empty({{"i", ""}});
  config.rules[0].annotations = Labels::keeping_empty({{"empty", ""}, {"vanished", "{{ $labels.none }}"}});
  Group group(config, {});
  sample(R"(up{i="a"})", 0, 0);
  const GroupResult result = group.evaluate_at(at(0), store);
  ASSERT_EQ(result.alerts.size(), 1u);
  EXPECT_EQ(result.alerts[0].labels, (Labels{{"alertname", "Down"}, {"team", "a"}}));
  EXPECT_EQ(result.alerts[0].annotations, Labels::keeping_empty({{"empty", ""}, {"vanished", ""}}));
  EXPECT_TRUE(store.find(Labels{{"__name__", "down"}, {"team", "a"}}));
}

TEST_F(GroupTest, templates_query_the_store_at_the_evaluation_time) {
  RuleGroup config = group_of({alert("Down", "up == 0")});
  config.rules[0].annotations =
      Labels{{"summary", "{{ with query \"sum(up)\" }}{{ . | first | value }}{{ end }} up"}};
  Group group(config, {});
  sample(R"(up{i="a"})", 0, 0);
  sample(R"(up{i="b"})", 0, 1);
  EXPECT_EQ(group.evaluate_at(at(0), store).alerts.at(0).annotations.get("summary"), "1 up");
}

// --- schedule ---

TEST_F(GroupTest, is_due_at_its_own_phase_of_the_interval) {
  Group group(group_of({}), {});
  const Timestamp first = group.next_due(at(0));
  EXPECT_GE(first, at(0));
  EXPECT_LE(first, at(15));
  EXPECT_EQ(group.next_due(at(3)), first) << "asking does not move it";
  const GroupResult result = group.evaluate(first + 3ms, store);
  EXPECT_TRUE(result.evaluated);
  EXPECT_EQ(result.at, first);
  EXPECT_EQ(group.next_due(first + 3ms), first + 15s);
  EXPECT_FALSE(group.evaluate(first + 10s, store).evaluated) << "once per slot";
}

TEST_F(GroupTest, phases_differ_between_groups_and_agree_between_agents) {
  RuleGroup a = group_of({}), b = group_of({});
  b.name = "other";
  EXPECT_EQ(Group(a, {}).next_due(at(0)), Group(a, {}).next_due(at(0)));
  EXPECT_NE(Group(a, {}).next_due(at(0)), Group(b, {}).next_due(at(0)));
}

TEST_F(GroupTest, counts_slots_that_passed_and_does_not_replay_them) {
  Group group(group_of({record("n", "1")}), {});
  const Timestamp first = group.next_due(at(0));
  group.evaluate(first, store);
  EXPECT_LE(group.next_due(first + 50s), first + 50s) << "overdue";
  const GroupResult late = group.evaluate(first + 50s, store);
  EXPECT_EQ(late.at, first + 45s);
  EXPECT_EQ(late.missed, 2u);
  EXPECT_EQ(group.stats().missed_total, 2u);
  EXPECT_EQ(group.stats().iterations_total, 4u);
  EXPECT_EQ(group.stats().evaluations_total, 2u);
}

TEST_F(GroupTest, goes_on_after_the_clock_was_set_back) {
  Group group(group_of({}), {});
  const Timestamp first = group.next_due(at(0));
  group.evaluate(first, store);
  const Timestamp earlier = first - 1h;
  EXPECT_LE(group.next_due(earlier), earlier + 15s);
  EXPECT_TRUE(group.evaluate(group.next_due(earlier), store).evaluated);
}

// --- restart and reload ---

TEST_F(GroupTest, a_snapshot_brings_back_what_fired) {
  RuleGroup config = group_of({alert("Down", "up == 0"), alert("Down", "up < 0")});
  config.rules[1].labels = Labels{{"severity", "page"}};
  Group before(config, {});
  sample(R"(up{i="a"})", 0, 0);
  before.evaluate_at(at(0), store);
  const Group::Snapshot snapshot = before.snapshot();

  Group after(config, {});
  after.restore(snapshot);
  store::SampleStore empty{store::StoreOptions{24h, 10'000}};
  const GroupResult result = after.evaluate_at(at(60), empty);
  EXPECT_TRUE(result.alerts.empty()) << "it has not been seen";
  ASSERT_EQ(result.remembered.size(), 1u) << "sent on at once";
  EXPECT_FALSE(result.remembered[0].resolved_at(at(60)));
  EXPECT_EQ(result.remembered[0].starts_at, at(0));
  EXPECT_EQ(after.alerts(1)->alerts().size(), 0u);
}

TEST_F(GroupTest, a_reload_keeps_the_state_of_equal_rules_and_resolves_the_rest) {
  RuleGroup config = group_of({alert("A", "up == 0"), alert("B", "up == 0"), record("copy", "up")});
  Group before(config, {});
  sample(R"(up{i="a"})", 0, 0);
  before.evaluate_at(at(0), store);

  RuleGroup changed = group_of({alert("C", "up == 1"), alert("A", "up <= 0")});
  Group after(changed, {});
  const GroupResult result = after.adopt(std::move(before), at(5), store);
  ASSERT_EQ(result.alerts.size(), 1u);
  EXPECT_EQ(result.alerts[0].labels.get("alertname"), "B");
  EXPECT_TRUE(result.alerts[0].resolved_at(at(5)));
  EXPECT_EQ(ask("copy", 5), "");
  EXPECT_EQ(ask("count(ALERTS)", 5), "{} 1");
  after.evaluate_at(at(15), store);
  ASSERT_EQ(after.alerts(1)->alerts().size(), 1u);
  EXPECT_EQ(after.alerts(1)->alerts()[0]->active_at, at(0));
}

TEST_F(GroupTest, a_removed_group_ends_its_series_and_resolves_its_alerts) {
  Group group(group_of({alert("A", "up == 0"), record("copy", "up")}), {});
  sample(R"(up{i="a"})", 0, 0);
  group.evaluate_at(at(0), store);
  const GroupResult result = group.retire(at(5), store);
  ASSERT_EQ(result.alerts.size(), 1u);
  EXPECT_TRUE(result.alerts[0].resolved_at(at(5)));
  EXPECT_EQ(ask("copy", 5), "");
  EXPECT_EQ(ask("ALERTS", 5), "");
}

}  // namespace
}  // namespace sluice::rules
