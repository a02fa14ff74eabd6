#pragma once
// All rule groups of the agent: what is due, what a reload carries over, what survives a restart, and the
// metrics that tell how the rules themselves fare.
//
//     RuleSet rules;
//     rules.load(files, options, now, store);              // at start and at each reload
//     rules.restore(snapshot);                             // at start, after load
//     loop: wait until rules.next_due(now), then
//       while (Group* group = rules.due(now)) {            // one at a time, so that the driver can yield in
//       between
//         GroupResult result = group->evaluate(now, store);
//         group->set_duration(...);
//         send result.alerts, log result.events, if (result.state_changed) write rules.snapshot() soon
//       }

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/metric_family.h"
#include "core/store/sample_store.h"
#include "rules/config.h"
#include "rules/group.h"

namespace sluice::rules {

class RuleSet {
 public:
  // --- queries ---
  // In the order of the files and of the groups in them.
  const std::vector<Group>& groups() const { return groups_; }
  // The earliest moment at which a group is due; empty without groups.
  std::optional<Timestamp> next_due(Timestamp now);
  // A group that is due at `now`, the longest overdue first; null when none is.
  Group* due(Timestamp now);

  // --- load and reload ---
  // Replaces the groups. A group that was there before (same file and name) keeps its state, rule by rule;
  // what is gone is retired: its series end and its firing alerts are resolved, into the result.
  GroupResult load(const std::vector<RuleFile>& files, GroupOptions options, Timestamp now,
                   store::SampleStore& store);

  // --- restart ---
  using Snapshot = std::vector<Group::Snapshot>;
  Snapshot snapshot() const;
  void restore(const Snapshot& snapshot);

 private:
  std::vector<Group> groups_;
};

// The families behind metrics(); docs and tests walk the same table.
const std::vector<MetricFamily>& rule_metric_families();
// How the rules fare, as sluice_rule_* (without job and instance). The agent exposes them and keeps them in
// its store, so that shipped rules can watch the rules.
std::vector<MetricPoint> metrics(const RuleSet& rules);

// A snapshot as text, one line per rule and alert, versioned; and back. Decoding fails on anything it does
// not understand, with the line.
std::string encode(const RuleSet::Snapshot& snapshot);
Result<RuleSet::Snapshot> decode_snapshot(std::string_view text);

}  // namespace sluice::rules
