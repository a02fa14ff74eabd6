#include "agent/config/rule_test_file.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "agent/config/yaml.h"
#include "core/number.h"

namespace sluice::config {
namespace {

rules::SourcePosition to_position(Mark mark) {
  return {mark.line, mark.column};
}

// A Unix time in seconds or an RFC 3339 text.
std::optional<Timestamp> read_start(const Node& node, Diagnostics& diagnostics) {
  if (node.kind == Node::Kind::kScalar) {
    if (const std::optional<double> seconds = parse_float(node.scalar);
        seconds && std::abs(*seconds) < 9e15) {
      return from_unix_ms(static_cast<int64_t>(std::floor(*seconds * 1000)));
    }
    if (const Result<Timestamp> at = parse_rfc3339(node.scalar)) return *at;
  }
  diagnostics.add(node.mark, fmt::format("cannot parse {} to a valid timestamp", quote(node.scalar)));
  return std::nullopt;
}

rules::ExpectedAlert read_alert(const Node& node, const std::string& name, Diagnostics& diagnostics) {
  rules::ExpectedAlert alert;
  Fields fields(node, diagnostics, name);
  fields.string_map("exp_labels", alert.labels);
  fields.string_map("exp_annotations", alert.annotations);
  fields.done();
  return alert;
}

rules::AlertRuleTest read_alert_test(const Node& node, const std::string& name, Diagnostics& diagnostics) {
  rules::AlertRuleTest test;
  test.at = to_position(node.mark);
  Fields fields(node, diagnostics, name);
  fields.duration("eval_time", test.eval_time);
  fields.string("alertname", test.alertname);
  fields.each("exp_alerts", [&](const Node& alert, const std::string& alert_name) {
    test.expected.push_back(read_alert(alert, alert_name, diagnostics));
  });
  fields.done();
  return test;
}

rules::ExpectedSample read_sample(const Node& node, const std::string& name, Diagnostics& diagnostics) {
  rules::ExpectedSample sample;
  Fields fields(node, diagnostics, name);
  fields.string("labels", sample.labels);
  fields.string("histogram", sample.histogram);
  if (const Node* value = fields.child("value")) {
    // YAML writes .inf and .nan, people write what PromQL does.
    Node plain = *value;
    const bool dotted = plain.scalar.find_first_of("iInN") != plain.scalar.npos;
    if (dotted) std::erase(plain.scalar, '.');
    if (const std::optional<double> number = read_number(plain, diagnostics, fields.name("value"))) {
      sample.value = *number;
    }
  }
  fields.done();
  return sample;
}

rules::PromqlExprTest read_promql_test(const Node& node, const std::string& name, Diagnostics& diagnostics) {
  rules::PromqlExprTest test;
  test.at = to_position(node.mark);
  Fields fields(node, diagnostics, name);
  fields.string("expr", test.expr);
  fields.duration("eval_time", test.eval_time);
  fields.each("exp_samples", [&](const Node& sample, const std::string& sample_name) {
    test.expected.push_back(read_sample(sample, sample_name, diagnostics));
  });
  fields.done();
  return test;
}

rules::RuleTest read_test(const Node& node, const std::string& name, Diagnostics& diagnostics) {
  rules::RuleTest test;
  test.at = to_position(node.mark);
  Fields fields(node, diagnostics, name);
  fields.string("name", test.name);
  fields.optional_duration("interval", test.interval);
  if (test.interval == Duration::zero()) test.interval.reset();
  fields.each("input_series", [&](const Node& series, const std::string& series_name) {
    rules::InputSeries input;
    input.at = to_position(series.mark);
    Fields series_fields(series, diagnostics, series_name);
    series_fields.string("series", input.series);
    series_fields.string("values", input.values);
    series_fields.done();
    test.input_series.push_back(std::move(input));
  });
  fields.each("alert_rule_test", [&](const Node& alert, const std::string& alert_name) {
    test.alert_tests.push_back(read_alert_test(alert, alert_name, diagnostics));
  });
  fields.each("promql_expr_test", [&](const Node& expr, const std::string& expr_name) {
    test.promql_tests.push_back(read_promql_test(expr, expr_name, diagnostics));
  });
  std::map<std::string, std::string> external;
  if (fields.string_map("external_labels", external)) {
    std::vector<Label> labels;
    for (const auto& [key, value] : external) labels.push_back({key, value});
    test.external_labels = Labels::from(std::move(labels));
  }
  fields.string("external_url", test.external_url);
  if (const Node* start = fields.child("start_timestamp")) {
    if (const std::optional<Timestamp> at = read_start(*start, diagnostics)) test.start = *at;
  }
  fields.done();
  return test;
}

}  // namespace

LoadedRuleTestFile load_rule_test_file(const std::string& path, std::string_view text) {
  LoadedRuleTestFile out;
  out.file.path = path;
  Diagnostics diagnostics(path);
  const std::optional<Node> root = parse_yaml(text, diagnostics);
  if (root && !root->is_null()) {
    Fields fields(*root, diagnostics, "");
    fields.strings("rule_files", out.file.rule_files);
    Duration interval{};
    if (fields.duration("evaluation_interval", interval) && interval > Duration::zero()) {
      out.file.evaluation_interval = interval;
    }
    fields.boolean("fuzzy_compare", out.file.fuzzy_compare);
    fields.strings("group_eval_order", out.file.group_eval_order);
    std::set<std::string> seen;
    for (const std::string& group : out.file.group_eval_order) {
      if (!seen.insert(group).second) {
        diagnostics.add(root->find("group_eval_order")->mark,
                        "group name repeated in evaluation order: " + group);
      }
    }
    fields.each("tests", [&](const Node& test, const std::string& name) {
      out.file.tests.push_back(read_test(test, name, diagnostics));
    });
    fields.done();
  }
  out.mistakes = diagnostics.take();
  return out;
}

}  // namespace sluice::config
