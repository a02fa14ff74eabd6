// What is said to whom: the conversations' half of the pipeline.

#include <fmt/format.h>

#include <algorithm>

#include "alerts/pipeline_state.h"
#include "core/check.h"

namespace sluice::alerts {
namespace {

// After this long a message that was refused for good is tried once more, in case somebody mended the
// receiver.
constexpr Duration kRefusedRetryMin = 15min;

// The order of alerts in a message. Source: Alertmanager's types.AlertSlice and model.LabelSet.Before.
bool comes_before(const Labels& a, const Labels& b) {
  for (const std::string_view name : {"job", "instance"}) {
    const std::string_view x = a.get(name), y = b.get(name);
    if (x == y) continue;
    if (x.empty() || y.empty()) return y.empty();
    return x < y;
  }
  if (a.size() != b.size()) return a.size() < b.size();
  auto x = a.begin(), y = b.begin();
  for (; x != a.end() && y != b.end(); ++x, ++y) {
    if (x->name != y->name) return x->name > y->name;
    if (x->value != y->value) return x->value < y->value;
  }
  return false;
}

bool all_about_refusals(const Conversation& conversation) {
  const auto& members = conversation.group->members;
  return std::all_of(members.begin(), members.end(), [](const auto& m) {
    return m.second.entry->alert->labels.get("alertname") == kRefusedAlertName;
  });
}

Alert refusal_alert(const Integration& integration) {
  Alert alert;
  alert.labels = Labels{{"alertname", std::string(kRefusedAlertName)},
                        {std::string(kRefusedIntegrationLabel), integration.name()},
                        {"receiver", integration.receiver},
                        {"severity", "warning"}};
  return alert;
}

}  // namespace

bool Pipeline::State::suppressed(AlertEntry& entry) {
  if (inhibitor.inhibiting(now, entry.alert->labels)) return true;
  if (entry.silence_epoch != silence_epoch) {
    entry.silence_epoch = silence_epoch;
    entry.silenced = !silences.silencing(now, entry.alert->labels).empty();
  }
  return entry.silenced;
}

bool Pipeline::State::muted(const Group& group) const {
  if (group.route == nullptr) return true;
  const auto any_contains = [&](const std::vector<std::string>& names) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      const NamedTimeInterval* named = config->find_time_interval(name);
      return named != nullptr && std::any_of(named->intervals.begin(), named->intervals.end(),
                                             [&](const TimeInterval& i) { return i.contains(now); });
    });
  };
  const auto& active = group.route->active_time_intervals;
  return (!active.empty() && !any_contains(active)) || any_contains(group.route->mute_time_intervals);
}

std::vector<Seen> Pipeline::State::look(const Group& group) {
  const bool quiet = muted(group);
  std::vector<Seen> seen;
  seen.reserve(group.members.size());
  for (const auto& [fingerprint, member] : group.members) {
    seen.push_back({fingerprint, &member.entry->alert, member.entry->alert->resolved_at(now),
                    quiet || member.guest || suppressed(*member.entry)});
  }
  return seen;
}

Visible Pipeline::State::visible(const Conversation& conversation, const std::vector<Seen>& seen) const {
  const LogEntry& log = conversation.log;
  Visible out;
  for (const Seen& alert : seen) {
    if (is_about(**alert.alert, *conversation.to)) continue;
    if (!alert.resolved) {
      if (!alert.suppressed) out.firing.push_back(alert.fingerprint);
    } else if (!alert.suppressed || contains(log.open, alert.fingerprint) ||
               contains(log.owed, alert.fingerprint)) {
      out.resolved.push_back(alert.fingerprint);
    }
  }
  return out;
}

NotifyRules Pipeline::State::rules(const Conversation& conversation) const {
  const Group& group = *conversation.group;
  return {.repeat_interval = group.repeat_interval,
          .refused_retry = std::max(group.group_interval, kRefusedRetryMin),
          .send_resolved = conversation.to->send_resolved,
          .closing = conversation.closing};
}

void Pipeline::State::consider(Conversation& conversation, const std::vector<Seen>& seen, Effects& effects) {
  if (conversation.phase == Conversation::Phase::kInFlight) {
    conversation.reconsider = true;
    return;
  }
  const NotifyRules how = rules(conversation);
  const Visible now_visible = visible(conversation, seen);
  const auto reason = reason_to_notify(conversation.log, now_visible, how, now);
  if (!reason) {
    if (record_ended_quietly(conversation.log, now_visible, how)) save(conversation, effects, false);
    return;
  }
  if (record_owed(conversation.log, now_visible, how)) save(conversation, effects, true);
  if (conversation.phase == Conversation::Phase::kWaiting) return;
  conversation.attempts = 0;
  queue(conversation, now);
}

void Pipeline::State::queue(Conversation& conversation, Timestamp ready_at) {
  conversation.phase = Conversation::Phase::kWaiting;
  conversation.endpoint = outbox.endpoint(*conversation.to);
  const bool may_merge = endpoint_limit(*conversation.to).merge_max > 1 && !conversation.alone;
  const uint64_t merge_key = may_merge ? stable_hash(conversation.to->name()) | 1 : 0;
  outbox.put(conversation.endpoint, conversation.id, now, ready_at, merge_key);
}

void Pipeline::State::cancel(Conversation& conversation, Effects& effects) {
  conversation.phase = Conversation::Phase::kIdle;
  conversation.attempts = 0;
  if (record_nothing_owed(conversation.log)) save(conversation, effects, false);
}

std::optional<Notification> Pipeline::State::compose(Conversation& conversation, Effects& effects) {
  Group& group = *conversation.group;
  const NotifyRules how = rules(conversation);
  const std::vector<Seen> seen = look(group);
  Visible message = visible(conversation, seen);
  const auto reason = reason_to_notify(conversation.log, message, how, now);
  if (!how.send_resolved) message.resolved.clear();
  if (conversation.closing) message.firing.clear();
  if (!reason || message.empty()) return std::nullopt;
  conversation.withdrawn = withdraw_resolved(conversation.log, message);
  if (record_owed(conversation.log, message, how) || !conversation.withdrawn.empty()) {
    save(conversation, effects, true);
  }

  Notification out;
  out.group_key = group.key;
  out.group_labels = group.labels;
  out.now = now;
  out.repeat_interval = group.repeat_interval;
  out.reason = *reason;
  for (const Seen& alert : seen) {
    if (contains(alert.resolved ? message.resolved : message.firing, alert.fingerprint)) {
      out.alerts.push_back({*alert.alert, alert.resolved});
    }
  }
  std::sort(out.alerts.begin(), out.alerts.end(), [](const NotifiedAlert& a, const NotifiedAlert& b) {
    return comes_before(a.alert->labels, b.alert->labels);
  });
  conversation.message = std::move(message);
  conversation.sent_at = now;
  return out;
}

void Pipeline::State::dispatch(Effects& effects) {
  if (!telling) return;
  while (auto turn = outbox.next(now)) {
    Delivery delivery;
    InFlight flight{turn->endpoint, {}};
    for (const ConversationId id : turn->ids) {
      Conversation& conversation = *conversations.at(id);
      auto notification = compose(conversation, effects);
      if (!notification) {
        cancel(conversation, effects);
        settle(*conversation.group, effects);
        continue;
      }
      conversation.phase = Conversation::Phase::kInFlight;
      delivery.attempt = std::max(delivery.attempt, ++conversation.attempts);
      delivery.to = conversation.to;
      delivery.notifications.push_back(std::move(*notification));
      flight.conversations.push_back(id);
    }
    if (flight.conversations.empty()) continue;
    delivery.id = next_delivery_id++;
    outbox.sent(turn->endpoint, now);
    IntegrationStats& stats = counters_of(*delivery.to);
    ++stats.attempts_total;
    if (flight.conversations.size() > 1) stats.merged_total += flight.conversations.size();
    in_flight.emplace(delivery.id, std::move(flight));
    effects.send.push_back(std::move(delivery));
  }
}

void Pipeline::State::on_delivered(Conversation& conversation, Effects& effects) {
  Group& group = *conversation.group;
  conversation.phase = Conversation::Phase::kIdle;
  conversation.attempts = 0;
  conversation.alone = false;
  conversation.unshared = true;
  if (record_delivered(conversation.log, conversation.message, rules(conversation), conversation.sent_at)) {
    save(conversation, effects, false);
  }
  take_heard(conversation, effects);
  if (std::exchange(conversation.reconsider, false)) consider(conversation, look(group), effects);
  settle(group, effects);
}

void Pipeline::State::on_retry(Conversation& conversation, const DeliveryOutcome& outcome, Effects& effects) {
  conversation.reconsider = false;  // the message is composed anew anyway
  if (outcome.maybe_delivered) {
    if (record_uncertain(conversation.log, conversation.message, rules(conversation))) {
      conversation.unshared = true;
      save(conversation, effects, false);
    }
  } else if (put_back(conversation.log, conversation.withdrawn)) {
    save(conversation, effects, false);
  }
  const Duration wait = retry_delay(Backoff{}, conversation.attempts, outcome.retry_after, random);
  queue(conversation, now + std::chrono::ceil<std::chrono::milliseconds>(wait));
  take_heard(conversation, effects);
}

void Pipeline::State::on_refused(Conversation& conversation, const DeliveryOutcome& outcome,
                                 Effects& effects) {
  Group& group = *conversation.group;
  conversation.phase = Conversation::Phase::kIdle;
  conversation.attempts = 0;
  conversation.alone = false;
  record_refused(conversation.log, conversation.message, now);
  save(conversation, effects, false);
  take_heard(conversation, effects);
  report_refusal(conversation, outcome, effects);
  if (std::exchange(conversation.reconsider, false)) consider(conversation, look(group), effects);
  settle(group, effects);
}

void Pipeline::State::report_refusal(const Conversation& conversation, const DeliveryOutcome& outcome,
                                     Effects& effects) {
  effects.events.push_back({LogLevel::kError,
                            "notification refused for good, dropped",
                            {{"integration", conversation.to->name()},
                             {"group", conversation.group->key},
                             {"reason", to_string(outcome.reason)},
                             {"detail", outcome.detail}}});
  // A refused alert about a refusal would go round in circles.
  if (all_about_refusals(conversation)) return;
  Alert alert = refusal_alert(*conversation.to);
  alert.annotations =
      Labels{{"summary", fmt::format("{} refuses notifications", conversation.to->name())},
             {"description",
              fmt::format("A notification was dropped because the receiver will never take it ({}): {}",
                          to_string(outcome.reason), outcome.detail)}};
  alert.ends_at = now + to_ms(2 * rules(conversation).refused_retry);
  ingest(std::move(alert), effects);
}

void Pipeline::State::report_recovery(const Integration& integration, Effects& effects) {
  Alert alert = refusal_alert(integration);
  const auto found = alerts.find(alert.fingerprint());
  if (found == alerts.end() || found->second->alert->resolved_at(now)) return;
  alert = *found->second->alert;
  alert.ends_at = now;
  alert.updated_at = now;
  ingest(std::move(alert), effects);
}

IntegrationStats& Pipeline::State::counters_of(const Integration& integration) {
  return counters.integrations[integration.name()];
}

}  // namespace sluice::alerts
