// sluice_rule_*: one row per family, and one function that fills them.
#include <array>

#include "rules/rule_set.h"

namespace sluice::rules {

namespace {

enum Index : size_t {
  kEvaluations,
  kFailures,
  kIterations,
  kMissed,
  kLastEvaluation,
  kLastDuration,
  kInterval,
  kRules,
  kSamples,
  kRefusedSamples,
  kTemplateErrors,
  kFailing,
  kNoData,
  kRefused,
  kAlerts,
};

}  // namespace

const std::vector<MetricFamily>& rule_metric_families() {
  using enum MetricType;
  static const std::vector<MetricFamily> families{
      {"sluice_rule_evaluations_total", kCounter, "Rules evaluated, by rule group."},
      {"sluice_rule_evaluation_failures_total", kCounter, "Rule evaluations that failed, by rule group."},
      {"sluice_rule_group_iterations_total", kCounter,
       "Evaluations of a rule group that were due, missed ones included."},
      {"sluice_rule_group_iterations_missed_total", kCounter,
       "Evaluations of a rule group that were skipped because the agent was late."},
      {"sluice_rule_group_last_evaluation_timestamp_seconds", kGauge,
       "Evaluation time of the last evaluation of a rule group, in Unix seconds."},
      {"sluice_rule_group_last_duration_seconds", kGauge,
       "How long the last evaluation of a rule group took."},
      {"sluice_rule_group_interval_seconds", kGauge, "How often a rule group is evaluated."},
      {"sluice_rule_group_rules", kGauge, "Rules in a rule group."},
      {"sluice_rule_group_last_evaluation_samples", kGauge,
       "Samples written by the last evaluation of a rule group."},
      {"sluice_rule_samples_refused_total", kCounter,
       "Samples of rules that the store did not take: out of order, or beyond the series limit."},
      {"sluice_rule_template_errors_total", kCounter,
       "Label and annotation templates that failed to expand."},
      {"sluice_rule_failing", kGauge, "1 while the last evaluation of a rule failed."},
      {"sluice_rule_no_data", kGauge, "1 while a rule that once had data finds none for its selectors."},
      {"sluice_rule_limit_refused", kGauge,
       "Alerts or samples of a rule beyond its group's limit, in the last evaluation."},
      {"sluice_rule_alerts", kGauge, "Alerts of an alerting rule, by state (pending or firing)."},
  };
  return families;
}

std::vector<MetricPoint> metrics(const RuleSet& rules) {
  const std::vector<MetricFamily>& families = rule_metric_families();
  std::vector<MetricPoint> out;
  const auto add = [&](Index family, const Labels& labels, double value) {
    out.push_back({&families[family], labels, value});
  };
  const auto count = [](uint64_t n) { return static_cast<double>(n); };
  for (const Group& group : rules.groups()) {
    const GroupStats& stats = group.stats();
    const Labels labels{{"rule_group", group.key()}};
    add(kEvaluations, labels, count(stats.evaluations_total));
    add(kFailures, labels, count(stats.failures_total));
    add(kIterations, labels, count(stats.iterations_total));
    add(kMissed, labels, count(stats.missed_total));
    add(kLastEvaluation, labels, stats.last_evaluated_at ? to_seconds(*stats.last_evaluated_at) : 0);
    add(kLastDuration, labels, to_seconds(stats.last_duration));
    add(kInterval, labels, to_seconds(group.interval()));
    add(kRules, labels, count(group.size()));
    add(kSamples, labels, count(stats.samples));
    add(kRefusedSamples, labels, count(stats.samples_refused_total));
    add(kTemplateErrors, labels, count(stats.template_errors_total));

    // Rules of a group may share a name; a series may not.
    struct Sums {
      double failing = 0, no_data = 0, refused = 0, pending = 0, firing = 0;
      bool alert = false;
    };
    std::map<std::string, Sums> by_name;
    for (size_t i = 0; i < group.size(); ++i) {
      Sums& sums = by_name[group.rule(i).name()];
      const RuleStatus& status = group.status(i);
      sums.failing =
          std::max(sums.failing, status.health == RuleHealth::kError && status.refused == 0 ? 1.0 : 0.0);
      sums.no_data = std::max(sums.no_data, status.no_data ? 1.0 : 0.0);
      sums.refused += count(status.refused);
      const AlertState* alerts = group.alerts(i);
      if (alerts == nullptr) continue;
      sums.alert = true;
      for (const ActiveAlert* alert : alerts->alerts()) {
        sums.pending += alert->status == AlertStatus::kPending ? 1 : 0;
        sums.firing += alert->status == AlertStatus::kFiring ? 1 : 0;
      }
    }
    for (const auto& [name, sums] : by_name) {
      const Labels rule = labels.with("rule", name);
      add(kFailing, rule, sums.failing);
      add(kRefused, rule, sums.refused);
      if (!sums.alert) continue;
      add(kNoData, rule, sums.no_data);
      add(kAlerts, rule.with("state", "pending"), sums.pending);
      add(kAlerts, rule.with("state", "firing"), sums.firing);
    }
  }
  return out;
}

}  // namespace sluice::rules
