#include "agent/app/rule_loop.h"

#include <algorithm>
#include <functional>
#include <set>

#include "agent/app/rule_state.h"

namespace sluice::app {

namespace asio = boost::asio;

namespace {

// Rules run on the state thread: an expensive one is ended, as an error of its own, before the agent seems
// dead.
constexpr Duration kEvaluationMax = 10s;

// Whether the configuration still has the target that labels speak of. Labels that name none are watched
// always.
std::function<bool(const Labels&)> watched_by(const config::Config& config) {
  std::set<std::string, std::less<>> jobs = {"sluice"}, instances = {config.agent.name};
  for (const config::Job& job : config.jobs) {
    jobs.insert(job.name);
    for (const config::Target& target : job.targets) instances.insert(target.instance);
  }
  return [jobs = std::move(jobs), instances = std::move(instances)](const Labels& labels) {
    const std::string_view job = labels.get("job"), instance = labels.get("instance");
    return (job.empty() || jobs.contains(job)) && (instance.empty() || instances.contains(instance));
  };
}

}  // namespace

RuleLoop::RuleLoop(Edge& edge, store::SampleStore& store, OnAlerts on_alerts)
    : edge_(edge), store_(store), on_alerts_(std::move(on_alerts)), wakeup_(edge) {}

void RuleLoop::configure(const config::Config& config) {
  rules::GroupOptions options;
  options.interval = config.global.evaluation_interval;
  options.external_labels = config.global.external_labels;
  options.external_url = config.people_url();
  recorded_.clear();
  for (const rules::RuleGroup& group : config.rule_groups) {
    for (const rules::Rule& rule : group.rules) {
      if (!rule.is_alert()) recorded_.insert(rule.record);
    }
  }
  options.recorded_names = recorded_;
  options.watched = watched_by(config);
  options.interrupted = [this] { return edge_.clock.now() > deadline_; };

  const Timestamp now = edge_.clock.unix_now();
  std::map<std::string, std::unique_ptr<rules::Group>> previous;
  for (auto& group : groups_) previous.emplace(group->key(), std::move(group));
  groups_.clear();
  for (const rules::RuleGroup& group : config.rule_groups) {
    groups_.push_back(std::make_unique<rules::Group>(group, options));
    const auto before = previous.find(groups_.back()->key());
    if (before == previous.end()) continue;
    take_result(*groups_.back(), groups_.back()->adopt(std::move(*before->second), now, store_));
    previous.erase(before);
  }
  for (auto& [key, group] : previous) take_result(*group, group->retire(now, store_));
  wakeup_.notify();
}

Timestamp RuleLoop::next_due(Timestamp now) const {
  Timestamp next = Timestamp::max();
  for (const auto& group : groups_) next = std::min(next, group->next_due(now));
  return next;
}

asio::awaitable<void> RuleLoop::run() {
  while (!stopping_) {
    const Timestamp now = edge_.clock.unix_now();
    const Timestamp next = next_due(now);
    // Groups are due in Unix time, which may step: look again at least every second.
    const Duration wait = next == Timestamp::max()
                              ? Duration(1s)
                              : std::clamp<Duration>(next - now, Duration(1ms), Duration(1s));
    co_await wakeup_.wait_until(edge_.clock.now() + wait);
    for (size_t i = 0; i < groups_.size() && !stopping_; ++i) {
      const Timestamp at = edge_.clock.unix_now();
      if (groups_[i]->next_due(at) <= at) evaluate(*groups_[i], at);
    }
  }
}

void RuleLoop::stop() {
  stopping_ = true;
  wakeup_.notify();
}

void RuleLoop::evaluate(rules::Group& group, Timestamp now) {
  const Instant began = edge_.clock.now();
  deadline_ = began + kEvaluationMax;
  rules::GroupResult result = group.evaluate(now, store_);
  group.set_duration(edge_.clock.now() - began);
  take_result(group, std::move(result));
}

void RuleLoop::take_result(const rules::Group& group, rules::GroupResult result) {
  if (result.missed > 0) {
    edge_.log.warn("rule group missed evaluations",
                   {{"group", group.config().name}, {"missed", result.missed}});
  }
  for (const rules::RuleEvent& event : result.events) log_event(group, event);
  if (result.state_changed) ++changes_;
  if (!result.alerts.empty() || !result.remembered.empty())
    on_alerts_(std::move(result.alerts), std::move(result.remembered));
}

void RuleLoop::log_event(const rules::Group& group, const rules::RuleEvent& event) {
  std::vector<LogField> fields = {{"group", group.config().name}};
  if (event.rule < group.size()) fields.emplace_back("rule", group.rule(event.rule).name());
  if (!event.labels.empty()) fields.emplace_back("labels", event.labels.to_string());
  if (!event.detail.empty()) fields.emplace_back("detail", event.detail);
  using enum rules::RuleEvent::Kind;
  const std::string message = "alert rule: " + std::string(to_string(event.kind));
  switch (event.kind) {
    case kPending:
    case kDropped:
      edge_.log.debug(message, fields);
      break;
    case kFiring:
    case kErrorBegan:
    case kNoDataBegan:
    case kTemplateError:
    case kLimitExceeded:
      edge_.log.warn(message, fields);
      break;
    case kResolved:
    case kErrorEnded:
    case kNoDataEnded:
      edge_.log.info(message, fields);
      break;
  }
}

std::string RuleLoop::snapshot() const {
  std::vector<rules::Group::Snapshot> snapshots;
  for (const auto& group : groups_) snapshots.push_back(group->snapshot());
  return write_rule_state(snapshots);
}

Result<void> RuleLoop::restore(std::string_view text) {
  auto snapshots = parse_rule_state(text);
  if (snapshots.has_error()) return snapshots.error();
  for (const auto& group : groups_) {
    for (const rules::Group::Snapshot& snapshot : *snapshots) {
      if (snapshot.file == group->config().file && snapshot.name == group->config().name)
        group->restore(snapshot);
    }
  }
  return {};
}

}  // namespace sluice::app
