#include "agent/app/rule_state.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "core/number.h"
#include "core/random.h"

namespace sluice::app {

namespace json = boost::json;

namespace {

constexpr std::string_view kHeader = "sluice-rule-state 1 ";

json::object to_json(const Labels& labels) {
  json::object out;
  for (const auto& label : labels)
    out[json::string_view(label.name.data(), label.name.size())] = std::string(label.value);
  return out;
}

json::value to_json(const std::optional<Timestamp>& at) {
  return at ? json::value(to_unix_ms(*at)) : json::value(nullptr);
}

json::object to_json(const rules::ActiveAlert& alert) {
  return {
      {"labels", to_json(alert.labels)},           {"result_labels", to_json(alert.result_labels)},
      {"annotations", to_json(alert.annotations)}, {"value", format_float(alert.value)},
      {"status", static_cast<int>(alert.status)},  {"held", static_cast<int>(alert.held)},
      {"active_at", to_unix_ms(alert.active_at)},  {"fired_at", to_json(alert.fired_at)},
      {"resolved_at", to_json(alert.resolved_at)}, {"keep_firing_since", to_json(alert.keep_firing_since)},
      {"blind_since", to_json(alert.blind_since)}, {"last_sent_at", to_json(alert.last_sent_at)}};
}

json::object to_json(const rules::Group::RuleSnapshot& rule) {
  json::array alerts;
  for (const rules::ActiveAlert& alert : rule.alerts.alerts) alerts.push_back(to_json(alert));
  return {{"name", rule.name},
          {"labels", to_json(rule.labels)},
          {"had_data", rule.had_data},
          {"last_evaluated_at", to_json(rule.alerts.last_evaluated_at)},
          {"alerts", std::move(alerts)}};
}

// Reading throws on what is not there or of another type; parse_rule_state catches.
std::vector<Label> pairs_from(const json::value& value) {
  std::vector<Label> labels;
  for (const auto& [name, text] : value.as_object())
    labels.push_back({std::string(name), std::string(text.as_string())});
  return labels;
}

Labels labels_from(const json::value& value) {
  return Labels::from(pairs_from(value));
}

std::optional<Timestamp> time_from(const json::value& value) {
  if (value.is_null()) return std::nullopt;
  return from_unix_ms(value.as_int64());
}

template <typename Enum>
Enum enum_from(const json::value& value, Enum last) {
  const int64_t number = value.as_int64();
  if (number < 0 || number > static_cast<int64_t>(last))
    throw std::runtime_error("a state that does not exist");
  return static_cast<Enum>(number);
}

rules::ActiveAlert alert_from(const json::value& value) {
  const json::object& in = value.as_object();
  rules::ActiveAlert alert;
  alert.labels = labels_from(in.at("labels"));
  alert.result_labels = labels_from(in.at("result_labels"));
  alert.annotations = Labels::keeping_empty(pairs_from(in.at("annotations")));
  alert.value = parse_float(std::string_view(in.at("value").as_string())).value_or(0);
  alert.status = enum_from(in.at("status"), rules::AlertStatus::kResolved);
  alert.held = enum_from(in.at("held"), rules::Held::kError);
  alert.active_at = from_unix_ms(in.at("active_at").as_int64());
  alert.fired_at = time_from(in.at("fired_at"));
  alert.resolved_at = time_from(in.at("resolved_at"));
  alert.keep_firing_since = time_from(in.at("keep_firing_since"));
  alert.blind_since = time_from(in.at("blind_since"));
  alert.last_sent_at = time_from(in.at("last_sent_at"));
  return alert;
}

rules::Group::Snapshot group_from(const json::value& value) {
  const json::object& in = value.as_object();
  rules::Group::Snapshot group;
  group.file = std::string(in.at("file").as_string());
  group.name = std::string(in.at("name").as_string());
  for (const json::value& entry : in.at("rules").as_array()) {
    const json::object& rule_in = entry.as_object();
    rules::Group::RuleSnapshot rule;
    rule.name = std::string(rule_in.at("name").as_string());
    rule.labels = Labels::keeping_empty(pairs_from(rule_in.at("labels")));
    rule.had_data = rule_in.at("had_data").as_bool();
    rule.alerts.last_evaluated_at = time_from(rule_in.at("last_evaluated_at"));
    for (const json::value& alert : rule_in.at("alerts").as_array())
      rule.alerts.alerts.push_back(alert_from(alert));
    group.rules.push_back(std::move(rule));
  }
  return group;
}

}  // namespace

std::string write_rule_state(const std::vector<rules::Group::Snapshot>& groups) {
  json::array out;
  for (const rules::Group::Snapshot& group : groups) {
    json::array rules;
    for (const rules::Group::RuleSnapshot& rule : group.rules) {
      if (rule.had_data || !rule.alerts.alerts.empty()) rules.push_back(to_json(rule));
    }
    if (!rules.empty())
      out.push_back(json::object{{"file", group.file}, {"name", group.name}, {"rules", std::move(rules)}});
  }
  const std::string body = json::serialize(out);
  return fmt::format("{}{:016x}\n{}\n", kHeader, stable_hash(body), body);
}

Result<std::vector<rules::Group::Snapshot>> parse_rule_state(std::string_view text) {
  const size_t end = text.find('\n');
  if (!text.starts_with(kHeader) || end == std::string_view::npos || !text.ends_with('\n') ||
      text.size() < end + 2) {
    return invalid("not a state of rules of this version, or cut short");
  }
  const std::string_view body = text.substr(end + 1, text.size() - end - 2);
  if (text.substr(kHeader.size(), end - kHeader.size()) != fmt::format("{:016x}", stable_hash(body))) {
    return invalid("the checksum does not match: the file is damaged");
  }
  try {
    std::vector<rules::Group::Snapshot> groups;
    const json::value parsed = json::parse(json::string_view(body.data(), body.size()));
    for (const json::value& group : parsed.as_array()) groups.push_back(group_from(group));
    return groups;
  } catch (const std::exception& error) {
    return invalid(fmt::format("not a state of rules: {}", error.what()));
  }
}

}  // namespace sluice::app
