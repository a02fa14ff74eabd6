#pragma once
// What one integration was told about one group, and whether there is something new to say.
//
// Two memories. `last` is the content of the last message: comparing it with the group as it is now yields
// Alertmanager's deduplication (first, new alerts, resolved, repeat). `open` holds every alert the receiver
// believes to be firing, however long ago it was told; it is what the promise "told once, resolved once" is
// kept by: an alert leaves it only in a message that says resolved.
//
// `owed` are alerts that a message is due for which has not been acknowledged. They count as told when they
// end: a message that was due is not dropped because the alert was over before the receiver came back.
//
// Example: A fires; owed {A}; the message is delivered: open {A}, last firing {A}. A is silenced: nothing is
// visible, nothing is said. A ends while it is silenced: it is in `open`, so "resolved" is said in spite of
// the silence.

#include <cstdint>
#include <optional>
#include <vector>

#include "alerts/notification.h"
#include "core/alert.h"

namespace sluice::alerts {

// Sorted, unique.
using FingerprintSet = std::vector<Fingerprint>;
bool contains(const FingerprintSet& set, Fingerprint fingerprint);
bool is_subset(const FingerprintSet& small, const FingerprintSet& large);
bool intersects(const FingerprintSet& a, const FingerprintSet& b);
FingerprintSet united(const FingerprintSet& a, const FingerprintSet& b);
FingerprintSet without(const FingerprintSet& a, const FingerprintSet& b);

// The alerts of a group that a message would hold now.
struct Visible {
  FingerprintSet firing;    // not inhibited, silenced or muted
  FingerprintSet resolved;  // likewise, and whatever ended and is open or owed

  bool empty() const { return firing.empty() && resolved.empty(); }
};

struct LogEntry {
  Timestamp told_at{};              // when the last delivered message was sent; zero: never
  FingerprintSet firing, resolved;  // what it said
  FingerprintSet open;
  FingerprintSet owed;
  // The last message that was refused for good; it is not tried again until it would say more or a while has
  // passed.
  Timestamp refused_at{};
  FingerprintSet refused_firing, refused_resolved;

  // Nothing is known that a fresh entry would not know.
  bool blank() const;
  bool operator==(const LogEntry&) const = default;
};

struct NotifyRules {
  Duration repeat_interval = 4h;
  Duration refused_retry = 15min;
  bool send_resolved = true;
  bool closing = false;  // no route leads here any more: only what is open is still to be resolved
};

// Why the receiver should be told what is visible now; empty when there is nothing to say.
std::optional<NotifyReason> reason_to_notify(const LogEntry& entry, const Visible& visible,
                                             const NotifyRules& rules, Timestamp now);
// When a repetition is due by itself; empty when nothing was told that still fires.
std::optional<Timestamp> repeat_due(const LogEntry& entry, const NotifyRules& rules);

// Each returns whether the entry changed, but for record_uncertain().
bool record_owed(LogEntry& entry, const Visible& message, const NotifyRules& rules);
bool record_delivered(LogEntry& entry, const Visible& message, const NotifyRules& rules, Timestamp sent_at);
// No good answer came, but the receiver may have acted. Returns whether that may have been news to it: others
// that take what fires for told already, or over, must hear of it though the entry is what it was.
bool record_uncertain(LogEntry& entry, const Visible& message, const NotifyRules& rules);
bool record_refused(LogEntry& entry, const Visible& message, Timestamp now);
// A message that says "resolved" leaves: should its answer be lost and the alert fire again, that is news.
// Returns what was taken out of `firing`; put_back() is for when the message certainly did not arrive.
FingerprintSet withdraw_resolved(LogEntry& entry, const Visible& message);
bool put_back(LogEntry& entry, const FingerprintSet& withdrawn);
// There is nothing to say after all.
bool record_nothing_owed(LogEntry& entry);
// Everything ended, and the receiver does not want to be told of that: forget what was said.
bool record_ended_quietly(LogEntry& entry, const Visible& visible, const NotifyRules& rules);

}  // namespace sluice::alerts
