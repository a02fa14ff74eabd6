#pragma once
// The alerts of one alerting rule: who is pending, who fires, who has just been resolved, and whom to tell.
//
// Every evaluation hands over the elements of the rule's expression. An element is an alert; its identity is
// its label set. With `for: 30s`, `keep_firing_for: 1m`, evaluated every 15 s:
//
//     00:00  element appears         pending   active_at = 00:00
//     00:30  still there             firing    fired_at = 00:30, sent, and again about every minute
//     02:00  element gone            firing    keep_firing_since = 02:00
//     03:00  still gone              resolved  resolved_at = 03:00, sent, and re-sent for 15 minutes
//
// This follows Prometheus 3 (rules/alerting.go) where it can, and departs from it in four places, because
// each of them has told people a thing that was not so:
//   - A vanished element has a reason. Only "the condition is false" resolves. When its data are gone, a
//   firing alert
//     is kept for a bounded time; when `resolve_expr` is set, it is kept until that has an element.
//   - A failed evaluation changes nothing, and firing alerts are sent on for a bounded time instead of
//   lapsing.
//   - Over the limit the oldest alerts stay and new ones are refused. Prometheus forgets all of them.
//   - Everything survives a restart through snapshot() and restore(), whatever `for` is; the time in which
//   nobody
//     looked (downtime, failed evaluations) does not count towards `for`.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/alert.h"
#include "core/labels.h"
#include "core/sample.h"
#include "core/time.h"
#include "rules/config.h"

namespace sluice::rules {

// Resolved alerts are kept, and re-sent, for this long, so that a receiver that was away still hears of it.
inline constexpr Duration kResolvedRetention = 15min;

enum class AlertStatus { kPending, kFiring, kResolved };
std::string_view to_string(AlertStatus status);  // "pending", "firing", "inactive"

// Why a firing alert whose element is gone still fires.
enum class Held {
  kNo,
  kKeepFiringFor,  // keep_firing_for
  kHysteresis,     // resolve_expr has no element for it yet
  kNoData,         // its series are gone
  kSettling,       // just restored after a restart: the data are not complete yet
  kError,          // the rule cannot be evaluated
};
std::string_view to_string(Held held);

struct ActiveAlert {
  Labels labels;         // the identity: element labels without the name, rule labels, alertname
  Labels result_labels;  // as the expression returned them, without the metric name
  Labels annotations;
  double value = 0;
  AlertStatus status = AlertStatus::kPending;
  Held held = Held::kNo;
  Timestamp active_at{};
  std::optional<Timestamp> fired_at;
  std::optional<Timestamp> resolved_at;
  std::optional<Timestamp> keep_firing_since;
  std::optional<Timestamp> blind_since;  // since when its data are gone or the rule fails
  std::optional<Timestamp> last_sent_at;
  bool restored = false;  // came from a snapshot and has not been seen since

  bool operator==(const ActiveAlert&) const = default;
};

// One element of the expression, with the rule's labels and annotations already expanded.
struct AlertElement {
  Labels labels;
  Labels result_labels;
  Labels annotations;
  double value = 0;
};

// What became of a firing alert whose element is gone.
enum class Vanished { kConditionFalse, kNotYetResolved, kDataLost };

struct AlertPolicy {
  Duration hold{};
  Duration keep_firing_for{};
  NoData no_data = NoData::kKeep;
  Duration no_data_keep = 15min;  // how long lost data hold a firing alert
  Duration error_keep = 1h;       // how long a failing rule holds its firing alerts
  Duration interval = 1min;       // between evaluations
  Duration resend_delay = 1min;
  size_t limit = 0;  // most pending and firing alerts; 0 is no limit
};

struct AlertTransition {
  Labels labels;
  std::optional<AlertStatus> from;  // empty: it is new
  std::optional<AlertStatus> to;    // empty: a pending alert that went away
  Held held = Held::kNo;            // why it was held until now, when it resolves after that
};

struct AlertStep {
  std::vector<AlertTransition> transitions;
  std::vector<Alert> send;  // without external labels; generator_url is left to the caller
  // Likewise, but from before a restart: they fired then, and nothing has been seen since. Where somebody
  // else has looked meanwhile, his word counts.
  std::vector<Alert> remembered;
  std::string error;           // why the whole step was refused, or the limit that was met; empty when fine
  size_t refused = 0;          // elements beyond the limit
  bool state_changed = false;  // worth writing down
};

class AlertState {
 public:
  explicit AlertState(AlertPolicy policy) : policy_(policy) {}

  // --- queries ---
  // Sorted by labels; resolved ones included while they are retained.
  std::vector<const ActiveAlert*> alerts() const;
  // Pending and firing.
  size_t active() const;
  // The most alarming status, or kResolved when nothing is active.
  AlertStatus status() const;
  const AlertPolicy& policy() const { return policy_; }

  // --- events in, effects out ---
  // One evaluation. `vanished` is asked about each firing alert that is not among the elements. Two elements
  // with equal labels are an error of the rule: nothing changes then, exactly as in on_error().
  AlertStep observe(Timestamp now, std::vector<AlertElement> elements,
                    const std::function<Vanished(const ActiveAlert&)>& vanished);
  // The expression could not be evaluated.
  AlertStep on_error(Timestamp now, std::string error);
  // The rule is gone from the configuration: what fired is resolved, and sent once.
  std::vector<Alert> retire(Timestamp now);

  // --- restart and reload ---
  struct Snapshot {
    std::optional<Timestamp> last_evaluated_at;
    std::vector<ActiveAlert> alerts;

    bool operator==(const Snapshot&) const = default;
  };
  Snapshot snapshot() const;
  // After a restart. The gap until the next evaluation does not count towards `for`.
  void restore(Snapshot snapshot);
  // After a reload: the same rule, perhaps with another `for`. Nothing is missed in between.
  void adopt(AlertState&& previous);

 private:
  using Alerts = std::map<Labels, ActiveAlert>;

  void accept(Timestamp now, std::vector<AlertElement>& elements, AlertStep& step);
  void judge_vanished(Timestamp now, ActiveAlert& alert, Vanished why, AlertStep& step);
  void hold(Timestamp now, ActiveAlert& alert, Held why);
  void resolve(Timestamp now, ActiveAlert& alert, AlertStep& step);
  void promote(Timestamp now, ActiveAlert& alert, AlertStep& step);
  void collect_sends(Timestamp now, AlertStep& step);
  // Moves pending alerts along with time in which nobody looked; false when there was none.
  bool skip_blind_time(Timestamp now, bool looked_since_last_time);

  AlertPolicy policy_;
  Alerts alerts_;
  std::optional<Timestamp> last_evaluated_at_;
  std::optional<Timestamp> settled_at_;  // set by the first evaluation after a restore
  bool restored_ = false;
};

// The samples that make alerts visible to queries: ALERTS{alertstate="firing"} 1 and ALERTS_FOR_STATE, whose
// value is active_at in Unix seconds. Resolved alerts have none: the caller writes their stale markers.
struct AlertSample {
  Labels labels;
  double value = 0;
};
std::vector<AlertSample> alert_samples(const AlertState& state);

}  // namespace sluice::rules
