#pragma once
// A rule group: rules evaluated one after the other, at one timestamp, on a schedule of its own.
//
// The rules run in the order they are written, and each sees what those before it produced at the same
// timestamp: a recorded series, or the ALERTS of an alert that just began to fire. What they share (a
// selector, a rate(), an aggregation) is computed once for the whole evaluation.
//
// The schedule comes from the clock alone. A group of interval 15s is due at every Unix time t with
// t % 15s == hash(file, group) % 15s: groups spread over the interval instead of all running at once, a
// restart or a slow evaluation does not move them, and all agents agree on the timestamps. A slot that passed
// is counted as missed, never replayed.
//
//     Group group(file.groups[0], options);
//     // driver: wait until group.next_due(now), then
//     GroupResult result = group.evaluate(now, store);
//     // result.alerts go to the pipeline, result.events to the log
//
// Results are written into the store as they come, since later rules need them; nothing else is touched.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/alert.h"
#include "core/store/sample_store.h"
#include "rules/alert_state.h"
#include "rules/config.h"
#include "rules/expand.h"

namespace sluice::rules {

struct GroupOptions {
  Duration interval = 1min;  // of groups that name none
  Duration query_offset{};   // of groups that name none: evaluate this much in the past
  Duration resend_delay = 1min;
  Duration no_data_keep = 15min;
  Duration error_keep = 1h;
  NoData no_data = NoData::kKeep;  // of rules that name none
  Labels external_labels;          // added to alerts that are sent, where the alert has no label of that name
  std::string external_url;        // where people reach the agent: in templates and generator links
  // Names that recording rules produce anywhere: that such a series is missing says nothing about lost data.
  std::set<std::string, std::less<>> recorded_names;
  // Whether anything here still watches what these labels (of a result, without the name) speak of; empty:
  // yes. Data of a target that was taken out of the configuration are not lost but over: its alerts resolve.
  std::function<bool(const Labels& result)> watched;
  // Limits of each rule's evaluation: what it may read and hold, and a question asked now and then that ends
  // it (with an error of the rule) when answered with true. The driver, which has the clock, can so bound the
  // time.
  size_t samples_max = 50'000'000;
  std::function<bool()> interrupted;
};

enum class RuleHealth { kUnknown, kOk, kError };
std::string_view to_string(RuleHealth health);  // "unknown", "ok", "err", as the API says it

struct RuleStatus {
  RuleHealth health = RuleHealth::kUnknown;
  std::string last_error;  // empty when fine
  // The rule had data once and now its selectors match nothing at all.
  bool no_data = false;
  bool had_data = false;
  size_t refused = 0;  // alerts or samples beyond the limit, in the last evaluation
  size_t samples = 0;  // recorded by the last evaluation
  std::optional<Timestamp> last_evaluated_at;
};

// What changed; for the log. Nothing is reported while nothing changes.
struct RuleEvent {
  enum class Kind {
    kPending,
    kFiring,
    kResolved,
    kDropped,  // pending, and gone before it fired
    kErrorBegan,
    kErrorEnded,
    kNoDataBegan,
    kNoDataEnded,
    kTemplateError,
    kLimitExceeded,
  } kind;
  size_t rule = 0;     // index in the group; beyond its end for a rule that was just removed
  Labels labels;       // of the alert, if it is about one
  std::string detail;  // the error, or why a resolved alert had been held
};
std::string_view to_string(RuleEvent::Kind kind);

struct GroupStats {
  uint64_t evaluations_total = 0;  // of rules
  uint64_t failures_total = 0;     // of rules
  uint64_t iterations_total = 0;   // of the group, missed ones included
  uint64_t missed_total = 0;
  uint64_t template_errors_total = 0;
  uint64_t samples_refused_total = 0;  // the store would not take them: out of order, or too many series
  size_t samples = 0;                  // written by the last evaluation
  std::optional<Timestamp> last_evaluated_at;
  Duration last_duration{};  // set by the driver
};

struct GroupResult {
  Timestamp at{};       // the evaluation time
  uint64_t missed = 0;  // slots that passed since the last one
  bool evaluated = false;
  std::vector<Alert> alerts;      // to send: external labels added, generator_url set
  std::vector<Alert> remembered;  // likewise, but not seen since a restart (AlertStep)
  std::vector<RuleEvent> events;
  bool state_changed = false;  // snapshot() is worth writing
};

struct GroupState;

class Group {
 public:
  // Every expression must parse: the loader of rule files has checked that.
  Group(RuleGroup config, GroupOptions options);
  ~Group();
  Group(Group&&) noexcept;
  Group& operator=(Group&&) noexcept;

  // --- queries ---
  const RuleGroup& config() const;
  std::string key() const;  // "file;name", as Prometheus labels groups
  Duration interval() const;
  size_t size() const;
  const Rule& rule(size_t index) const;
  // The rule's own labels over the group's.
  const Labels& labels(size_t index) const;
  const RuleStatus& status(size_t index) const;
  // Null for recording rules.
  const AlertState* alerts(size_t index) const;
  const GroupStats& stats() const;
  // Inactive, pending or firing.
  AlertStatus alert_status() const;

  // --- schedule ---
  // When evaluate() is to be called next: `now` or earlier when a slot has passed unevaluated. A new group
  // starts with the first slot after it was first asked.
  Timestamp next_due(Timestamp now);

  // --- events in, effects out ---
  // Evaluates the latest slot that is not later than `now`; does nothing when that was evaluated already.
  GroupResult evaluate(Timestamp now, store::SampleStore& store);
  // Evaluates at exactly `at`, whatever the schedule says.
  GroupResult evaluate_at(Timestamp at, store::SampleStore& store);
  void set_duration(Duration duration);
  // The group is gone from the configuration: its series end, and what fired is resolved.
  GroupResult retire(Timestamp now, store::SampleStore& store);

  // --- restart and reload ---
  struct RuleSnapshot {
    std::string name;
    Labels labels;  // with name, the rule's identity across restarts and reloads
    bool had_data = false;
    AlertState::Snapshot alerts;

    bool operator==(const RuleSnapshot&) const = default;
  };
  struct Snapshot {
    std::string file;
    std::string name;
    std::vector<RuleSnapshot> rules;  // alerting rules only

    bool operator==(const Snapshot&) const = default;
  };
  Snapshot snapshot() const;
  void restore(const Snapshot& snapshot);
  // Takes over the state of the same group before a reload, rule by rule (equal name and labels; the first
  // with the first, the second with the second). What is left over is retired, into the result.
  GroupResult adopt(Group&& previous, Timestamp now, store::SampleStore& store);

 private:
  std::unique_ptr<GroupState> state_;
};

// The names that recording rules of these files produce.
std::set<std::string, std::less<>> recorded_names(const std::vector<RuleFile>& files);

}  // namespace sluice::rules
