#include "alerts/notification_log.h"

#include <algorithm>
#include <iterator>

namespace sluice::alerts {

bool contains(const FingerprintSet& set, Fingerprint fingerprint) {
  return std::binary_search(set.begin(), set.end(), fingerprint);
}

bool is_subset(const FingerprintSet& small, const FingerprintSet& large) {
  return std::includes(large.begin(), large.end(), small.begin(), small.end());
}

bool intersects(const FingerprintSet& a, const FingerprintSet& b) {
  for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end();) {
    if (*x == *y) return true;
    *x < *y ? ++x : ++y;
  }
  return false;
}

FingerprintSet united(const FingerprintSet& a, const FingerprintSet& b) {
  FingerprintSet out;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

FingerprintSet without(const FingerprintSet& a, const FingerprintSet& b) {
  FingerprintSet out;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

bool LogEntry::blank() const {
  return firing.empty() && open.empty() && owed.empty() && refused_firing.empty() && refused_resolved.empty();
}

std::optional<NotifyReason> reason_to_notify(const LogEntry& entry, const Visible& visible,
                                             const NotifyRules& rules, Timestamp now) {
  if (visible.empty()) return std::nullopt;
  const bool refused =
      entry.refused_at != Timestamp{} && now < entry.refused_at + to_ms(rules.refused_retry) &&
      is_subset(visible.firing, entry.refused_firing) && is_subset(visible.resolved, entry.refused_resolved);
  if (refused) return std::nullopt;

  const bool must_resolve = rules.send_resolved && (intersects(visible.resolved, entry.open) ||
                                                    intersects(visible.resolved, entry.owed));
  if (rules.closing) return must_resolve ? std::optional(NotifyReason::kResolved) : std::nullopt;
  if (!is_subset(visible.firing, entry.firing)) {
    return entry.firing.empty() ? NotifyReason::kFirst : NotifyReason::kNewAlerts;
  }
  if (must_resolve) return NotifyReason::kResolved;
  if (visible.firing.empty()) {
    return rules.send_resolved && !entry.firing.empty() ? std::optional(NotifyReason::kResolved)
                                                        : std::nullopt;
  }
  if (rules.send_resolved && !is_subset(visible.resolved, entry.resolved)) return NotifyReason::kResolved;
  if (entry.told_at + to_ms(rules.repeat_interval) <= now) return NotifyReason::kRepeat;
  return std::nullopt;
}

std::optional<Timestamp> repeat_due(const LogEntry& entry, const NotifyRules& rules) {
  if (entry.firing.empty() || rules.closing) return std::nullopt;
  return entry.told_at + to_ms(rules.repeat_interval);
}

bool record_owed(LogEntry& entry, const Visible& message, const NotifyRules& rules) {
  if (!rules.send_resolved || is_subset(message.firing, united(entry.open, entry.owed))) return false;
  entry.owed = united(entry.owed, without(message.firing, entry.open));
  return true;
}

bool record_delivered(LogEntry& entry, const Visible& message, const NotifyRules& rules, Timestamp sent_at) {
  const LogEntry before = entry;
  entry.told_at = sent_at;
  entry.firing = message.firing;
  entry.resolved = message.resolved;
  if (rules.send_resolved) entry.open = without(united(entry.open, message.firing), message.resolved);
  entry.owed.clear();
  entry.refused_at = Timestamp{};
  entry.refused_firing.clear();
  entry.refused_resolved.clear();
  return entry != before;
}

bool record_uncertain(LogEntry& entry, const Visible& message, const NotifyRules& rules) {
  if (!rules.send_resolved) return false;
  const bool news = !is_subset(message.firing, entry.firing) || !is_subset(message.firing, entry.open);
  entry.open = united(entry.open, message.firing);
  entry.owed = without(entry.owed, entry.open);
  return news;
}

FingerprintSet withdraw_resolved(LogEntry& entry, const Visible& message) {
  FingerprintSet withdrawn;
  for (const Fingerprint fingerprint : message.resolved) {
    // What is not open could not ask for its resolve again.
    if (contains(entry.firing, fingerprint) && contains(entry.open, fingerprint))
      withdrawn.push_back(fingerprint);
  }
  entry.firing = without(entry.firing, withdrawn);
  return withdrawn;
}

bool put_back(LogEntry& entry, const FingerprintSet& withdrawn) {
  if (withdrawn.empty()) return false;
  entry.firing = united(entry.firing, withdrawn);
  return true;
}

bool record_refused(LogEntry& entry, const Visible& message, Timestamp now) {
  entry.refused_at = now;
  entry.refused_firing = message.firing;
  entry.refused_resolved = message.resolved;
  entry.owed.clear();
  entry.open = without(entry.open, message.resolved);
  if (message.firing.empty()) entry.firing.clear();
  return true;
}

bool record_nothing_owed(LogEntry& entry) {
  if (entry.owed.empty()) return false;
  entry.owed.clear();
  return true;
}

bool record_ended_quietly(LogEntry& entry, const Visible& visible, const NotifyRules& rules) {
  const bool ended = !rules.send_resolved && visible.firing.empty() && !visible.resolved.empty();
  if (!ended || entry.firing.empty()) return false;
  entry.firing.clear();
  return true;
}

}  // namespace sluice::alerts
