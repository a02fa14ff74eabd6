#pragma once
// Rule files as plain values: what Prometheus's rule file format says, plus two extensions of ours.
//
//     groups:
//       - name: auth
//         interval: 15s
//         rules:
//           - alert: AuthSlow
//             expr: probe_duration_seconds{job="auth"} > 2
//             for: 1m
//             resolve_expr: probe_duration_seconds{job="auth"} < 1     # ours: hysteresis
//             no_data: keep                                            # ours: what missing data means
//
// Prometheus refuses keys it does not know. A file that has to load in both says the same in annotations,
// which Prometheus carries along and Sluice takes out: `sluice_resolve_expr: ...` and `sluice_no_data: keep`.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/labels.h"
#include "core/time.h"

namespace sluice::rules {

inline constexpr std::string_view kResolveExprAnnotation = "sluice_resolve_expr";
inline constexpr std::string_view kNoDataAnnotation = "sluice_no_data";

// A place in a file, both from 1; zero when unknown (rules made by code).
struct SourcePosition {
  int line = 0;
  int column = 0;

  bool operator==(const SourcePosition&) const = default;
};

// What it means when the series under a firing alert are gone, as opposed to the condition being false.
enum class NoData {
  kKeep,     // keep firing for a bounded time (GroupOptions::no_data_keep), then resolve; the default
  kResolve,  // resolve at once, as Prometheus does; written `ok`
  kAlert,    // as kKeep, and a rule that lost all its data raises an alert of its own with no_data="true"
};
std::string_view to_string(NoData policy);  // "keep", "ok", "alert"
std::optional<NoData> parse_no_data(std::string_view text);

// A recording rule (`record` set) or an alerting rule (`alert` set); exactly one of them is.
struct Rule {
  std::string record;
  std::string alert;
  std::string expr;
  Duration hold{};             // `for`: how long the condition must hold before the alert fires
  Duration keep_firing_for{};  // how long it fires on after the condition has gone
  // Values are templates in alerting rules, plain text in recording rules; an empty one takes the label away.
  Labels labels;
  Labels annotations;        // values are templates
  std::string resolve_expr;  // when set, a firing alert resolves only on an element of this expression
  // Empty: the default of the place it runs in (kKeep in the agent, kResolve in `sluice test rules`).
  std::optional<NoData> no_data;
  SourcePosition at;
  SourcePosition expr_at;

  bool is_alert() const { return !alert.empty(); }
  const std::string& name() const { return is_alert() ? alert : record; }
};

struct RuleGroup {
  std::string file;
  std::string name;
  std::optional<Duration> interval;      // empty: the global evaluation interval
  std::optional<Duration> query_offset;  // empty: the global default
  size_t limit = 0;                      // most alerts or samples of one rule; 0 is no limit
  Labels labels;                         // added to every rule; a rule's own label of that name wins
  std::vector<Rule> rules;
  SourcePosition at;
};

struct RuleFile {
  std::string path;
  std::vector<RuleGroup> groups;
};

}  // namespace sluice::rules
