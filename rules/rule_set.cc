#include "rules/rule_set.h"

#include <algorithm>

namespace sluice::rules {

std::optional<Timestamp> RuleSet::next_due(Timestamp now) {
  std::optional<Timestamp> earliest;
  for (Group& group : groups_) {
    const Timestamp due = group.next_due(now);
    if (!earliest || due < *earliest) earliest = due;
  }
  return earliest;
}

Group* RuleSet::due(Timestamp now) {
  Group* found = nullptr;
  std::optional<Timestamp> earliest;
  for (Group& group : groups_) {
    const Timestamp due = group.next_due(now);
    if (due > now || (earliest && due >= *earliest)) continue;
    earliest = due;
    found = &group;
  }
  return found;
}

GroupResult RuleSet::load(const std::vector<RuleFile>& files, GroupOptions options, Timestamp now,
                          store::SampleStore& store) {
  options.recorded_names.merge(recorded_names(files));
  std::vector<Group> fresh;
  for (const RuleFile& file : files) {
    for (const RuleGroup& group : file.groups) fresh.emplace_back(group, options);
  }

  GroupResult result;
  result.at = now;
  const auto take = [&](GroupResult part) {
    std::move(part.alerts.begin(), part.alerts.end(), std::back_inserter(result.alerts));
    result.state_changed |= part.state_changed;
  };
  for (Group& old : groups_) {
    const auto same =
        std::find_if(fresh.begin(), fresh.end(), [&](const Group& g) { return g.key() == old.key(); });
    take(same == fresh.end() ? old.retire(now, store) : same->adopt(std::move(old), now, store));
  }
  groups_ = std::move(fresh);
  return result;
}

RuleSet::Snapshot RuleSet::snapshot() const {
  Snapshot out;
  for (const Group& group : groups_) {
    Group::Snapshot one = group.snapshot();
    if (!one.rules.empty()) out.push_back(std::move(one));
  }
  return out;
}

void RuleSet::restore(const Snapshot& snapshot) {
  for (Group& group : groups_) {
    const auto same = std::find_if(snapshot.begin(), snapshot.end(), [&](const Group::Snapshot& s) {
      return s.file == group.config().file && s.name == group.config().name;
    });
    if (same != snapshot.end()) group.restore(*same);
  }
}

}  // namespace sluice::rules
