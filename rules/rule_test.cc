#include "rules/rule_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "core/store/sample_store.h"
#include "core/template/template.h"
#include "rules/group.h"
#include "rules/promql/engine.h"
#include "rules/promql/parser.h"
#include "rules/promql/series_notation.h"

namespace sluice::rules {

namespace {

using Milliseconds = std::chrono::milliseconds;

// More evaluations than this are a slip of the pen: a year at one second is 31 million.
constexpr int64_t kEvaluationsMax = 5'000'000;

// --- what promtool prints ---

// Label sets as Prometheus prints them bare, the name among the others.
std::string bare(const Labels& labels) {
  std::string out = "{";
  for (const auto& label : labels) {
    if (out.size() > 1) out += ", ";
    out +=
        fmt::format("{}={}", is_classic_label_name(label.name) ? std::string(label.name) : quote(label.name),
                    quote(label.value));
  }
  return out + "}";
}

// Go's FormatFloat(v, 'E', -1, 64).
std::string scientific(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, v, std::chars_format::scientific);
  std::string out(buffer, end);
  std::replace(out.begin(), out.end(), 'e', 'E');
  return out;
}

// Every line but the first.
std::string indent(std::string_view text, std::string_view by) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '\n') out += by;
  }
  return out;
}

struct FiringAlert {
  Labels labels;
  Labels annotations;

  auto operator<=>(const FiringAlert&) const = default;
};

std::string to_text(const std::vector<FiringAlert>& alerts) {
  if (alerts.empty()) return "[]";
  std::string out = "[";
  for (size_t i = 0; i < alerts.size(); ++i) {
    const std::string one =
        fmt::format("\nLabels:{}\nAnnotations:{}", bare(alerts[i].labels), bare(alerts[i].annotations));
    out += fmt::format("{}\n{}:{}", i == 0 ? "" : ",", i, indent(one, "  "));
  }
  return out + "\n]";
}

struct ParsedSample {
  Labels labels;
  double value = 0;
};

std::string to_text(const std::vector<ParsedSample>& samples) {
  if (samples.empty()) return "nil";
  std::string out;
  for (const ParsedSample& sample : samples) {
    if (!out.empty()) out += ", ";
    out += fmt::format("{} {}", bare(sample.labels), scientific(sample.value));
  }
  return out;
}

bool equal(double a, double b, bool fuzzy) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return true;
  if (!fuzzy) return false;
  constexpr double kInf = std::numeric_limits<double>::infinity();
  return std::nextafter(a, -kInf) == b || std::nextafter(a, kInf) == b;
}

std::vector<Label> to_pairs(const std::map<std::string, std::string>& pairs) {
  std::vector<Label> out;
  for (const auto& [name, value] : pairs) out.push_back({name, value});
  return out;
}

Labels to_labels(const std::map<std::string, std::string>& pairs) {
  return Labels::from(to_pairs(pairs));
}

// One test of a file.
class TestRun {
 public:
  TestRun(const RuleTestFile& file, const RuleTest& test, const std::vector<RuleFile>& files)
      : file_(file),
        test_(test),
        interval_(to_ms(file.evaluation_interval)),
        store_(store::StoreOptions{Duration::max(), 10'000'000}) {
    GroupOptions options;
    options.interval = file.evaluation_interval;
    options.external_labels = test.external_labels;
    options.external_url = test.external_url;
    options.no_data = NoData::kResolve;
    options.recorded_names = recorded_names(files);
    for (const std::string& name : file.group_eval_order) add_groups(files, name, options);
    for (const RuleFile& rule_file : files) {
      for (const RuleGroup& group : rule_file.groups) {
        if (std::ranges::find(file.group_eval_order, group.name) == file.group_eval_order.end()) {
          groups_.emplace_back(group, options);
        }
      }
    }
  }

  std::vector<TestFailure> run() {
    for (const AlertRuleTest& test : test_.alert_tests) {
      if (test.alertname.empty()) {
        const std::string where = test_.name.empty() ? "" : fmt::format(" (in TestGroup {})", test_.name);
        fail(
            test.at,
            fmt::format("an item under alert_rule_test misses required attribute alertname at eval_time {}{}",
                        format_duration(test.eval_time), where));
      }
    }
    if (failures_.empty() && load_series() && evaluate_all()) check_expressions();
    return std::move(failures_);
  }

 private:
  struct Series {
    Labels labels;
    std::vector<promql::SeriesPoint> points;
    size_t next = 0;
  };

  void fail(SourcePosition at, std::string message) { failures_.push_back({at, std::move(message)}); }

  void add_groups(const std::vector<RuleFile>& files, const std::string& name, const GroupOptions& options) {
    for (const RuleFile& rule_file : files) {
      for (const RuleGroup& group : rule_file.groups) {
        if (group.name == name) groups_.emplace_back(group, options);
      }
    }
  }

  bool load_series() {
    for (const InputSeries& input : test_.input_series) {
      Result<promql::SeriesNotation> series = promql::parse_series(input.series + " " + input.values);
      if (!series) {
        fail(input.at, fmt::format("    series: {}, values: {}, err: {}", quote(input.series),
                                   quote(input.values), series.error().message));
        continue;
      }
      series_.push_back({std::move(series->labels), std::move(series->points), 0});
    }
    return failures_.empty();
  }

  // Rules must not see the future, which a negative offset could.
  void append_samples_till(Timestamp till) {
    const Milliseconds step = to_ms(test_.interval.value_or(file_.evaluation_interval));
    for (Series& series : series_) {
      for (; series.next < series.points.size(); ++series.next) {
        const Timestamp at = test_.start + step * static_cast<int64_t>(series.next);
        if (at > till) break;
        const promql::SeriesPoint& point = series.points[series.next];
        if (point.kind == promql::SeriesPoint::Kind::kValue)
          store_.append(series.labels, Sample{at, point.value});
      }
    }
  }

  bool evaluate_all() {
    Duration last{};
    for (const AlertRuleTest& test : test_.alert_tests) last = std::max(last, test.eval_time);
    for (const PromqlExprTest& test : test_.promql_tests) last = std::max(last, test.eval_time);
    if (to_ms(last) / interval_ > kEvaluationsMax) {
      fail(test_.at,
           fmt::format("more than {} evaluations until {}", kEvaluationsMax, format_duration(last)));
      return false;
    }

    // Alert tests in the order of their times; those of one time in the order of the file.
    std::vector<const AlertRuleTest*> checks;
    for (const AlertRuleTest& test : test_.alert_tests) checks.push_back(&test);
    std::stable_sort(checks.begin(), checks.end(),
                     [](const auto* a, const auto* b) { return a->eval_time < b->eval_time; });
    auto check = checks.begin();

    for (Timestamp at = test_.start; at <= test_.start + to_ms(last); at += interval_) {
      append_samples_till(at);
      if (!evaluate_groups(at)) return false;
      // What is asked for between two evaluations is what the earlier one left.
      for (; check != checks.end() && test_.start + to_ms((*check)->eval_time) < at + interval_; ++check) {
        check_alerts(**check);
      }
    }
    return true;
  }

  bool evaluate_groups(Timestamp at) {
    const size_t failures = failures_.size();
    for (Group& group : groups_) {
      group.evaluate_at(at, store_);
      for (size_t i = 0; i < group.size(); ++i) {
        const std::string& error = group.status(i).last_error;
        if (error.empty()) continue;
        fail(test_.at, fmt::format("    rule: {}, time: {}, err: {}", group.rule(i).name(),
                                   gotmpl::format_go_duration(at.time_since_epoch()), error));
      }
    }
    return failures_.size() == failures;
  }

  void check_alerts(const AlertRuleTest& test) {
    std::vector<FiringAlert> got;
    for (const Group& group : groups_) {
      for (size_t i = 0; i < group.size(); ++i) {
        if (group.rule(i).alert != test.alertname) continue;
        for (const ActiveAlert* alert : group.alerts(i)->alerts()) {
          if (alert->status == AlertStatus::kFiring) got.push_back({alert->labels, alert->annotations});
        }
      }
    }
    std::vector<FiringAlert> expected;
    for (const ExpectedAlert& alert : test.expected) {
      // promtool sees our extensions as annotations; a test that expects them passes in both.
      const Labels annotations = Labels::keeping_empty(to_pairs(alert.annotations))
                                     .without(kResolveExprAnnotation)
                                     .without(kNoDataAnnotation);
      expected.push_back({to_labels(alert.labels).with("alertname", test.alertname), annotations});
    }
    std::sort(got.begin(), got.end());
    std::sort(expected.begin(), expected.end());
    if (got == expected) return;
    constexpr std::string_view kIndent = "            ";
    fail(test.at, fmt::format("{}    alertname: {}, time: {}, \n        exp:{}, \n        got:{}",
                              test_.name.empty() ? "" : fmt::format("    name: {},\n", test_.name),
                              test.alertname, format_duration(test.eval_time),
                              indent(to_text(expected), kIndent), indent(to_text(got), kIndent)));
  }

  void check_expressions() {
    for (const PromqlExprTest& test : test_.promql_tests) {
      const auto fail_with = [&](std::string_view error) {
        fail(test.at, fmt::format("    expr: {}, time: {}, err: {}", quote(test.expr),
                                  format_duration(test.eval_time), error));
      };
      Result<std::vector<ParsedSample>> expected = expected_samples(test);
      Result<std::vector<ParsedSample>> got = query(test);
      if (!got) {
        fail_with(got.error().message);
      } else if (!expected) {
        fail_with(expected.error().message);
      } else {
        compare(test, std::move(*expected), std::move(*got));
      }
    }
  }

  static Result<std::vector<ParsedSample>> expected_samples(const PromqlExprTest& test) {
    std::vector<ParsedSample> out;
    for (const ExpectedSample& sample : test.expected) {
      if (!sample.histogram.empty()) return invalid("native histograms are not supported");
      // Nothing at all means no labels.
      Result<Labels> labels = sample.labels.empty() ? Labels() : promql::parse_labels(sample.labels);
      if (!labels) return invalid(fmt::format("labels {}: {}", quote(sample.labels), labels.error().message));
      out.push_back({std::move(*labels), sample.value});
    }
    return out;
  }

  Result<std::vector<ParsedSample>> query(const PromqlExprTest& test) const {
    Result<promql::ExprPtr> expr = promql::parse(test.expr);
    if (!expr) return expr.error();
    promql::QueryOptions options;
    options.subquery_step = file_.evaluation_interval;
    Result<promql::Evaluation> result =
        promql::evaluate(**expr, store_, test_.start + to_ms(test.eval_time), options);
    if (!result) return result.error();
    std::vector<ParsedSample> out;
    if (const auto* scalar = std::get_if<promql::ScalarValue>(&result->value)) {
      out.push_back({Labels(), scalar->value});
    } else if (const auto* vector = std::get_if<promql::Vector>(&result->value)) {
      for (const promql::VectorElement& element : *vector)
        out.push_back({element.labels, element.sample.value});
    } else {
      return invalid("rule result is not a vector or scalar");
    }
    return out;
  }

  void compare(const PromqlExprTest& test, std::vector<ParsedSample> expected,
               std::vector<ParsedSample> got) {
    const auto by_labels = [](const ParsedSample& a, const ParsedSample& b) { return a.labels < b.labels; };
    std::stable_sort(expected.begin(), expected.end(), by_labels);
    std::stable_sort(got.begin(), got.end(), by_labels);
    const bool same =
        std::equal(expected.begin(), expected.end(), got.begin(), got.end(),
                   [&](const ParsedSample& a, const ParsedSample& b) {
                     return a.labels == b.labels && equal(a.value, b.value, file_.fuzzy_compare);
                   });
    if (same) return;
    fail(test.at, fmt::format("    expr: {}, time: {},\n        exp: {}\n        got: {}", quote(test.expr),
                              format_duration(test.eval_time), to_text(expected), to_text(got)));
  }

  const RuleTestFile& file_;
  const RuleTest& test_;
  Milliseconds interval_;
  store::SampleStore store_;
  std::vector<Group> groups_;
  std::vector<Series> series_;
  std::vector<TestFailure> failures_;
};

}  // namespace

TestReport run_rule_tests(const RuleTestFile& file, const std::vector<RuleFile>& files) {
  TestReport report;
  for (const RuleTest& test : file.tests) {
    std::vector<TestFailure> failures = TestRun(file, test, files).run();
    ++(failures.empty() ? report.passed : report.failed);
    std::move(failures.begin(), failures.end(), std::back_inserter(report.failures));
  }
  return report;
}

}  // namespace sluice::rules
