// /metrics: what probes show, what rules produce, and the agent's own metrics.

#include <algorithm>
#include <functional>
#include <map>

#include "agent/app/app.h"
#include "core/check.h"

namespace sluice::app {

namespace {

constexpr Duration kFresh = 5min;  // how far back a rule's series counts as current: Prometheus's lookback

Labels group_labels(const rules::Group& group) {
  return {{"rule_group", group.key()}};
}

}  // namespace

HttpResponse App::answer_metrics(const HttpRequest& request) {
  const exposition::Format format = exposition::negotiate(find_header(request.headers, "Accept"));
  std::string body;
  page_.render(body, format);
  std::vector<exposition::ExposedFamily> families = own_metrics();
  add_rule_series(families);
  exposition::write(body, std::move(families), format);
  return {200, {{"Content-Type", std::string(exposition::content_type(format))}}, std::move(body)};
}

std::vector<exposition::ExposedFamily> App::own_metrics() {
  FamilyList list;
  list.add(kBuildInfo, 1, {{"version", SLUICE_VERSION}});
  add_process_metrics(list, to_seconds(started_));
  add_config_metrics(list);
  add_probe_metrics(list);
  add_rule_metrics(list);
  add_notify_metrics(list);
  add_forward_metrics(list);
  add_gate_metrics(list);
  std::vector<exposition::ExposedFamily> families = list.take();
  for (exposition::ExposedFamily& family : instruments_.collect()) families.push_back(std::move(family));
  return families;
}

void App::add_config_metrics(FamilyList& out) const {
  out.add(kConfigReloadOk, last_reload_ok_ ? 1 : 0);
  out.add(kConfigReloadTime, to_seconds(last_reload_at_));
  out.add(kLoopLag, to_seconds(loop_lag_));
  if (server_ != nullptr) out.add(kHttpBad, static_cast<double>(server_->stats().requests_bad));
}

void App::add_probe_metrics(FamilyList& out) const {
  const schedule::ScheduleStats& stats = probe_loop_->stats();
  out.add(kScheduleTargets, static_cast<double>(stats.targets));
  out.add(kUnassigned, static_cast<double>(probe_loop_->unassigned()));
  out.add(kScheduleInFlight, static_cast<double>(stats.in_flight));
  out.add(kProbeMissed, static_cast<double>(stats.missed));
  out.add(kProbeLate, static_cast<double>(stats.late));
  out.add(kProbeOverran, static_cast<double>(stats.overran));
  const store::StoreStats store = store_.stats();
  out.add(kStoreSeries, static_cast<double>(store.series));
  out.add(kStoreBytes, static_cast<double>(store.bytes));
  out.add(kStoreSamples, static_cast<double>(store.samples_appended_total));
  out.add(kStoreRefused, static_cast<double>(store.series_refused_total));
  out.add(kStoreOutOfOrder, static_cast<double>(store.out_of_order_total));
}

void App::add_rule_metrics(FamilyList& out) const {
  const auto& groups = rule_loop_->groups();
  const auto each = [&](const MetricFamily& family, auto value) {
    for (const auto& group : groups) out.add(family, value(*group), group_labels(*group));
  };
  // Rules of one name, such as one alert at two severities, share a series: `join` makes one number of
  // theirs.
  const auto each_rule = [&](const MetricFamily& family, auto value, auto join) {
    for (const auto& group : groups) {
      std::map<std::string, double> by_name;
      for (size_t i = 0; i < group->size(); ++i) {
        const std::optional<double> number = value(group->status(i));
        if (!number) continue;
        const auto [known, added] = by_name.emplace(group->rule(i).name(), *number);
        if (!added) known->second = join(known->second, *number);
      }
      for (const auto& [name, number] : by_name)
        out.add(family, number, group_labels(*group).with("rule", name));
    }
  };
  const auto least = [](double a, double b) { return std::min(a, b); };
  const auto most = [](double a, double b) { return std::max(a, b); };
  each(kRuleEvaluations,
       [](const rules::Group& g) { return static_cast<double>(g.stats().evaluations_total); });
  each(kRuleFailures, [](const rules::Group& g) { return static_cast<double>(g.stats().failures_total); });
  each(kRuleMissed, [](const rules::Group& g) { return static_cast<double>(g.stats().missed_total); });
  each(kRuleTemplateErrors,
       [](const rules::Group& g) { return static_cast<double>(g.stats().template_errors_total); });
  each(kRuleDuration, [](const rules::Group& g) { return to_seconds(g.stats().last_duration); });
  for (const auto& group : groups) {
    if (const auto& at = group->stats().last_evaluated_at)
      out.add(kRuleLastEvaluation, to_seconds(*at), group_labels(*group));
  }
  const auto healthy = [](const rules::RuleStatus& status) -> std::optional<double> {
    if (status.health == rules::RuleHealth::kUnknown) return std::nullopt;
    return status.health == rules::RuleHealth::kOk ? 1.0 : 0.0;
  };
  const auto no_data = [](const rules::RuleStatus& status) {
    return std::optional(status.no_data ? 1.0 : 0.0);
  };
  const auto refused = [](const rules::RuleStatus& status) {
    return std::optional(static_cast<double>(status.refused));
  };
  each_rule(kRuleHealthy, healthy, least);
  each_rule(kRuleNoData, no_data, most);
  each_rule(kRuleLimit, refused, std::plus<double>());
}

void App::add_notify_metrics(FamilyList& out) const {
  const alerts::PipelineStats stats = notify_loop_->pipeline().stats();
  out.add(kNotifyAlerts, static_cast<double>(stats.alerts));
  out.add(kNotifyGroups, static_cast<double>(stats.groups));
  out.add(kNotifyOutbox, static_cast<double>(stats.outbox));
  out.add(kNotifySilences, static_cast<double>(stats.silences));
  out.add(kNotifyJournalFailures, static_cast<double>(notify_loop_->stats().state_write_failures));
  out.add(kNotifyJournalWrites, static_cast<double>(notify_loop_->stats().state_writes));
  const auto each = [&](const MetricFamily& family, auto member) {
    for (const auto& [name, integration] : stats.integrations)
      out.add(family, static_cast<double>(integration.*member), {{"integration", name}});
  };
  each(kNotifyDelivered, &alerts::IntegrationStats::notifications_total);
  each(kNotifyAttempts, &alerts::IntegrationStats::attempts_total);
  each(kNotifyRefused, &alerts::IntegrationStats::refused_total);
  for (const auto& [name, integration] : stats.integrations) {
    for (const auto& [reason, count] : integration.failed_total) {
      out.add(kNotifyFailed, static_cast<double>(count), {{"integration", name}, {"reason", reason}});
    }
  }
}

void App::add_forward_metrics(FamilyList& out) const {
  const std::vector<ForwardLoop::View> views = forward_loop_->views();
  const auto each = [&](const MetricFamily& family, auto value) {
    for (const ForwardLoop::View& view : views)
      out.add(family, static_cast<double>(value(view.forwarder)), {{"alertmanager", view.name}});
  };
  each(kForwardSent, [](const alerts::Forwarder& f) { return f.stats().sent_total; });
  each(kForwardErrors, [](const alerts::Forwarder& f) { return f.stats().errors_total; });
  each(kForwardDropped, [](const alerts::Forwarder& f) { return f.stats().dropped_total; });
  each(kForwardQueue, [](const alerts::Forwarder& f) { return f.waiting(); });
}

void App::add_gate_metrics(FamilyList& out) const {
  const gate::Gate& gate = gate_loop_->gate();
  std::vector<const gate::PoolView*> views;
  for (const std::string& pool : gate.pools()) {
    if (const gate::PoolView* view = gate.view(pool)) views.push_back(view);
  }
  const auto each_target = [&](auto act) {
    for (const gate::PoolView* view : views) {
      for (const gate::TargetView& target : view->targets)
        act(*view, target, Labels{{"pool", view->pool}, {"instance", target.instance}});
    }
  };
  each_target([&](const gate::PoolView&, const gate::TargetView& target, const Labels& labels) {
    if (target.fleet != gate::Verdict::kUnknown)
      out.add(kUpstreamUp, target.fleet == gate::Verdict::kUp ? 1 : 0, labels);
  });
  each_target([&](const gate::PoolView& view, const gate::TargetView& target, const Labels& labels) {
    const bool disabled = target.entry.state == gate::Entry::State::kDisabled;
    out.add(kUpstreamDisabled, disabled ? 1 : 0, labels.with("mode", to_string(view.mode)));
  });
  each_target([&](const gate::PoolView&, const gate::TargetView& target, const Labels& labels) {
    out.add(kUpstreamVotes, target.votes.up, labels.with("state", "up"));
    out.add(kUpstreamVotes, target.votes.down, labels.with("state", "down"));
    out.add(kUpstreamVotes, target.votes.unknown, labels.with("state", "unknown"));
    out.add(kUpstreamVotes, target.votes.stale, labels.with("state", "stale"));
  });
  for (const gate::PoolView* view : views) {
    for (const auto& [key, count] : gate.counters(view->pool)->decisions) {
      out.add(kUpstreamDecisions, static_cast<double>(count),
              {{"pool", view->pool},
               {"action", std::string(to_string(key.first))},
               {"mode", std::string(to_string(key.second))}});
    }
  }
  for (const gate::PoolView* view : views) {
    for (const auto& [hold, count] : gate.counters(view->pool)->holds) {
      out.add(kUpstreamHolds, static_cast<double>(count),
              {{"pool", view->pool}, {"hold", std::string(to_string(hold))}});
    }
  }
  for (const gate::PoolView* view : views) out.add(kPoolAllowed, view->allowed, {{"pool", view->pool}});
  for (const gate::PoolView* view : views) out.add(kPoolDisabled, view->disabled, {{"pool", view->pool}});
  for (const gate::PoolView* view : views) {
    if (view->freeze != gate::Hold::kNone)
      out.add(kPoolFrozen, 1, {{"pool", view->pool}, {"why", std::string(to_string(view->freeze))}});
  }
  for (const gate::PoolView* view : views) {
    out.add(kGateConflicts, static_cast<double>(gate.counters(view->pool)->conflicts),
            {{"pool", view->pool}});
  }
  for (const gate::PoolView* view : views) {
    if (view->api_failing >= 0) out.add(kPoolApiFailing, view->api_failing / 100.0, {{"pool", view->pool}});
  }
  const auto each_watched = [&](const MetricFamily& family, auto value) {
    for (const auto& [pool, readers] : reader_watch_->pools())
      out.add(family, static_cast<double>(value(readers.stats())), {{"pool", pool}});
  };
  each_watched(kReaders, [](const gate::ReaderStats& stats) { return stats.readers; });
  each_watched(kReadersBehind, [](const gate::ReaderStats& stats) { return stats.behind; });
  each_watched(kReaderLag, [](const gate::ReaderStats& stats) { return to_seconds(stats.lag); });
  out.add(kJournalDropped, static_cast<double>(journal_->dropped()));
  for (const gate::PoolView* view : views) {
    for (const gate::SickAgent& sick : view->sick)
      out.add(kAgentSick, 1, {{"pool", view->pool}, {"agent", sick.agent}});
  }
  out.add(kFleetAgents, static_cast<double>(fleet_loop_->members().size()));
  out.add(kNotifierRole, 1, {{"role", std::string(to_string(fleet_loop_->role()))}});
  if (gate_loop_->has_redis()) out.add(kRedisUp, gate_loop_->redis_connected() ? 1 : 0);
}

// What rules wrote and is current: ALERTS, ALERTS_FOR_STATE and recorded series.
void App::add_rule_series(std::vector<exposition::ExposedFamily>& out) const {
  const Timestamp now = edge_.clock.unix_now();
  std::set<std::string, std::less<>> names = rule_loop_->recorded();
  names.insert("ALERTS");
  names.insert("ALERTS_FOR_STATE");
  for (const std::string& name : names) {
    exposition::ExposedFamily family;
    family.name = name;
    family.type = MetricType::kGauge;
    family.help = name == "ALERTS"             ? "Pending and firing alerts."
                  : name == "ALERTS_FOR_STATE" ? "Since when an alert is active, in Unix seconds."
                                               : "Recorded by a rule.";
    const auto matcher = Matcher::make(MatchOp::kEqual, std::string(kMetricName), name);
    SLUICE_CHECK(matcher.has_value(), "an equality matcher cannot fail");
    const std::vector<Matcher> matchers = {*matcher};
    for (const store::SeriesId id : store_.select(matchers)) {
      const std::optional<Sample> sample = store_.newest(id);
      if (sample && !is_stale(sample->value) && sample->at > now - kFresh)
        family.samples.push_back({"", store_.labels(id), sample->value, {}});
    }
    if (!family.samples.empty()) out.push_back(std::move(family));
  }
}

}  // namespace sluice::app
