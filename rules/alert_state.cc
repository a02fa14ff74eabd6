#include "rules/alert_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sluice::rules {

namespace {

Alert to_alert(const ActiveAlert& active, Timestamp now, Timestamp ends_at) {
  Alert alert;
  alert.labels = active.labels;
  alert.annotations = active.annotations;
  alert.starts_at = active.fired_at.value_or(active.active_at);
  alert.ends_at = ends_at;
  alert.updated_at = now;
  return alert;
}

bool is_active(const ActiveAlert& alert) {
  return alert.status != AlertStatus::kResolved;
}

// A pending alert is nobody's business. A resolution is sent at once, everything else about every
// resend_delay.
bool needs_sending(const ActiveAlert& alert, Timestamp now, Duration resend_delay) {
  if (alert.status == AlertStatus::kPending) return false;
  if (!alert.last_sent_at) return true;
  if (alert.resolved_at && *alert.resolved_at > *alert.last_sent_at) return true;
  return *alert.last_sent_at + to_ms(resend_delay) < now;
}

}  // namespace

std::string_view to_string(AlertStatus status) {
  switch (status) {
    case AlertStatus::kPending:
      return "pending";
    case AlertStatus::kFiring:
      return "firing";
    case AlertStatus::kResolved:
      return "inactive";
  }
  return "inactive";
}

std::string_view to_string(Held held) {
  switch (held) {
    case Held::kNo:
      return "no";
    case Held::kKeepFiringFor:
      return "keep_firing_for";
    case Held::kHysteresis:
      return "resolve_expr";
    case Held::kNoData:
      return "no_data";
    case Held::kSettling:
      return "restart";
    case Held::kError:
      return "error";
  }
  return "no";
}

std::string_view to_string(NoData policy) {
  switch (policy) {
    case NoData::kKeep:
      return "keep";
    case NoData::kResolve:
      return "ok";
    case NoData::kAlert:
      return "alert";
  }
  return "keep";
}

std::optional<NoData> parse_no_data(std::string_view text) {
  for (const NoData policy : {NoData::kKeep, NoData::kResolve, NoData::kAlert}) {
    if (text == to_string(policy)) return policy;
  }
  return std::nullopt;
}

std::vector<const ActiveAlert*> AlertState::alerts() const {
  std::vector<const ActiveAlert*> out;
  out.reserve(alerts_.size());
  for (const auto& [labels, alert] : alerts_) out.push_back(&alert);
  return out;
}

size_t AlertState::active() const {
  return static_cast<size_t>(std::count_if(alerts_.begin(), alerts_.end(),
                                           [](const auto& entry) { return is_active(entry.second); }));
}

AlertStatus AlertState::status() const {
  AlertStatus worst = AlertStatus::kResolved;
  for (const auto& [labels, alert] : alerts_) {
    if (alert.status == AlertStatus::kFiring) return AlertStatus::kFiring;
    if (alert.status == AlertStatus::kPending) worst = AlertStatus::kPending;
  }
  return worst;
}

AlertStep AlertState::observe(Timestamp now, std::vector<AlertElement> elements,
                              const std::function<Vanished(const ActiveAlert&)>& vanished) {
  std::sort(elements.begin(), elements.end(),
            [](const AlertElement& a, const AlertElement& b) { return a.labels < b.labels; });
  const auto duplicate =
      std::adjacent_find(elements.begin(), elements.end(),
                         [](const AlertElement& a, const AlertElement& b) { return a.labels == b.labels; });
  if (duplicate != elements.end()) {
    return on_error(
        now, fmt::format("vector contains metrics with the same labelset after applying alert labels: {}",
                         duplicate->labels.to_string()));
  }

  AlertStep step;
  const bool skipped = skip_blind_time(now, true);

  // Those that are gone first: they make room under the limit.
  auto element = elements.begin();
  for (auto it = alerts_.begin(); it != alerts_.end();) {
    while (element != elements.end() && element->labels < it->first) ++element;
    ActiveAlert& alert = it->second;
    if (element != elements.end() && element->labels == it->first) {
      ++it;
    } else if (alert.status == AlertStatus::kFiring) {
      judge_vanished(now, alert, vanished(alert), step);
      ++it;
    } else if (alert.status == AlertStatus::kPending && alert.restored && settled_at_ && now < *settled_at_) {
      hold(now, alert, Held::kSettling);
      if (!skipped && last_evaluated_at_) alert.active_at += now - *last_evaluated_at_;
      ++it;
    } else if (alert.status == AlertStatus::kPending) {
      step.transitions.push_back({alert.labels, AlertStatus::kPending, std::nullopt, Held::kNo});
      it = alerts_.erase(it);
    } else if (now - *alert.resolved_at > kResolvedRetention) {
      step.state_changed = true;
      it = alerts_.erase(it);
    } else {
      ++it;
    }
  }

  accept(now, elements, step);
  collect_sends(now, step);
  last_evaluated_at_ = now;
  step.state_changed |= !step.transitions.empty();
  return step;
}

void AlertState::accept(Timestamp now, std::vector<AlertElement>& elements, AlertStep& step) {
  size_t count = active();
  for (AlertElement& element : elements) {
    auto it = alerts_.find(element.labels);
    if (it == alerts_.end() || !is_active(it->second)) {
      if (policy_.limit != 0 && count >= policy_.limit) {
        ++step.refused;
        continue;
      }
      ++count;
      ActiveAlert fresh;
      fresh.labels = element.labels;
      fresh.active_at = now;
      it = alerts_.insert_or_assign(element.labels, std::move(fresh)).first;
      step.transitions.push_back({element.labels, std::nullopt, AlertStatus::kPending, Held::kNo});
    }
    ActiveAlert& alert = it->second;
    alert.result_labels = std::move(element.result_labels);
    alert.annotations = std::move(element.annotations);
    alert.value = element.value;
    alert.held = Held::kNo;
    alert.keep_firing_since.reset();
    alert.blind_since.reset();
    if (std::exchange(alert.restored, false)) alert.last_sent_at.reset();  // now it is more than a memory
    promote(now, alert, step);
  }
  if (step.refused > 0) {
    step.error = fmt::format("exceeded limit of {} with {} alerts", policy_.limit, count + step.refused);
  }
}

void AlertState::promote(Timestamp now, ActiveAlert& alert, AlertStep& step) {
  if (alert.status == AlertStatus::kPending && now - alert.active_at >= policy_.hold) {
    alert.status = AlertStatus::kFiring;
    alert.fired_at = now;
    alert.last_sent_at.reset();
    step.transitions.push_back({alert.labels, AlertStatus::kPending, AlertStatus::kFiring, Held::kNo});
    return;
  }
  // A reload made `for` longer than this alert is old. It earned its firing under the old rule, so it has to
  // earn it again; whoever was told is told that it is over. (Comparing with fired_at too keeps a clock that
  // steps back from looking like a longer `for`.)
  if (alert.status == AlertStatus::kFiring && now - alert.active_at < policy_.hold &&
      *alert.fired_at - alert.active_at < policy_.hold) {
    step.send.push_back(to_alert(alert, now, now));
    alert.status = AlertStatus::kPending;
    alert.fired_at.reset();
    alert.last_sent_at.reset();
    step.transitions.push_back({alert.labels, AlertStatus::kFiring, AlertStatus::kPending, Held::kNo});
  }
}

void AlertState::judge_vanished(Timestamp now, ActiveAlert& alert, Vanished why, AlertStep& step) {
  if (alert.restored && settled_at_ && now < *settled_at_) return hold(now, alert, Held::kSettling);

  if (why == Vanished::kDataLost && policy_.no_data != NoData::kResolve) {
    hold(now, alert, Held::kNoData);
    if (now - *alert.blind_since >= policy_.no_data_keep) resolve(now, alert, step);
    return;
  }
  alert.blind_since.reset();
  if (why == Vanished::kNotYetResolved) return hold(now, alert, Held::kHysteresis);

  if (policy_.keep_firing_for > Duration::zero()) {
    if (!alert.keep_firing_since) {
      alert.keep_firing_since = now;
      step.state_changed = true;
    }
    if (now - *alert.keep_firing_since < policy_.keep_firing_for)
      return hold(now, alert, Held::kKeepFiringFor);
  }
  resolve(now, alert, step);
}

void AlertState::hold(Timestamp now, ActiveAlert& alert, Held why) {
  const bool blind = why == Held::kNoData || why == Held::kError;
  if (blind && !alert.blind_since) alert.blind_since = now;
  alert.held = why;
}

void AlertState::resolve(Timestamp now, ActiveAlert& alert, AlertStep& step) {
  step.transitions.push_back({alert.labels, alert.status, AlertStatus::kResolved, alert.held});
  alert.status = AlertStatus::kResolved;
  alert.resolved_at = now;
  alert.held = Held::kNo;
}

AlertStep AlertState::on_error(Timestamp now, std::string error) {
  AlertStep step;
  step.error = std::move(error);
  skip_blind_time(now, false);
  for (auto& [labels, alert] : alerts_) {
    if (alert.status != AlertStatus::kFiring) continue;
    hold(now, alert, Held::kError);
    if (now - *alert.blind_since >= policy_.error_keep) resolve(now, alert, step);
  }
  collect_sends(now, step);
  last_evaluated_at_ = now;
  step.state_changed = !step.transitions.empty();
  return step;
}

bool AlertState::skip_blind_time(Timestamp now, bool looked_since_last_time) {
  const bool first_after_restart = restored_;
  if (restored_) {
    restored_ = false;
    settled_at_ = now + to_ms(2 * policy_.interval);
  }
  if ((looked_since_last_time && !first_after_restart) || !last_evaluated_at_ || now <= *last_evaluated_at_)
    return false;
  for (auto& [labels, alert] : alerts_) {
    if (alert.status == AlertStatus::kPending) alert.active_at += now - *last_evaluated_at_;
  }
  return true;
}

void AlertState::collect_sends(Timestamp now, AlertStep& step) {
  const auto validity = to_ms(4 * std::max(policy_.interval, policy_.resend_delay));
  for (auto& [labels, alert] : alerts_) {
    if (!needs_sending(alert, now, policy_.resend_delay)) continue;
    alert.last_sent_at = now;
    auto& send = alert.restored && !alert.resolved_at ? step.remembered : step.send;
    send.push_back(to_alert(alert, now, alert.resolved_at.value_or(now + validity)));
  }
}

std::vector<Alert> AlertState::retire(Timestamp now) {
  std::vector<Alert> out;
  for (auto& [labels, alert] : alerts_) {
    if (alert.status == AlertStatus::kFiring) out.push_back(to_alert(alert, now, now));
  }
  alerts_.clear();
  return out;
}

AlertState::Snapshot AlertState::snapshot() const {
  Snapshot out;
  out.last_evaluated_at = last_evaluated_at_;
  for (const auto& [labels, alert] : alerts_) out.alerts.push_back(alert);
  return out;
}

void AlertState::restore(Snapshot snapshot) {
  last_evaluated_at_ = snapshot.last_evaluated_at;
  restored_ = true;
  for (ActiveAlert& alert : snapshot.alerts) {
    // A snapshot is a file that may have been edited or written by another release: what the machine relies
    // on is made true here.
    if (alert.status == AlertStatus::kFiring && !alert.fired_at) alert.fired_at = alert.active_at;
    if (alert.status == AlertStatus::kResolved && !alert.resolved_at) continue;
    if (alert.status != AlertStatus::kResolved) alert.resolved_at.reset();
    // Tell the pipeline right away: it may have let the alert lapse while nobody repeated it.
    alert.last_sent_at.reset();
    alert.restored = true;
    Labels key = alert.labels;
    alerts_.insert_or_assign(std::move(key), std::move(alert));
  }
}

void AlertState::adopt(AlertState&& previous) {
  alerts_ = std::move(previous.alerts_);
  last_evaluated_at_ = previous.last_evaluated_at_;
  settled_at_ = previous.settled_at_;
  restored_ = previous.restored_;
}

std::vector<AlertSample> alert_samples(const AlertState& state) {
  std::vector<AlertSample> out;
  for (const ActiveAlert* alert : state.alerts()) {
    if (!is_active(*alert)) continue;
    const Labels named = alert->labels.with(kMetricName, "ALERTS");
    out.push_back({named.with("alertstate", to_string(alert->status)), 1});
    const auto seconds = std::chrono::floor<std::chrono::seconds>(alert->active_at);
    out.push_back({alert->labels.with(kMetricName, "ALERTS_FOR_STATE"),
                   static_cast<double>(seconds.time_since_epoch().count())});
  }
  return out;
}

}  // namespace sluice::rules
