#include "agent/gate/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "agent/gate/assign.h"
#include "agent/gate/flag.h"
#include "core/random.h"

namespace sluice::gate {
namespace {

// An agent compared on fewer targets than this is never called sick: being outvoted once is no pattern.
constexpr int kSickTargetsMin = 2;
// Ratios of small counts as floating numbers: 3 of 5 is 0.6.
constexpr double kRatioSlack = 1e-9;

bool reaches(int part, double ratio, int whole) {
  return static_cast<double>(part) + kRatioSlack >= ratio * static_cast<double>(whole);
}

bool is_majority(int part, int whole) {
  return part * 2 > whole;
}

bool is_fresh(Timestamp at, const PoolPolicy& policy, Timestamp now) {
  return at <= now + kFutureMax && now - at < vote_lifetime(policy);
}

struct CountedVote {
  const AgentVotes* agent;
  const Ballot* ballot;
};

// One member, or one entry of the record that is no member, while it is being decided about.
struct Subject {
  const std::string* target = nullptr;
  const Member* member = nullptr;  // null: not in this agent's configuration
  const Entry* entry = nullptr;    // null: the record says nothing
  const Override* word = nullptr;  // the operator's, not expired
  std::vector<CountedVote> votes;  // fresh ones, of any agent, with a verdict or not
  bool watched = false;            // an agent lists it that is or may be alive
  bool fails = false;              // enough for disabling
  bool failing = false;            // as the fleet sees it, whatever the configuration and the dwell time
  bool well = false;               // enough for releasing
  Timestamp onset;                 // of the failure
  TargetDecision out;

  bool flagged(Timestamp now) const {
    return entry != nullptr && entry->state != Entry::State::kEnabled && entry->lease > now;
  }
  bool lapsed(Timestamp now) const {
    return entry != nullptr && entry->state != Entry::State::kEnabled && entry->lease <= now;
  }
};

struct Fleet {
  std::vector<const AgentVotes*> live;
  std::vector<const AgentVotes*> undated;  // may be alive: what they list is watched, but they do not count
  int expected = 0;
  bool config_majority = false;  // agents with this agent's configuration are a majority of those expected
  bool majority_lives = false;
  std::set<std::string_view> excluded;  // sick or unwell
};

Fleet muster(const PoolFacts& facts, const PoolPolicy& policy, Timestamp now) {
  Fleet fleet;
  int same_config = 0;
  std::unordered_set<std::string_view> met;
  met.reserve(facts.agents.size());
  for (const AgentVotes& agent : facts.agents) {
    if (!met.insert(agent.agent).second) continue;
    if (is_forgotten(agent, policy, now)) continue;
    // Undated ones too: without them the others could be no majority.
    ++fleet.expected;
    if (!is_fresh(agent.at, policy, now)) continue;
    if (!agent.dated) {
      fleet.undated.push_back(&agent);
      continue;
    }
    fleet.live.push_back(&agent);
    if (agent.config == facts.config) ++same_config;
    if (!agent.unwell.empty()) fleet.excluded.insert(agent.agent);
  }
  fleet.config_majority = is_majority(same_config, fleet.expected);
  fleet.majority_lives = is_majority(static_cast<int>(fleet.live.size()), fleet.expected);
  return fleet;
}

std::vector<Subject> gather_subjects(const PoolFacts& facts, Timestamp now) {
  std::vector<Subject> subjects;
  std::set<std::string_view> met;
  for (const Member& member : facts.members) {
    if (!met.insert(member.target).second) continue;
    Subject& subject = subjects.emplace_back();
    subject.target = &member.target;
    subject.member = &member;
    if (const auto it = facts.record.entries.find(member.target); it != facts.record.entries.end()) {
      subject.entry = &it->second;
    }
  }
  for (const auto& [target, entry] : facts.record.entries) {
    if (!met.insert(target).second) continue;
    Subject& subject = subjects.emplace_back();
    subject.target = &target;
    subject.entry = &entry;
  }
  for (const Override& word : facts.overrides) {
    if (word.action == Override::Action::kFreeze || word.until <= now) continue;
    for (Subject& subject : subjects) {
      if (*subject.target == word.target) subject.word = &word;
    }
  }
  return subjects;
}

void hand_out_votes(std::vector<Subject>& subjects, const Fleet& fleet, const PoolPolicy& policy,
                    Timestamp now) {
  std::unordered_map<std::string_view, Subject*> by_target;
  for (Subject& subject : subjects) by_target.emplace(*subject.target, &subject);
  for (const AgentVotes* agent : fleet.undated) {
    for (const auto& [target, ballot] : agent->ballots) {
      if (const auto it = by_target.find(target); it != by_target.end()) it->second->watched = true;
    }
  }
  for (const AgentVotes* agent : fleet.live) {
    for (const auto& [target, ballot] : agent->ballots) {
      const auto it = by_target.find(target);
      if (it == by_target.end()) continue;
      it->second->watched = true;
      if (is_fresh(ballot.at, policy, now)) {
        it->second->votes.push_back({agent, &ballot});
      } else {
        ++it->second->out.tally.stale;
      }
    }
  }
}

// An agent is sick when it fails most of what a majority of at least two others passes. Judged without its
// own vote, and without those of agents that doubt themselves.
std::vector<SickAgent> find_sick(const std::vector<Subject>& subjects, const Fleet& fleet) {
  struct Compared {
    int passed_by_others = 0;
    int failed = 0;
  };
  std::unordered_map<const AgentVotes*, Compared> compared;
  for (const Subject& subject : subjects) {
    if (subject.member == nullptr) continue;
    int up = 0;
    int down = 0;
    for (const CountedVote& vote : subject.votes) {
      if (fleet.excluded.contains(vote.agent->agent)) continue;
      if (vote.ballot->verdict == Verdict::kUp) ++up;
      if (vote.ballot->verdict == Verdict::kDown) ++down;
    }
    for (const CountedVote& vote : subject.votes) {
      if (vote.ballot->verdict == Verdict::kUnknown || fleet.excluded.contains(vote.agent->agent)) continue;
      const bool fails = vote.ballot->verdict == Verdict::kDown;
      const int others_up = up - (fails ? 0 : 1);
      const int others_down = down - (fails ? 1 : 0);
      if (others_up + others_down < 2 || others_up <= others_down) continue;
      Compared& agent = compared[vote.agent];
      ++agent.passed_by_others;
      if (fails) ++agent.failed;
    }
  }
  std::vector<SickAgent> sick;
  for (const AgentVotes* agent : fleet.live) {
    const Compared& seen = compared[agent];
    if (seen.failed < kSickTargetsMin || !is_majority(seen.failed, seen.passed_by_others)) continue;
    sick.push_back({agent->agent, fmt::format("fails {} of {} targets that the others pass", seen.failed,
                                              seen.passed_by_others)});
  }
  return sick;
}

// Counts what counts, and says what it is enough for.
void count_votes(Subject& subject, const PoolFacts& facts, const PoolPolicy& policy, const Fleet& fleet,
                 Timestamp now) {
  Tally& tally = subject.out.tally;
  tally.expected = static_cast<int>(vantages_within(policy.vantages, static_cast<size_t>(fleet.expected),
                                                    policy.interval, policy.max_probes_per_second));
  int long_up = 0;
  int long_down = 0;  // and on this agent's configuration
  int suspects = 0;
  std::set<std::string_view> zones;
  std::set<std::string_view> long_down_zones;
  std::vector<Timestamp> onsets;
  for (const CountedVote& vote : subject.votes) {
    const Ballot& ballot = *vote.ballot;
    if (fleet.excluded.contains(vote.agent->agent)) {
      ++tally.excluded;
      continue;
    }
    if (ballot.verdict == Verdict::kUnknown) {
      ++tally.unknown;
      continue;
    }
    ++tally.counted;
    zones.insert(vote.agent->zone);
    if (ballot.suspect || ballot.verdict == Verdict::kDown) ++suspects;
    if (ballot.verdict == Verdict::kUp) {
      ++tally.up;
      if (now - ballot.since >= policy.release_for) ++long_up;
      continue;
    }
    ++tally.down;
    onsets.push_back(ballot.since);
    if (vote.agent->config != facts.config || now - ballot.since < policy.eject_for) continue;
    ++long_down;
    long_down_zones.insert(vote.agent->zone);
  }
  tally.down_zones = static_cast<int>(long_down_zones.size());
  tally.decidable = fleet.majority_lives && tally.counted >= policy.min_votes &&
                    is_majority(tally.counted, tally.expected) &&
                    static_cast<int>(zones.size()) >= policy.min_zones;

  // Whether it is decidable or not: a pool that fails as a whole must not seem well because votes grow stale,
  // one member after the other, until the last that can be decided about seems to fail alone.
  if (tally.counted == 0) return;
  subject.failing = reaches(tally.down, policy.eject_ratio, tally.counted);
  if (subject.failing) {
    std::nth_element(onsets.begin(), onsets.begin() + static_cast<ptrdiff_t>(onsets.size() / 2),
                     onsets.end());
    subject.onset = onsets[onsets.size() / 2];
  } else if (reaches(suspects, policy.eject_ratio, tally.counted)) {
    // Not down yet, but most of the last probes failed: it may be about to follow the others.
    subject.failing = true;
    subject.onset = now;
  }
  if (!tally.decidable) return;

  subject.fails = is_majority(long_down, tally.expected) &&
                  reaches(long_down, policy.eject_ratio, tally.counted) &&
                  tally.down_zones >= policy.min_zones;
  subject.well = reaches(long_up, policy.release_ratio, tally.counted);
  const bool down = reaches(tally.down, policy.eject_ratio, tally.counted);
  const bool up = reaches(tally.up, policy.release_ratio, tally.counted);
  // A split vote leaves the verdict where it was.
  subject.out.fleet = down || (!up && subject.flagged(now)) ? Verdict::kDown : Verdict::kUp;
}

std::string most_frequent_reasons(const std::map<std::string_view, int>& reasons) {
  std::vector<std::pair<int, std::string_view>> sorted;
  for (const auto& [reason, count] : reasons) sorted.emplace_back(-count, reason);
  std::sort(sorted.begin(), sorted.end());
  if (sorted.size() == 1) return fmt::format("reason {}", sorted[0].second);
  std::string out = "reasons";
  for (size_t i = 0; i < sorted.size() && i < 3; ++i) {
    out += fmt::format("{} {} {}", i == 0 ? "" : ",", sorted[i].second, -sorted[i].first);
  }
  return out;
}

// "7 of 9 fail: zone b 3/3, zone a 4/4, zone c 0/2; reason connect_refused"
void describe_votes(Subject& subject, const Fleet& fleet) {
  const Tally& tally = subject.out.tally;
  std::string& text = subject.out.evidence;
  if (tally.counted == 0) {
    text = "no votes";
  } else if (tally.down == 0) {
    text = fmt::format("{} of {} {}", tally.up, tally.counted, tally.up == 1 ? "passes" : "pass");
  } else {
    struct ZoneCount {
      int down = 0;
      int counted = 0;
    };
    std::map<std::string_view, ZoneCount> zones;
    std::map<std::string_view, int> reasons;
    for (const CountedVote& vote : subject.votes) {
      if (vote.ballot->verdict == Verdict::kUnknown || fleet.excluded.contains(vote.agent->agent)) continue;
      ZoneCount& zone = zones[vote.agent->zone];
      ++zone.counted;
      if (vote.ballot->verdict != Verdict::kDown) continue;
      ++zone.down;
      ++reasons[vote.ballot->reason];
    }
    text = fmt::format("{} of {} {}", tally.down, tally.counted, tally.down == 1 ? "fails" : "fail");
    const bool zones_are_named = zones.size() > 1 || !zones.begin()->first.empty();
    if (zones_are_named) {
      std::vector<std::pair<std::string_view, ZoneCount>> sorted(zones.begin(), zones.end());
      std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
        return a.second.down * b.second.counted > b.second.down * a.second.counted;
      });
      std::string_view separator = ": ";
      for (const auto& [zone, count] : sorted) {
        text +=
            fmt::format("{}zone {} {}/{}", separator, zone.empty() ? "-" : zone, count.down, count.counted);
        separator = ", ";
      }
    }
    text += "; " + most_frequent_reasons(reasons);
    const auto by_count = [](const auto& a, const auto& b) { return a.second < b.second; };
    subject.out.reason = std::max_element(reasons.begin(), reasons.end(), by_count)->first;
  }
  if (!tally.decidable) {
    text += fmt::format("; not decidable: {} of {} agents heard, {} votes of {} expected", fleet.live.size(),
                        fleet.expected, tally.counted, tally.expected);
  }
}

// The freeze for members that fail together: the largest group of failures that began within one window.
bool fails_as_a_whole(const std::vector<Subject>& subjects, const PoolFacts& facts, const PoolPolicy& policy,
                      std::string& why) {
  std::vector<Timestamp> onsets;
  for (const Subject& subject : subjects) {
    if (subject.failing && subject.member != nullptr) onsets.push_back(subject.onset);
  }
  std::sort(onsets.begin(), onsets.end());
  size_t group = 0;
  for (size_t first = 0, last = 0; last < onsets.size(); ++last) {
    while (onsets[last] - onsets[first] > policy.freeze_window) ++first;
    group = std::max(group, last - first + 1);
  }
  const size_t size = facts.members.size();
  if (group < 2 || group * 100 <= static_cast<size_t>(policy.freeze_percent) * size) return false;
  why = fmt::format("{} of {} members began to fail within {}", group, size,
                    format_duration(policy.freeze_window));
  return true;
}

// How much of the pool's API fails: the median of what agents see, so that one odd one does not matter.
int median_api_failing(const Fleet& fleet) {
  std::vector<int> seen;
  for (const AgentVotes* agent : fleet.live) {
    if (agent->api_failing >= 0 && !fleet.excluded.contains(agent->agent)) seen.push_back(agent->api_failing);
  }
  if (seen.empty()) return -1;
  const auto middle = seen.begin() + static_cast<ptrdiff_t>((seen.size() - 1) / 2);
  std::nth_element(seen.begin(), middle, seen.end());
  return *middle;
}

void choose_freeze(PoolDecision& decision, const PoolFacts& facts, const PoolPolicy& policy, Timestamp now) {
  for (const Override& word : facts.overrides) {
    if (word.action != Override::Action::kFreeze || word.until <= now) continue;
    decision.freeze = Hold::kOperatorFreeze;
    decision.freeze_why =
        fmt::format("{} froze the pool: {}", word.by.empty() ? "an operator" : word.by, word.reason);
    return;
  }
  if (facts.record.no_effect_until > now) {
    decision.freeze = Hold::kNoEffect;
    decision.freeze_why = facts.record.no_effect_why;
  } else if (decision.pool_failing) {
    decision.freeze = Hold::kPoolFreeze;
  } else if (policy.freeze_pools > 0 && facts.other_pools_frozen >= policy.freeze_pools) {
    decision.freeze = Hold::kFleetFreeze;
    decision.freeze_why = fmt::format("{} other pools fail as a whole", facts.other_pools_frozen);
  }
}

bool renewal_is_due(const Entry& entry, const PoolPolicy& policy, Timestamp now) {
  const Timestamp full = now + to_ms(policy.flag.ttl);
  const Timestamp lease = entry.by_operator ? std::min(full, entry.until) : full;
  // Longer than it can be: Redis's clock was set back, or the TTL was made shorter.
  const bool too_long = entry.lease > lease + to_ms(kFutureMax);
  return too_long || (entry.lease < lease && entry.lease - now <= policy.flag.ttl * 2 / 3);
}

bool key_has_changed(const Subject& subject, const PoolPolicy& policy) {
  if (subject.entry->mode == Mode::kShadow) return false;
  const auto key = render_key(policy.flag.key, policy.pool, *subject.member);
  return key.has_value() && *key != subject.entry->key;
}

int weight_now(const Entry& entry, const PoolPolicy& policy, Timestamp now) {
  if (policy.slow_start <= Duration::zero()) return 100;
  const double share =
      std::clamp(Duration(now - entry.since) / std::chrono::duration<double>(policy.slow_start), 0.0, 1.0);
  return 10 + static_cast<int>(share * 9) * 10;
}

Duration disable_time(const PoolPolicy& policy, std::string_view target, int streak, uint64_t epoch) {
  Duration time = policy.disable_time.base;
  for (int i = 1; i < streak && time < policy.disable_time.max; ++i) time *= 2;
  time = std::min(time, policy.disable_time.max);
  // Drawn from what all agents share, so that whoever decides comes to the same end.
  const double share =
      Random(stable_hash(target) ^ epoch).unit() * policy.disable_time.jitter_percent / 100.0;
  return time + from_seconds(to_seconds(time) * share);
}

void enable(Subject& subject, std::string why, bool by_operator = false) {
  subject.out.action = Action::kEnable;
  subject.out.weight = 100;
  subject.out.by_operator = by_operator;
  subject.out.reason = std::move(why);
}

// The operator's word, which needs neither votes nor budget.
void follow_the_operator(Subject& subject, const PoolPolicy& policy, Timestamp now) {
  const Override& word = *subject.word;
  TargetDecision& out = subject.out;
  const bool flagged = subject.flagged(now);
  if (word.action == Override::Action::kEnable) {
    out.hold = Hold::kOperatorEnable;
    if (flagged) enable(subject, word.reason, true);
    return;
  }
  if (subject.member->carries_the_flags) {
    out.hold = Hold::kCarriesFlags;
    if (flagged) enable(subject, "carries the flags");
    return;
  }
  const bool as_he_said =
      flagged && subject.entry->by_operator && subject.entry->state == Entry::State::kDisabled &&
      subject.entry->until == word.until && subject.entry->drain == (word.action == Override::Action::kDrain);
  if (as_he_said) {
    if (renewal_is_due(*subject.entry, policy, now) || key_has_changed(subject, policy))
      out.action = Action::kRenew;
    return;
  }
  out.action = Action::kDisable;
  out.by_operator = true;
  out.drain = word.action == Override::Action::kDrain;
  out.reason = word.reason;
  out.until = word.until;
  out.streak = subject.entry == nullptr ? 0 : decayed_streak(*subject.entry, policy, now);
}

// Has the time come to judge a disabling by the pool's API? Renews it when that fails less than before, or
// not at all, takes it back when not.
bool judge(Subject& subject, const PoolPolicy& policy, int api_failing, Timestamp now) {
  const Entry& entry = *subject.entry;
  const bool due = entry.state == Entry::State::kDisabled && entry.mode == Mode::kEnforce &&
                   entry.api_before >= 0 && !policy.efficacy.job.empty() &&
                   now - entry.since >= policy.efficacy.window;
  if (!due || api_failing < 0) return false;
  subject.out.judged = true;
  if (api_failing == 0 || api_failing < entry.api_before) {
    subject.out.action = Action::kRenew;
  } else {
    enable(subject,
           fmt::format("disabling did not help: {} % of {} failed before, {} % after {}", entry.api_before,
                       policy.efficacy.job, api_failing, format_duration(policy.efficacy.window)));
  }
  return true;
}

// A member whose flag is set, or whose slow start runs, and no operator has a say. True when its failing
// should be considered like that of an enabled one.
bool tend_flagged(Subject& subject, const PoolPolicy& policy, const Fleet& fleet, int api_failing,
                  Timestamp now) {
  const Entry& entry = *subject.entry;
  TargetDecision& out = subject.out;
  if (subject.member->carries_the_flags) {
    out.hold = Hold::kCarriesFlags;
    enable(subject, "carries the flags");
    return false;
  }
  if (entry.by_operator) {
    // The operator has taken the word back. What the fleet sees decides from here on.
    enable(subject, "the operator's word has ended", true);
    return subject.fails;
  }
  if (entry.mode != policy.mode) {
    if (!fleet.config_majority) {
      out.hold = Hold::kConfig;
    } else {
      enable(subject, fmt::format("the pool's mode is now {}", to_string(policy.mode)));
    }
    return false;
  }
  if (!out.tally.decidable) {
    out.hold = Hold::kBlind;
    return false;
  }
  if (judge(subject, policy, api_failing, now)) return false;
  if (entry.state == Entry::State::kReturning) {
    if (subject.fails) return true;
    const int weight = weight_now(entry, policy, now);
    if (weight != entry.weight) {
      out.action = Action::kWeigh;
      out.weight = weight;
      out.reason = "slow start";
      return false;
    }
  } else if (subject.well && now >= entry.until) {
    enable(subject, "ok");
    if (policy.slow_start > Duration::zero()) out.weight = 10;
    return false;
  } else if (subject.well) {
    out.hold = Hold::kDisableTime;
  }
  const bool rewrite = key_has_changed(subject, policy) && fleet.config_majority;
  if (rewrite || renewal_is_due(entry, policy, now)) out.action = Action::kRenew;
  return false;
}

// More are disabled than a new configuration allows: the least certain ones come back.
void shed_excess(std::vector<Subject>& subjects, int allowed, Timestamp now) {
  std::vector<Subject*> automatic;
  int count = 0;
  for (Subject& subject : subjects) {
    if (subject.member == nullptr || !subject.flagged(now) || subject.entry->by_operator) continue;
    if (subject.out.action == Action::kEnable || subject.out.by_operator) continue;
    ++count;
    automatic.push_back(&subject);
  }
  std::sort(automatic.begin(), automatic.end(), [](const Subject* a, const Subject* b) {
    const Tally& x = a->out.tally;
    const Tally& y = b->out.tally;
    const int64_t left = int64_t{x.down} * std::max(y.counted, 1);
    const int64_t right = int64_t{y.down} * std::max(x.counted, 1);
    return std::tuple(left, b->entry->since, *a->target) < std::tuple(right, a->entry->since, *b->target);
  });
  for (Subject* subject : automatic) {
    if (count <= allowed) return;
    enable(*subject, "more are disabled than the budget allows");
    --count;
  }
}

Hold why_not_disable(const Subject& subject, const PoolDecision& decision, const PoolFacts& facts,
                     const PoolPolicy& policy, int disabled, Timestamp now) {
  if (subject.member->carries_the_flags) return Hold::kCarriesFlags;
  if (decision.freeze != Hold::kNone) return decision.freeze;
  const auto size = static_cast<int64_t>(facts.members.size());
  const int64_t after = int64_t{disabled} + 1;
  if (after > size * policy.max_disabled_percent / 100) return Hold::kBudget;
  if (size - after < policy.min_available) return Hold::kFloor;
  if (now - facts.record.last_disable < policy.interval) return Hold::kPace;
  return Hold::kNone;
}

// Of those that fail, at most one is disabled: the one that fails hardest and for the longest.
void disable_one(std::vector<Subject*> candidates, const PoolDecision& decision, const PoolFacts& facts,
                 const PoolPolicy& policy, int disabled, Timestamp now) {
  std::sort(candidates.begin(), candidates.end(), [](const Subject* a, const Subject* b) {
    const Tally& x = a->out.tally;
    const Tally& y = b->out.tally;
    return std::tuple(int64_t{y.down} * x.counted, a->onset, *a->target) <
           std::tuple(int64_t{x.down} * y.counted, b->onset, *b->target);
  });
  bool done = false;
  for (Subject* subject : candidates) {
    TargetDecision& out = subject->out;
    // One that returns, or whose operator has gone, already has its place in the budget.
    const int others = disabled - (subject->flagged(now) ? 1 : 0);
    out.hold = done ? Hold::kPace : why_not_disable(*subject, decision, facts, policy, others, now);
    if (out.hold != Hold::kNone) continue;
    done = true;
    out.action = Action::kDisable;
    out.by_operator = false;
    out.streak = 1 + (subject->entry == nullptr ? 0 : decayed_streak(*subject->entry, policy, now));
    out.until = now + to_ms(disable_time(policy, *subject->target, out.streak, facts.record.epoch));
  }
}

}  // namespace

std::string_view to_string(Action action) {
  switch (action) {
    case Action::kDisable:
      return "disable";
    case Action::kEnable:
      return "enable";
    case Action::kRenew:
      return "renew";
    case Action::kWeigh:
      return "weigh";
    case Action::kLapse:
      return "lapse";
    case Action::kForget:
      return "forget";
    case Action::kNone:
      break;
  }
  return "none";
}

std::string_view to_string(Hold hold) {
  switch (hold) {
    case Hold::kBlind:
      return "blind";
    case Hold::kBudget:
      return "budget";
    case Hold::kFloor:
      return "floor";
    case Hold::kPace:
      return "pace";
    case Hold::kPoolFreeze:
      return "pool_freeze";
    case Hold::kFleetFreeze:
      return "fleet_freeze";
    case Hold::kOperatorFreeze:
      return "operator_freeze";
    case Hold::kNoEffect:
      return "no_effect";
    case Hold::kOperatorEnable:
      return "operator_enable";
    case Hold::kCarriesFlags:
      return "carries_flags";
    case Hold::kDisableTime:
      return "disable_time";
    case Hold::kConfig:
      return "config";
    case Hold::kNone:
      break;
  }
  return "none";
}

bool PoolDecision::acts() const {
  return std::any_of(targets.begin(), targets.end(),
                     [](const TargetDecision& target) { return target.action != Action::kNone; });
}

int disabled_max(size_t members, const PoolPolicy& policy) {
  const auto size = static_cast<int64_t>(members);
  const int64_t share = size * policy.max_disabled_percent / 100;
  return static_cast<int>(std::max<int64_t>(0, std::min(share, size - policy.min_available)));
}

Duration vote_lifetime(const PoolPolicy& policy) {
  return policy.vote_lifetime > Duration::zero() ? policy.vote_lifetime : policy.interval * 3;
}

bool is_forgotten(const AgentVotes& agent, const PoolPolicy& policy, Timestamp now) {
  return std::chrono::abs(now - agent.at) >= policy.agent_memory;
}

int decayed_streak(const Entry& entry, const PoolPolicy& policy, Timestamp now) {
  if (entry.state == Entry::State::kDisabled && entry.lease > now) return entry.streak;
  const Duration step =
      policy.disable_time.decay > Duration::zero() ? policy.disable_time.decay : policy.interval;
  const Timestamp enabled_since = entry.state == Entry::State::kDisabled ? entry.lease : entry.since;
  const int64_t steps = now > enabled_since ? Duration(now - enabled_since) / step : 0;
  return static_cast<int>(std::max<int64_t>(0, entry.streak - steps));
}

PoolDecision decide(const PoolFacts& facts, const PoolPolicy& policy, Timestamp now) {
  PoolDecision decision;
  Fleet fleet = muster(facts, policy, now);
  decision.expected_agents = fleet.expected;
  decision.live_agents = static_cast<int>(fleet.live.size());
  decision.allowed = disabled_max(facts.members.size(), policy);

  // What is seen.
  std::vector<Subject> subjects = gather_subjects(facts, now);
  hand_out_votes(subjects, fleet, policy, now);
  decision.sick = find_sick(subjects, fleet);
  for (const SickAgent& agent : decision.sick) fleet.excluded.insert(agent.agent);
  for (Subject& subject : subjects) {
    subject.out.target = *subject.target;
    count_votes(subject, facts, policy, fleet, now);
    describe_votes(subject, fleet);
    if (subject.flagged(now)) ++decision.disabled;
  }
  decision.api_failing = median_api_failing(fleet);
  decision.pool_failing = fails_as_a_whole(subjects, facts, policy, decision.freeze_why);
  choose_freeze(decision, facts, policy, now);

  // What follows for each by itself.
  std::vector<Subject*> candidates;
  int disabled = decision.disabled;
  for (Subject& subject : subjects) {
    if (subject.lapsed(now)) subject.out.action = Action::kLapse;
    if (subject.member == nullptr) {
      if (!subject.watched) subject.out.action = Action::kForget;
    } else if (subject.word != nullptr) {
      follow_the_operator(subject, policy, now);
      if (subject.out.action == Action::kDisable && !subject.flagged(now)) ++disabled;
    } else if (subject.flagged(now)) {
      if (tend_flagged(subject, policy, fleet, decision.api_failing, now)) candidates.push_back(&subject);
    } else if (subject.fails) {
      candidates.push_back(&subject);
    } else if (!subject.out.tally.decidable) {
      subject.out.hold = Hold::kBlind;
    }
  }

  // What follows for them together.
  if (fleet.config_majority) shed_excess(subjects, decision.allowed, now);
  disable_one(std::move(candidates), decision, facts, policy, disabled, now);

  for (Subject& subject : subjects) decision.targets.push_back(std::move(subject.out));
  return decision;
}

}  // namespace sluice::gate
