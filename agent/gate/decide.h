#pragma once
// May traffic go to these upstreams? One pure function over shared facts, the same on every agent.
//
// It is built so that being wrong is cheap. Disabling needs a majority of the agents that are *expected*, not
// of those that happen to be visible, all on one configuration, spread over zones, and room in a budget; it
// is done one member at a time, and not at all when so much fails together that the cause is probably shared,
// or the observer. Enabling is easy. Not knowing means standing still: nothing new is disabled, nothing is
// renewed, and what is disabled comes back when its lease runs out.
//
//   pool of 4, at most 50 %; 9 agents expected to vote, 8 heard; "a" refused by 7 of them: 7 > 9/2, 7/8 >=
//   0.6, two zones agree, none is disabled so far, 1 <= 2: disable "a" for 10 s at the least. Then five of
//   the agents stop: 3 of 9 are left, which is no majority. "a" is held, not renewed, and free in 300 s.
//
// The dwell times need no state: every ballot carries when its verdict began. The sources of the rules:
// Envoy's outlier detection for the budget and the growing time, HAProxy for rise and fall, Route 53 for the
// bias to healthy, and the public post-mortems of loops that lacked one of them.
//
// The obvious other way, a leader that decides, was refused: it is one more thing to lose, its own view is
// one vantage, and a leader that was paused decides on yesterday's facts. Here anybody decides, and the
// transaction on the record (commit.h) lets one of them win.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "agent/gate/facts.h"

namespace sluice::gate {

enum class Action {
  kNone,
  kDisable,  // set the flag
  kEnable,   // remove it
  kRenew,    // prolong its lease
  kWeigh,    // next step of the slow start
  kLapse,    // the lease ran out: note it
  kForget,   // nobody watches this target any more: remove flag and entry
};
std::string_view to_string(Action action);  // "none", "disable", "enable", ...

// Why nothing is done although the member fails, or is well but stays disabled.
enum class Hold {
  kNone,
  kBlind,           // not decidable
  kBudget,          // max_disabled_percent
  kFloor,           // min_available
  kPace,            // one new disabling per pool and interval
  kPoolFreeze,      // too much of the pool fails at once
  kFleetFreeze,     // too many other pools do
  kOperatorFreeze,  // an operator froze the pool
  kNoEffect,        // the last disabling did not help the pool's API
  kOperatorEnable,  // an operator wants it enabled
  kCarriesFlags,    // it is the Redis that holds the flags
  kDisableTime,     // well again, but its least time has not passed
  kConfig,          // agents with this agent's configuration are no majority
};
std::string_view to_string(Hold hold);

// The votes on one member, counted. Sick, unwell and stale agents are in none of the numbers but their own.
struct Tally {
  int expected = 0;  // agents that should vote on it
  int counted = 0;   // up + down
  int up = 0;
  int down = 0;
  int unknown = 0;   // fresh, but without a verdict yet
  int stale = 0;     // too old to count
  int excluded = 0;  // of sick or unwell agents
  int down_zones = 0;
  bool decidable = false;
  bool operator==(const Tally&) const = default;
};

struct TargetDecision {
  std::string target;
  Action action = Action::kNone;
  Hold hold = Hold::kNone;
  bool by_operator = false;           // the action follows an operator's word
  Verdict fleet = Verdict::kUnknown;  // what the fleet thinks; unknown when not decidable or split
  Tally tally;
  std::string reason;    // the most frequent reason of the "down" votes; the operator's words
  std::string evidence;  // "7 of 9 fail: zone b 3/3, zone a 4/4, zone c 0/2; reason connect_refused"
  Timestamp until;       // for kDisable: least time disabled; for an operator's word: its end
  int streak = 0;        // for kDisable: disablings in a row with this one
  int weight = 0;        // for kWeigh and kEnable; 100 is the end, without a flag
  bool drain = false;    // for kDisable by the operator
  // The disabling has been judged by what became of the pool's API. kRenew: it helped; kEnable: it did not,
  // and the pool is held.
  bool judged = false;
};

struct SickAgent {
  std::string agent;
  std::string why;  // "fails 5 of 6 targets that the others pass"
};

struct PoolDecision {
  std::vector<TargetDecision>
      targets;                // the members in order of configuration, then entries that are no members
  Hold freeze = Hold::kNone;  // kPoolFreeze, kFleetFreeze, kOperatorFreeze, kNoEffect or kNone
  std::string freeze_why;
  bool pool_failing = false;  // the pool as a whole: what other pools count
  int expected_agents = 0;
  int live_agents = 0;
  int api_failing = -1;  // percent of the pool's API, as the median agent sees it; -1: nobody says
  int disabled = 0;      // members and others with a live lease, before this decision; in both modes
  int allowed = 0;       // floor(size * max_disabled_percent / 100), and no fewer than min_available left
  std::vector<SickAgent> sick;

  // Whether anything must be written.
  bool acts() const;
};

// `now` is Redis time. Facts may be any nonsense (names twice, times in the future); the result is then
// careful, not wrong: what cannot be trusted does not count.
PoolDecision decide(const PoolFacts& facts, const PoolPolicy& policy, Timestamp now);

// The most members that may be disabled at a time: the exact rule.
int disabled_max(size_t members, const PoolPolicy& policy);
// policy.vote_lifetime, or three intervals.
Duration vote_lifetime(const PoolPolicy& policy);
// A stamp further in the future than this was not made by Redis's clock, or not by the one that it has now.
inline constexpr Duration kFutureMax = 5s;
// Silent for as long as agents are remembered, or stamped that far in the future.
bool is_forgotten(const AgentVotes& agent, const PoolPolicy& policy, Timestamp now);
// The streak that is left after healthy time since release.
int decayed_streak(const Entry& entry, const PoolPolicy& policy, Timestamp now);

}  // namespace sluice::gate
