#include "rules/group.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "core/check.h"
#include "core/random.h"
#include "rules/presence.h"
#include "rules/promql/engine.h"
#include "rules/promql/parser.h"

namespace sluice::rules {

namespace {

using promql::SharedEvaluation;
using Milliseconds = std::chrono::milliseconds;

// How often a rule without alerts is asked whether it still has data.
constexpr Duration kDataCheckInterval = 1min;
// The index, in events, of a rule that is gone.
constexpr size_t kRemoved = std::numeric_limits<size_t>::max();
constexpr std::string_view kNotAVector = "rule result is not a vector or scalar";

promql::ExprPtr parse_checked(const std::string& text) {
  Result<promql::ExprPtr> expr = promql::parse(text);
  SLUICE_CHECK(expr.has_value(), "a rule's expression was not checked when it was loaded: " + text);
  return std::move(*expr);
}

// A scalar is a vector of one element without labels.
Result<promql::Vector> to_vector(Result<promql::Evaluation> evaluation) {
  if (!evaluation) return evaluation.error();
  if (auto* vector = std::get_if<promql::Vector>(&evaluation->value)) return std::move(*vector);
  if (const auto* scalar = std::get_if<promql::ScalarValue>(&evaluation->value)) {
    return promql::Vector{{Labels(), Sample{scalar->at, scalar->value}}};
  }
  return invalid(std::string(kNotAVector));
}

// Whether none of the labels that both have differs; the metric name aside.
bool agree(const Labels& a, const Labels& b) {
  for (const auto& label : a) {
    if (label.name == kMetricName) continue;
    const std::string_view other = b.get(label.name);
    if (!other.empty() && other != label.value) return false;
  }
  return true;
}

Labels merge(const Labels& group, const Labels& rule) {
  std::vector<LabelView> views(group.begin(), group.end());
  views.insert(views.end(), rule.begin(), rule.end());
  return Labels::keeping_empty(views);
}

struct NamedTemplate {
  std::string name;
  AlertTemplate text;
};

}  // namespace

// One rule, compiled, with what it remembers.
struct CompiledRule {
  size_t index = 0;
  Labels labels;
  promql::ExprPtr expr;
  promql::ExprPtr resolve_expr;
  Need need;
  NoData no_data = NoData::kKeep;
  std::vector<NamedTemplate> label_templates;
  std::vector<NamedTemplate> annotation_templates;
  std::string generator_url;
  std::optional<AlertState> alerts;
  RuleStatus status;
  std::optional<Timestamp> data_seen_at;
  std::string template_error;          // the last one, so that it is told once
  std::unordered_set<Labels> written;  // the series of the last evaluation
};

struct GroupState {
  RuleGroup config;
  GroupOptions options;
  Milliseconds interval{};
  Milliseconds phase{};
  Duration query_offset{};
  std::vector<CompiledRule> rules;
  promql::SharedExpressions shared;
  GroupStats stats;
  std::optional<Timestamp> last_slot;
  std::optional<Timestamp> first_due;

  Timestamp slot(Timestamp now) const {
    const Milliseconds since = now.time_since_epoch() - phase;
    Milliseconds past = since % interval;
    if (past < Milliseconds::zero()) past += interval;
    return now - past;
  }
};

namespace {

AlertPolicy policy_of(const Rule& rule, const RuleGroup& group, const GroupOptions& options,
                      Duration interval) {
  AlertPolicy policy;
  policy.hold = rule.hold;
  policy.keep_firing_for = rule.keep_firing_for;
  policy.no_data = rule.no_data.value_or(options.no_data);
  policy.no_data_keep = options.no_data_keep;
  policy.error_keep = options.error_keep;
  policy.interval = interval;
  policy.resend_delay = options.resend_delay;
  policy.limit = group.limit;
  return policy;
}

CompiledRule compile(size_t index, const RuleGroup& group, const GroupOptions& options, Duration interval,
                     const std::set<std::string, std::less<>>& recorded) {
  const Rule& rule = group.rules[index];
  CompiledRule out;
  out.index = index;
  out.labels = merge(group.labels, rule.labels);
  out.expr = parse_checked(rule.expr);
  if (!rule.is_alert()) return out;
  if (!rule.resolve_expr.empty()) out.resolve_expr = parse_checked(rule.resolve_expr);
  out.need = needs_of(*out.expr, recorded);
  out.no_data = rule.no_data.value_or(options.no_data);
  for (const auto& label : out.labels) {
    out.label_templates.push_back({std::string(label.name), AlertTemplate(rule.alert, label.value)});
  }
  for (const auto& annotation : rule.annotations) {
    out.annotation_templates.push_back(
        {std::string(annotation.name), AlertTemplate(rule.alert, annotation.value)});
  }
  out.generator_url = options.external_url + table_link(promql::to_string(*out.expr));
  out.alerts.emplace(policy_of(rule, group, options, interval));
  return out;
}

// One evaluation of a group: everything that lives only that long.
class Run {
 public:
  Run(GroupState& group, Timestamp at, store::SampleStore& store, GroupResult& result)
      : group_(group),
        at_(at),
        data_at_(at - to_ms(group.query_offset)),
        store_(store),
        result_(result),
        evaluation_(store, data_at_, query_options(group), &group.shared),
        presence_(store, data_at_) {
    context_.now = at;
    context_.external_labels = &group.options.external_labels;
    context_.external_url = group.options.external_url;
    context_.query = [this](std::string_view text) { return query(text); };
  }

  void evaluate(CompiledRule& rule) {
    ++group_.stats.evaluations_total;
    rule.status.last_evaluated_at = at_;
    if (rule.alerts) {
      evaluate_alert(rule);
    } else {
      evaluate_recording(rule);
    }
  }

 private:
  static promql::QueryOptions query_options(const GroupState& group) {
    promql::QueryOptions options;
    options.subquery_step = group.options.interval;
    options.samples_max = group.options.samples_max;
    options.interrupted = group.options.interrupted;
    return options;
  }

  const Rule& config(const CompiledRule& rule) const { return group_.config.rules[rule.index]; }

  void event(const CompiledRule& rule, RuleEvent::Kind kind, Labels labels, std::string detail) {
    result_.events.push_back({kind, rule.index, std::move(labels), std::move(detail)});
  }

  // `refused` of a limit is an error as well, but the rule did its work.
  void set_health(CompiledRule& rule, const std::string& error, size_t refused) {
    RuleStatus& status = rule.status;
    if (!error.empty()) {
      ++group_.stats.failures_total;
      if (error != status.last_error) {
        event(rule, refused > 0 ? RuleEvent::Kind::kLimitExceeded : RuleEvent::Kind::kErrorBegan, {}, error);
      }
    } else if (status.health == RuleHealth::kError) {
      event(rule, RuleEvent::Kind::kErrorEnded, {}, {});
    }
    status.health = error.empty() ? RuleHealth::kOk : RuleHealth::kError;
    status.last_error = error;
    status.refused = refused;
  }

  // --- writing ---

  void write(const Labels& labels, double value) {
    const store::Append outcome = store_.append(labels, Sample{data_at_, value});
    if (outcome == store::Append::kOutOfOrder || outcome == store::Append::kSeriesLimit) {
      ++group_.stats.samples_refused_total;
      return;
    }
    ++group_.stats.samples;
    evaluation_.wrote(labels);
  }

  // Ends the series that the rule wrote the last time and not now.
  void finish_series(CompiledRule& rule, std::unordered_set<Labels> written) {
    for (const Labels& labels : rule.written) {
      if (written.contains(labels)) continue;
      if (store_.append(labels, Sample{data_at_, stale_marker()}) == store::Append::kAppended)
        evaluation_.wrote(labels);
    }
    rule.written = std::move(written);
  }

  // --- recording rules ---

  void evaluate_recording(CompiledRule& rule) {
    Result<promql::Vector> vector = to_vector(evaluation_.evaluate(*rule.expr));
    if (!vector) return set_health(rule, vector.error().message, 0);

    const std::string& name = config(rule).record;
    std::unordered_set<Labels> written;
    std::vector<std::pair<Labels, double>> samples;
    samples.reserve(vector->size());
    std::vector<LabelView> views;
    for (const promql::VectorElement& element : *vector) {
      views.assign(element.labels.begin(), element.labels.end());
      views.push_back({kMetricName, name});
      views.insert(views.end(), rule.labels.begin(), rule.labels.end());
      Labels labels = Labels::from_views(views);
      if (!written.insert(labels).second) {
        return set_health(rule, "vector contains metrics with the same labelset after applying rule labels",
                          0);
      }
      samples.emplace_back(std::move(labels), element.sample.value);
    }
    const size_t refused = keep_within_limit(rule, samples, written);
    for (const auto& [labels, value] : samples) write(labels, value);
    rule.status.samples = samples.size();
    finish_series(rule, std::move(written));
    const size_t limit = group_.config.limit;
    set_health(rule,
               refused == 0
                   ? ""
                   : fmt::format("exceeded limit of {} with {} samples", limit, samples.size() + refused),
               refused);
  }

  // Series that were there before go first; Prometheus would record nothing at all.
  size_t keep_within_limit(const CompiledRule& rule, std::vector<std::pair<Labels, double>>& samples,
                           std::unordered_set<Labels>& written) const {
    const size_t limit = group_.config.limit;
    if (limit == 0 || samples.size() <= limit) return 0;
    std::sort(samples.begin(), samples.end(), [&](const auto& a, const auto& b) {
      const bool a_new = !rule.written.contains(a.first), b_new = !rule.written.contains(b.first);
      return a_new != b_new ? b_new : a.first < b.first;
    });
    const size_t refused = samples.size() - limit;
    for (size_t i = limit; i < samples.size(); ++i) written.erase(samples[i].first);
    samples.resize(limit);
    return refused;
  }

  // --- alerting rules ---

  void evaluate_alert(CompiledRule& rule) {
    Result<promql::Vector> vector = to_vector(evaluation_.evaluate(*rule.expr));
    Result<promql::Vector> resolving = promql::Vector{};
    if (vector && rule.resolve_expr && rule.alerts->status() == AlertStatus::kFiring) {
      resolving = to_vector(evaluation_.evaluate(*rule.resolve_expr));
    }
    if (!vector || !resolving) {
      const Error& error = vector ? resolving.error() : vector.error();
      return finish_alerts(rule, rule.alerts->on_error(at_, error.message));
    }
    note_data(rule, !vector->empty());

    std::vector<AlertElement> elements;
    elements.reserve(vector->size() + 1);
    for (const promql::VectorElement& element : *vector) {
      elements.push_back(expand(rule, element.labels, element.sample.value, false));
    }
    if (rule.no_data == NoData::kAlert && rule.status.no_data) {
      elements.push_back(expand(rule, {}, std::numeric_limits<double>::quiet_NaN(), true));
    }
    finish_alerts(rule, rule.alerts->observe(at_, std::move(elements), [&](const ActiveAlert& alert) {
      if (!presence_.present_for(rule.need, alert.result_labels)) {
        const auto& watched = group_.options.watched;
        return watched && !watched(alert.result_labels) ? Vanished::kConditionFalse : Vanished::kDataLost;
      }
      if (!rule.resolve_expr) return Vanished::kConditionFalse;
      const bool resolves = std::any_of(
          resolving->begin(), resolving->end(),
          [&](const promql::VectorElement& element) { return agree(alert.result_labels, element.labels); });
      return resolves ? Vanished::kConditionFalse : Vanished::kNotYetResolved;
    }));
  }

  void note_data(CompiledRule& rule, bool has_elements) {
    RuleStatus& status = rule.status;
    if (rule.need.kind == Need::Kind::kNothing) return;
    // Nearly every rule has an empty answer and no alerts nearly always. Looking every time would cost as
    // much as evaluating it.
    const bool quiet = !has_elements && rule.alerts->active() == 0;
    const bool seen_lately =
        rule.data_seen_at && at_ >= *rule.data_seen_at && at_ - *rule.data_seen_at < kDataCheckInterval;
    if (quiet && !status.no_data && rule.no_data != NoData::kAlert && seen_lately) return;
    const bool present = has_elements || presence_.present(rule.need);
    if (present) rule.data_seen_at = at_;
    status.had_data |= present;
    const bool lost = status.had_data && !present;
    if (lost != status.no_data) {
      event(rule, lost ? RuleEvent::Kind::kNoDataBegan : RuleEvent::Kind::kNoDataEnded, {}, {});
      result_.state_changed = true;
    }
    status.no_data = lost;
  }

  AlertElement expand(CompiledRule& rule, const Labels& result, double value, bool no_data) {
    AlertElement out;
    out.value = value;
    out.result_labels = result.without(kMetricName);
    std::optional<gotmpl::Value> data;  // made for the first template that needs it
    const auto expand_one = [&](const NamedTemplate& one) {
      if (one.text.is_plain()) return one.text.expand({}, {}).text;
      if (!data) data = alert_template_data(result, value, context_);
      if (!functions_) functions_ = template_functions(context_);
      AlertTemplate::Expanded expanded = one.text.expand(*data, *functions_);
      if (!expanded.error.empty()) note_template_error(rule, expanded.error);
      return std::move(expanded.text);
    };
    std::vector<Label> labels(out.result_labels.begin(), out.result_labels.end());
    for (const NamedTemplate& one : rule.label_templates) labels.push_back({one.name, expand_one(one)});
    labels.push_back({"alertname", config(rule).alert});
    if (no_data) labels.push_back({"no_data", "true"});
    out.labels = Labels::from(std::move(labels));

    std::vector<Label> annotations;
    annotations.reserve(rule.annotation_templates.size());
    for (const NamedTemplate& one : rule.annotation_templates)
      annotations.push_back({one.name, expand_one(one)});
    out.annotations = Labels::keeping_empty(std::move(annotations));
    return out;
  }

  void note_template_error(CompiledRule& rule, const std::string& error) {
    ++group_.stats.template_errors_total;
    if (error == rule.template_error) return;
    rule.template_error = error;
    event(rule, RuleEvent::Kind::kTemplateError, {}, error);
  }

  void finish_alerts(CompiledRule& rule, AlertStep step) {
    set_health(rule, step.error, step.refused);
    result_.state_changed |= step.state_changed;
    for (AlertTransition& transition : step.transitions) {
      RuleEvent::Kind kind = RuleEvent::Kind::kDropped;
      if (transition.to == AlertStatus::kPending) kind = RuleEvent::Kind::kPending;
      if (transition.to == AlertStatus::kFiring) kind = RuleEvent::Kind::kFiring;
      if (transition.to == AlertStatus::kResolved) kind = RuleEvent::Kind::kResolved;
      event(rule, kind, std::move(transition.labels),
            transition.held == Held::kNo ? "" : std::string(to_string(transition.held)));
    }
    finish_sends(rule, std::move(step.send), result_.alerts);
    finish_sends(rule, std::move(step.remembered), result_.remembered);

    std::unordered_set<Labels> written;
    for (AlertSample& sample : alert_samples(*rule.alerts)) {
      write(sample.labels, sample.value);
      written.insert(std::move(sample.labels));
    }
    rule.status.samples = written.size();
    finish_series(rule, std::move(written));
  }

 public:
  void finish_sends(const CompiledRule& rule, std::vector<Alert> alerts, std::vector<Alert>& out) {
    for (Alert& alert : alerts) {
      alert.generator_url = rule.generator_url;
      for (const auto& label : group_.options.external_labels) {
        if (!alert.labels.has(label.name)) alert.labels.set(label.name, label.value);
      }
      out.push_back(std::move(alert));
    }
  }

  void retire(CompiledRule& rule) {
    finish_series(rule, {});
    if (!rule.alerts) return;
    std::vector<Alert> resolved = rule.alerts->retire(at_);
    for (const Alert& alert : resolved)
      result_.events.push_back({RuleEvent::Kind::kResolved, kRemoved, alert.labels, "the rule was removed"});
    finish_sends(rule, std::move(resolved), result_.alerts);
    result_.state_changed = true;
  }

 private:
  // `query "..."` in a template.
  Result<std::vector<TemplateSample>> query(std::string_view text) {
    Result<promql::ExprPtr> expr = promql::parse(text);
    if (!expr) return expr.error();
    Result<promql::Vector> vector = to_vector(evaluation_.evaluate_at(**expr, at_));
    if (!vector) return vector.error();
    std::vector<TemplateSample> out;
    out.reserve(vector->size());
    for (promql::VectorElement& element : *vector)
      out.push_back({std::move(element.labels), element.sample.value});
    return out;
  }

  GroupState& group_;
  Timestamp at_;
  Timestamp data_at_;
  store::SampleStore& store_;
  GroupResult& result_;
  SharedEvaluation evaluation_;
  Presence presence_;
  TemplateContext context_;
  std::optional<gotmpl::Functions> functions_;
};

}  // namespace

std::string_view to_string(RuleHealth health) {
  switch (health) {
    case RuleHealth::kUnknown:
      return "unknown";
    case RuleHealth::kOk:
      return "ok";
    case RuleHealth::kError:
      return "err";
  }
  return "unknown";
}

std::string_view to_string(RuleEvent::Kind kind) {
  switch (kind) {
    case RuleEvent::Kind::kPending:
      return "alert pending";
    case RuleEvent::Kind::kFiring:
      return "alert firing";
    case RuleEvent::Kind::kResolved:
      return "alert resolved";
    case RuleEvent::Kind::kDropped:
      return "alert dropped while pending";
    case RuleEvent::Kind::kErrorBegan:
      return "rule evaluation failed";
    case RuleEvent::Kind::kErrorEnded:
      return "rule evaluates again";
    case RuleEvent::Kind::kNoDataBegan:
      return "rule lost its data";
    case RuleEvent::Kind::kNoDataEnded:
      return "rule has data again";
    case RuleEvent::Kind::kTemplateError:
      return "expanding alert template failed";
    case RuleEvent::Kind::kLimitExceeded:
      return "rule exceeded its limit";
  }
  return "";
}

Group::Group(RuleGroup config, GroupOptions options) : state_(std::make_unique<GroupState>()) {
  GroupState& s = *state_;
  s.config = std::move(config);
  s.options = std::move(options);
  s.interval = std::max(to_ms(s.config.interval.value_or(s.options.interval)), Milliseconds(1));
  s.phase =
      Milliseconds(static_cast<int64_t>(stable_hash(key()) % static_cast<uint64_t>(s.interval.count())));
  s.query_offset = s.config.query_offset.value_or(s.options.query_offset);
  std::set<std::string, std::less<>> recorded = s.options.recorded_names;
  for (const Rule& rule : s.config.rules) {
    if (!rule.is_alert()) recorded.insert(rule.record);
  }
  for (size_t i = 0; i < s.config.rules.size(); ++i) {
    s.rules.push_back(compile(i, s.config, s.options, s.interval, recorded));
  }
  for (const CompiledRule& rule : s.rules) {
    s.shared.add(*rule.expr);
    if (rule.resolve_expr) s.shared.add(*rule.resolve_expr);
  }
}

Group::~Group() = default;
Group::Group(Group&&) noexcept = default;
Group& Group::operator=(Group&&) noexcept = default;

const RuleGroup& Group::config() const {
  return state_->config;
}
std::string Group::key() const {
  return state_->config.file + ";" + state_->config.name;
}
Duration Group::interval() const {
  return state_->interval;
}
size_t Group::size() const {
  return state_->rules.size();
}
const Rule& Group::rule(size_t index) const {
  return state_->config.rules[index];
}
const Labels& Group::labels(size_t index) const {
  return state_->rules[index].labels;
}
const RuleStatus& Group::status(size_t index) const {
  return state_->rules[index].status;
}
const GroupStats& Group::stats() const {
  return state_->stats;
}
void Group::set_duration(Duration duration) {
  state_->stats.last_duration = duration;
}

const AlertState* Group::alerts(size_t index) const {
  const std::optional<AlertState>& alerts = state_->rules[index].alerts;
  return alerts ? &*alerts : nullptr;
}

AlertStatus Group::alert_status() const {
  AlertStatus worst = AlertStatus::kResolved;
  for (const CompiledRule& rule : state_->rules) {
    if (!rule.alerts) continue;
    const AlertStatus status = rule.alerts->status();
    if (status == AlertStatus::kFiring) return status;
    if (status == AlertStatus::kPending) worst = status;
  }
  return worst;
}

Timestamp Group::next_due(Timestamp now) {
  GroupState& s = *state_;
  // A clock that was set back must not stop the group until it has caught up.
  if (s.last_slot && *s.last_slot > now + s.interval) s.last_slot.reset();
  if (s.first_due && *s.first_due > now + s.interval) s.first_due.reset();
  if (s.last_slot) {
    const Timestamp slot = s.slot(now);
    return slot > *s.last_slot ? slot : *s.last_slot + s.interval;
  }
  if (!s.first_due) {
    const Timestamp slot = s.slot(now);
    s.first_due = slot == now ? slot : slot + s.interval;
  }
  return *s.first_due;
}

GroupResult Group::evaluate(Timestamp now, store::SampleStore& store) {
  GroupState& s = *state_;
  const Timestamp slot = s.slot(now);
  if (next_due(now) > now || (s.last_slot && slot <= *s.last_slot)) return {};
  uint64_t missed = 0;
  if (s.last_slot) missed = static_cast<uint64_t>((slot - *s.last_slot) / s.interval) - 1;
  s.last_slot = slot;
  s.stats.missed_total += missed;
  s.stats.iterations_total += missed;
  GroupResult result = evaluate_at(slot, store);
  result.missed = missed;
  return result;
}

GroupResult Group::evaluate_at(Timestamp at, store::SampleStore& store) {
  GroupState& s = *state_;
  GroupResult result;
  result.at = at;
  result.evaluated = true;
  ++s.stats.iterations_total;
  s.stats.samples = 0;
  s.stats.last_evaluated_at = at;
  Run run(s, at, store, result);
  for (CompiledRule& rule : s.rules) run.evaluate(rule);
  return result;
}

GroupResult Group::retire(Timestamp now, store::SampleStore& store) {
  GroupResult result;
  result.at = now;
  Run run(*state_, now, store, result);
  for (CompiledRule& rule : state_->rules) run.retire(rule);
  return result;
}

Group::Snapshot Group::snapshot() const {
  Snapshot out;
  out.file = state_->config.file;
  out.name = state_->config.name;
  for (const CompiledRule& rule : state_->rules) {
    if (!rule.alerts) continue;
    out.rules.push_back(
        {state_->config.rules[rule.index].alert, rule.labels, rule.status.had_data, rule.alerts->snapshot()});
  }
  return out;
}

void Group::restore(const Snapshot& snapshot) {
  std::vector<bool> used(snapshot.rules.size());
  for (CompiledRule& rule : state_->rules) {
    if (!rule.alerts) continue;
    for (size_t i = 0; i < snapshot.rules.size(); ++i) {
      const RuleSnapshot& from = snapshot.rules[i];
      if (used[i] || from.name != state_->config.rules[rule.index].alert || from.labels != rule.labels)
        continue;
      used[i] = true;
      rule.alerts->restore(from.alerts);
      // A restart is also how a configuration changes. Whether data are still to be expected is known only
      // where something fired.
      rule.status.had_data = from.had_data && rule.alerts->status() == AlertStatus::kFiring;
      break;
    }
  }
}

GroupResult Group::adopt(Group&& previous, Timestamp now, store::SampleStore& store) {
  GroupState& s = *state_;
  GroupState& from = *previous.state_;
  std::vector<bool> used(from.rules.size());
  for (CompiledRule& rule : s.rules) {
    for (size_t i = 0; i < from.rules.size(); ++i) {
      CompiledRule& old = from.rules[i];
      const bool same = old.alerts.has_value() == rule.alerts.has_value() && old.labels == rule.labels &&
                        from.config.rules[old.index].name() == s.config.rules[rule.index].name();
      if (used[i] || !same) continue;
      used[i] = true;
      rule.status = std::move(old.status);
      // Perhaps they are gone because of what was just taken out of the configuration.
      if (rule.status.no_data) rule.status.no_data = rule.status.had_data = false;
      rule.written = std::move(old.written);
      rule.template_error = std::move(old.template_error);
      if (rule.alerts) rule.alerts->adopt(std::move(*old.alerts));
      break;
    }
  }
  s.stats = from.stats;
  if (s.interval == from.interval && s.phase == from.phase) {
    s.last_slot = from.last_slot;
    s.first_due = from.first_due;
  }
  GroupResult result;
  result.at = now;
  Run run(from, now, store, result);
  for (size_t i = 0; i < from.rules.size(); ++i) {
    if (!used[i]) run.retire(from.rules[i]);
  }
  return result;
}

std::set<std::string, std::less<>> recorded_names(const std::vector<RuleFile>& files) {
  std::set<std::string, std::less<>> out;
  for (const RuleFile& file : files) {
    for (const RuleGroup& group : file.groups) {
      for (const Rule& rule : group.rules) {
        if (!rule.is_alert()) out.insert(rule.record);
      }
    }
  }
  return out;
}

}  // namespace sluice::rules
