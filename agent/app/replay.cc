#include "agent/app/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "agent/app/gate_loop.h"
#include "alerts/pipeline.h"
#include "core/check.h"
#include "rules/group.h"

namespace sluice::app {
namespace {

Instant instant_of(Timestamp at) {
  return Instant(Duration(at.time_since_epoch()));
}

Timestamp time_of(Instant at) {
  return at == Instant::max()
             ? Timestamp::max()
             : Timestamp(std::chrono::ceil<std::chrono::milliseconds>(at.time_since_epoch()));
}

class Replay {
 public:
  Replay(const config::Config& config, ReplayInput input, Timestamp from, Timestamp to)
      : config_(config), input_(std::move(input)), now_(from), end_(to) {
    report_.from = from;
    report_.to = to;
    report_.agents = input_.journals.size();
    for (const config::Job& job : config.jobs) {
      for (const config::Target& target : job.targets) {
        Watched& watched = watched_[{job.name, target.instance}];
        watched.address = target.address;
        if (job.upstream) watched.pool = job.upstream->pool;
      }
    }
    for (const Journal& journal : input_.journals) {
      gates_.push_back(std::make_unique<gate::Gate>(journal.agent, ""));
      gates_.back()->configure(instant_of(from), pool_setups(config));
      cursors_.push_back(0);
    }
    set_up_rules();
    if (config.alerting != nullptr) {
      pipeline_ = std::make_unique<alerts::Pipeline>(config.alerting, alerts::PipelineOptions{});
    }
  }

  ReplayReport run() {
    // Health and votes are as the probes before the window left them.
    while (next_probe_at() < now_) take_probe(true);
    for (;;) {
      const Timestamp next = std::min({next_probe_at(), next_turn_at(), next_rules_at(), next_message_at()});
      if (next > end_) break;
      now_ = std::max(now_, next);
      if (next_probe_at() <= now_) {
        take_probe(false);
      } else if (next_turn_at() <= now_) {
        take_turns();
      } else if (next_rules_at() <= now_) {
        evaluate_rules();
      } else {
        notify({});
      }
    }
    finish();
    return std::move(report_);
  }

 private:
  struct Watched {
    std::string address;
    std::string pool;  // empty: in none
  };

  void set_up_rules() {
    rules::GroupOptions options;
    options.interval = config_.global.evaluation_interval;
    options.external_labels = config_.global.external_labels;
    options.external_url = config_.people_url();
    for (const rules::RuleGroup& group : config_.rule_groups) {
      for (const rules::Rule& rule : group.rules) {
        if (!rule.is_alert()) options.recorded_names.insert(rule.record);
      }
    }
    for (const rules::RuleGroup& group : config_.rule_groups) {
      groups_.push_back(std::make_unique<rules::Group>(group, options));
    }
  }

  // The agent whose probe comes next, and when.
  std::pair<size_t, Timestamp> next_probe() const {
    std::pair<size_t, Timestamp> next{0, Timestamp::max()};
    for (size_t i = 0; i < cursors_.size(); ++i) {
      const auto& probes = input_.journals[i].probes;
      if (cursors_[i] < probes.size() && probes[cursors_[i]].at < next.second) {
        next = {i, probes[cursors_[i]].at};
      }
    }
    return next;
  }
  Timestamp next_probe_at() const { return next_probe().second; }

  // Agents decide by themselves in a fleet, on the same facts with the same code: one of them is enough here.
  gate::Gate& decider() { return *gates_.front(); }

  Timestamp next_turn_at() {
    Timestamp next = Timestamp::max();
    for (const std::string& pool : decider().pools())
      next = std::min(next, time_of(decider().next_turn(pool)));
    return next;
  }

  Timestamp next_rules_at() {
    Timestamp next = Timestamp::max();
    for (const auto& group : groups_) next = std::min(next, group->next_due(now_));
    return next;
  }

  Timestamp next_message_at() const {
    return pipeline_ == nullptr ? Timestamp::max() : pipeline_->next_wake().value_or(Timestamp::max());
  }

  void take_probe(bool before_window) {
    const size_t agent = next_probe().first;
    const JournalProbe& probe = input_.journals[agent].probes[cursors_[agent]++];
    const auto watched = watched_.find({probe.job, probe.instance});
    if (!before_window) ++report_.probes;
    if (watched == watched_.end()) {
      if (!before_window) ++report_.unknown_probes;
      return;
    }
    const Instant at = instant_of(probe.at);
    const bool good = probe.reason.empty();
    gates_[agent]->observe_api(at, probe.job, probe.instance, good);
    if (!watched->second.pool.empty()) {
      const gate::Seen seen = gates_[agent]->observe(at, watched->second.pool, watched->second.address, good,
                                                     good ? "ok" : probe.reason);
      if (seen.change) decider().look_again(watched->second.pool, at);
    }
    // Rules see what the first agent sees.
    if (agent == 0 && !input_.samples_have_probes) write_samples(probe);
  }

  void write(std::string_view name, Labels labels, Timestamp at, double value) {
    labels.set(kMetricName, std::string(name));
    (void)input_.samples.append(labels, {at, value});
  }

  void write_samples(const JournalProbe& probe) {
    const Labels target{{"job", probe.job}, {"instance", probe.instance}};
    write("probe_success", target, probe.at, probe.reason.empty() ? 1 : 0);
    write("probe_duration_seconds", target, probe.at, to_seconds(probe.took));
    write("up", target, probe.at, 1);
    std::string& last_reason = last_reasons_[{probe.job, probe.instance}];
    if (!last_reason.empty() && last_reason != probe.reason) {
      write("sluice_probe_failure_reason", target.with("reason", last_reason), probe.at, stale_marker());
    }
    if (!probe.reason.empty())
      write("sluice_probe_failure_reason", target.with("reason", probe.reason), probe.at, 1);
    last_reason = probe.reason;
  }

  void take_turns() {
    const Instant now = instant_of(now_);
    for (const std::string& pool : decider().pools()) {
      if (decider().next_turn(pool) > now) continue;
      gate::PoolFacts facts = decider().local_facts(pool, now, now_);
      for (size_t i = 1; i < gates_.size(); ++i)
        facts.agents.push_back(gates_[i]->own_votes(pool, now, now_));
      const gate::GateEffects effects = decider().tick(pool, now, facts, now_);
      for (const gate::GateEvent& event : effects.events) note(event);
      decider().committed(pool, effects);
      write_gate_samples(pool);
    }
  }

  void note(const gate::GateEvent& event) {
    const auto open = std::find_if(
        report_.disabled.rbegin(), report_.disabled.rend(), [&](const ReplayDisabling& disabling) {
          return disabling.pool == event.pool && disabling.target == event.target && !disabling.to;
        });
    const bool was_disabled = open != report_.disabled.rend();
    if (event.action == gate::Action::kDisable) {
      if (!was_disabled)
        report_.disabled.push_back(
            {event.pool, event.target, event.mode, now_, std::nullopt, event.evidence, ""});
    } else if (was_disabled &&
               (event.action == gate::Action::kEnable || event.action == gate::Action::kLapse)) {
      open->to = now_;
      open->ended = event.action == gate::Action::kLapse ? "its lease ran out" : event.reason;
    }
  }

  void write_gate_samples(const std::string& pool) {
    const gate::PoolView& view = *decider().view(pool);
    for (const gate::TargetView& target : view.targets) {
      const Labels labels{{"job", "sluice"}, {"pool", pool}, {"instance", target.instance}};
      if (target.fleet != gate::Verdict::kUnknown)
        write("sluice_upstream_up", labels, now_, target.fleet == gate::Verdict::kUp ? 1 : 0);
      const bool disabled = target.entry.state == gate::Entry::State::kDisabled;
      write("sluice_upstream_disabled", labels.with("mode", to_string(view.mode)), now_, disabled ? 1 : 0);
    }
    const Labels labels{{"job", "sluice"}, {"instance", config_.agent.name}, {"pool", pool}};
    write("sluice_pool_disabled", labels, now_, view.disabled);
    write("sluice_pool_disabled_max", labels, now_, view.allowed);
    std::string& last = last_freezes_[pool];
    const std::string why(view.freeze == gate::Hold::kNone ? "" : to_string(view.freeze));
    if (!last.empty() && last != why)
      write("sluice_pool_frozen", labels.with("why", last), now_, stale_marker());
    if (!why.empty()) write("sluice_pool_frozen", labels.with("why", why), now_, 1);
    last = why;
  }

  void evaluate_rules() {
    std::vector<Alert> alerts;
    for (const auto& group : groups_) {
      if (group->next_due(now_) > now_) continue;
      rules::GroupResult result = group->evaluate(now_, input_.samples);
      for (Alert& alert : result.alerts) alerts.push_back(std::move(alert));
      for (const rules::RuleEvent& event : result.events) note(*group, event);
    }
    if (!alerts.empty()) notify(alerts);
  }

  void note(const rules::Group& group, const rules::RuleEvent& event) {
    if (event.rule >= group.size()) return;
    const std::string name = group.rule(event.rule).name();
    if (event.kind == rules::RuleEvent::Kind::kFiring) {
      report_.alerts.push_back({name, event.labels, now_, std::nullopt});
    } else if (event.kind == rules::RuleEvent::Kind::kResolved) {
      const auto open =
          std::find_if(report_.alerts.rbegin(), report_.alerts.rend(), [&](const ReplayAlert& alert) {
            return alert.name == name && alert.labels == event.labels && !alert.to;
          });
      if (open != report_.alerts.rend()) open->to = now_;
    }
  }

  void notify(const std::vector<Alert>& alerts) {
    if (pipeline_ == nullptr) return;
    std::vector<alerts::Delivery> due = pipeline_->step(now_, alerts).send;
    while (!due.empty()) {
      std::vector<alerts::Delivery> more;
      for (const alerts::Delivery& delivery : due) {
        note(delivery);
        for (alerts::Delivery& next : pipeline_->on_delivery(now_, delivery.id, {}).send)
          more.push_back(std::move(next));
      }
      due = std::move(more);
    }
  }

  void note(const alerts::Delivery& delivery) {
    ReplayMessage message{now_, delivery.to->receiver, std::string(delivery.to->name()), {}, {}};
    for (const alerts::Notification& notification : delivery.notifications) {
      for (const alerts::NotifiedAlert& alert : notification.alerts) {
        const Labels& labels = alert.alert->labels;
        std::string what(labels.get("alertname"));
        if (const std::string_view instance = labels.get("instance"); !instance.empty())
          what += fmt::format(" {}", instance);
        (alert.resolved ? message.resolved : message.firing).push_back(std::move(what));
      }
    }
    report_.messages.push_back(std::move(message));
  }

  void finish() {
    for (const std::string& pool : decider().pools()) {
      for (const auto& [hold, count] : decider().counters(pool)->holds)
        report_.held[{pool, std::string(to_string(hold))}] += count;
    }
    for (const auto& group : groups_) {
      for (size_t i = 0; i < group->size(); ++i) {
        const rules::Rule& rule = group->rule(i);
        if (rule.is_alert() && !group->status(i).had_data) report_.rules_without_data.push_back(rule.name());
      }
    }
  }

  const config::Config& config_;
  ReplayInput input_;
  Timestamp now_;
  Timestamp end_;
  ReplayReport report_;
  std::map<std::pair<std::string, std::string>, Watched> watched_;  // by job and instance
  std::vector<std::unique_ptr<gate::Gate>> gates_;                  // one per journal
  std::vector<size_t> cursors_;
  std::vector<std::unique_ptr<rules::Group>> groups_;
  std::unique_ptr<alerts::Pipeline> pipeline_;
  std::map<std::pair<std::string, std::string>, std::string> last_reasons_;
  std::map<std::string, std::string> last_freezes_;
};

}  // namespace

Journal journal_of_samples(const store::SampleStore& store) {
  Journal journal{.agent = "samples", .probes = {}, .damaged = 0};
  const auto matcher = Matcher::make(MatchOp::kEqual, std::string(kMetricName), "probe_success");
  SLUICE_CHECK(matcher.has_value(), "an equality matcher cannot fail");
  const std::vector<Matcher> matchers = {*matcher};
  std::vector<Sample> samples;
  for (const store::SeriesId id : store.select(matchers)) {
    const Labels& labels = store.labels(id);
    samples.clear();
    store.read(id, Timestamp::min(), Timestamp::max(), samples);
    for (const Sample& sample : samples) {
      if (is_stale(sample.value)) continue;
      journal.probes.push_back({sample.at, std::string(labels.get("job")),
                                std::string(labels.get("instance")), sample.value == 0 ? "failed" : "",
                                Duration{}});
    }
  }
  std::stable_sort(journal.probes.begin(), journal.probes.end(),
                   [](const JournalProbe& a, const JournalProbe& b) { return a.at < b.at; });
  return journal;
}

ReplayReport replay(const config::Config& config, ReplayInput input, Timestamp from, Timestamp to) {
  SLUICE_CHECK(!input.journals.empty(), "a replay needs a journal");
  return Replay(config, std::move(input), from, to).run();
}

}  // namespace sluice::app
