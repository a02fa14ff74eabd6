#pragma once
// One agent's part of the gate: it counts what its probes say, keeps that as votes, and turns the facts of a
// pool into effects. It owns no connection and no clock; agent/app drives it, with Redis or without.
//
//   every probe:          seen = gate.observe(now, pool, target, good, reason)      -> pace, log line
//   every turn, alone:    facts = gate.local_facts(pool, now, shared)
//          with Redis:    answers of read_plan(keys, &own_votes) -> Reading; facts = gate.facts(pool, now,
//          reading)
//                         effects = gate.tick(pool, now, facts, reading.time)
//                         carry out commit_plan(keys, effects), then gate.committed() or gate.conflicted()
//          Redis away:    gate.unreachable(pool, now, shared)
//
// A turn is due at next_turn(): soon after a verdict changed, else every interval. A turn that changes
// nothing costs one read. A pool that has left the configuration gets one last turn, which removes what
// nobody else watches.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/gate/commit.h"
#include "agent/gate/config.h"
#include "agent/gate/decide.h"
#include "agent/gate/effects.h"
#include "agent/gate/health.h"

namespace sluice::gate {

struct PoolSetup {
  PoolPolicy policy;
  HealthPolicy health;
  std::vector<Member> members;
  Duration timeout = 5s;  // of a probe
  // Hash over everything that a verdict depends on: module, health, this policy, the members. Votes of agents
  // with another one do not count for disabling.
  std::string config;
};

// What observe() saw. The app gives `attention` to the scheduler, and logs `change`.
struct Seen {
  std::optional<Transition> change;
  Attention attention = Attention::kFast;
};

// For metrics, API and status page: the state after the last turn.
struct TargetView {
  std::string target;
  std::string instance;
  Verdict own = Verdict::kUnknown;
  Verdict fleet = Verdict::kUnknown;
  Tally votes;
  Entry entry;  // state kEnabled, mode of the policy, when the record says nothing
  Action last_action = Action::kNone;
  Hold hold = Hold::kNone;
  std::string evidence;  // of the votes now; entry.evidence is that of the decision
};

struct PoolView {
  std::string pool;
  Mode mode = Mode::kEnforce;
  bool shared =
      false;  // the last turn saw Redis; else these are this agent's own eyes and its last known record
  Timestamp decided_at{};  // Redis time of the last turn; the epoch before the first
  uint64_t epoch = 0;
  Hold freeze = Hold::kNone;
  std::string freeze_why;
  int expected_agents = 0;
  int live_agents = 0;
  int api_failing = -1;  // percent; -1: not known
  int disabled = 0;
  int allowed = 0;
  std::vector<SickAgent> sick;
  std::vector<TargetView> targets;
};

struct PoolCounters {
  std::map<std::pair<Action, Mode>, uint64_t> decisions;  // committed; kNone is never in it
  std::map<Hold, uint64_t> holds;                         // turns times members that failed but were held
  uint64_t conflicts = 0;                                 // somebody else committed first
  uint64_t unreadable = 0;  // records, votes or words in Redis that made no sense
  uint64_t turns = 0;
};

class Gate {
 public:
  Gate(std::string agent, std::string zone) : agent_(std::move(agent)), zone_(std::move(zone)) {}

  // The configured pools and those that wait for their last turn, in order of name.
  std::vector<std::string> pools() const;
  bool retiring(std::string_view pool) const;
  // For read_plan: keys whose existence must be known before a missing or unreadable record can be taken as
  // empty.
  std::vector<std::string> doubtful_flags(std::string_view pool) const;
  const PoolPolicy* policy(std::string_view pool) const;  // null for an unknown pool
  Instant next_turn(std::string_view pool) const;
  Instant next_turn() const;                          // of any pool
  const PoolView* view(std::string_view pool) const;  // null for an unknown pool
  const PoolCounters* counters(std::string_view pool) const;
  // Whether the flag of this target is set as of the last turn: what flags in process mean. Expired leases
  // are not.
  bool disabled(std::string_view pool, std::string_view target, Timestamp shared) const;
  AgentVotes own_votes(std::string_view pool, Instant now, Timestamp shared) const;
  // Whether this agent is one of the vantages that probe the target. Until a turn has seen the fleet: yes.
  // Changes with the set of live agents, which assignments() counts: when it has grown, ask again for every
  // target.
  bool probes(std::string_view pool, std::string_view target) const;
  // For what one agent of the fleet does for a pool: whether this is the one. Until a turn has seen the
  // fleet: yes.
  bool chosen_for(std::string_view pool, std::string_view task) const;
  uint64_t assignments() const { return assignments_; }
  // For TargetSpec::phase_shift: puts this agent's probes of the target at its place in the fleet's stream of
  // them. `shared` is Redis time at `now`.
  Duration phase_shift(std::string_view pool, std::string_view target, Instant now, Timestamp shared) const;
  // How often this agent may probe a member of the pool that wants to be probed every `wanted`.
  Duration interval(std::string_view pool, Duration wanted) const;

  // The configuration, at start and on reload. Health and record of what is in both stay. A pool that is gone
  // retires.
  void configure(Instant now, std::vector<PoolSetup> setups);
  // A probe of a member has ended. For an unknown pool or member: nothing, at normal attention.
  Seen observe(Instant now, std::string_view pool, std::string_view target, bool good,
               std::string_view reason);
  // A probe of an API has ended that some pool's efficacy is judged by; others are ignored.
  void observe_api(Instant now, std::string_view job, std::string_view target, bool good);
  // This agent doubts itself and says why; empty when it is well again. Its votes are published but do not
  // count.
  void set_unwell(std::string why) { unwell_ = std::move(why); }
  // An operator's word without Redis. Later words about the same target replace earlier ones.
  void add_override(std::string_view pool, Override word);
  void withdraw_override(std::string_view pool, std::string_view target);

  // The facts of a pool have changed elsewhere (an operator spoke): its next turn is due now.
  void look_again(std::string_view pool, Instant now);

  PoolFacts local_facts(std::string_view pool, Instant now, Timestamp shared) const;
  // The stamps of votes are corrected: no vote is younger than this agent has known it.
  // An error when the record is missing or unreadable: flags may be out that it would have told of. The next
  // read plan asks for them (doubtful_flags). When there are none, or after a whole TTL, by this agent's
  // clock and by Redis's, which may have been set back, the record is taken as empty, and written; flags that
  // are out even then are removed, unless they have no TTL: those are somebody else's.
  Result<PoolFacts> facts(std::string_view pool, Instant now, const Reading& reading);
  GateEffects tick(std::string_view pool, Instant now, const PoolFacts& facts, Timestamp shared);
  void committed(std::string_view pool, const GateEffects& effects);
  void conflicted(std::string_view pool, Instant now);
  void unreachable(std::string_view pool, Instant now, Timestamp shared);

 private:
  struct Watched {
    Member member;
    Health health;
    bool assigned = true;
  };
  // Votes of one agent as they were first read.
  struct Heard {
    Timestamp stamp;
    Instant at{};
    bool dated = false;  // AgentVotes::dated
  };
  struct Pool {
    PoolSetup setup;
    std::map<std::string, Watched, std::less<>> members;
    std::map<std::string, Override> overrides;  // without Redis
    Record record;                              // as last known
    uint64_t epoch_seen = 0;
    bool retiring = false;
    std::vector<std::string> live;  // agents, at the last turn that saw Redis; sorted
    bool failing = false;           // as a whole, at the last turn
    Instant failing_at{};
    Instant next_turn{};
    // The record is missing or unreadable since then; in Redis time, in which flags end.
    std::optional<Instant> recordless_since;
    Timestamp recordless_since_shared{};
    bool look_at_once = false;
    std::vector<std::string> orphans;  // flags that are out though the record has just been taken as empty
    std::map<std::string, Heard, std::less<>> heard;  // by agent: its newest votes
    PoolView view;
    PoolCounters counters;
  };

  struct ApiProbe {
    bool good = false;
    Instant at{};
  };

  int api_failing(const EfficacyPolicy& policy, Instant now) const;
  Pool* find(std::string_view pool);
  const Pool* find(std::string_view pool) const;
  int other_pools_frozen(std::string_view pool, Instant now) const;
  static void age(AgentVotes& votes, const Heard& heard, Instant now, Timestamp shared);
  static size_t vantages(const Pool& pool);
  void assign(Pool& pool);
  void refresh_view(Pool& pool, const PoolFacts& facts, const PoolDecision& decision, Timestamp shared);

  std::string agent_;
  std::string zone_;
  std::string unwell_;
  uint64_t assignments_ = 0;
  std::map<std::string, Pool, std::less<>> pools_;
  // By job and target: the last probe of what some pool's efficacy is judged by.
  std::map<std::string, std::map<std::string, ApiProbe, std::less<>>, std::less<>> apis_;
};

}  // namespace sluice::gate
