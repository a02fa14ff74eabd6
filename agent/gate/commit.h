#pragma once
// The conversation with Redis as plain data: which commands to send, and what their answers mean.
//
// One turn is two round trips on one connection. The first publishes this agent's votes, puts a WATCH on what
// a decision rests on, and reads it. The second writes record, flags, audit line and message in one
// MULTI/EXEC; Redis refuses it if anybody else committed in between, and then the next turn looks again. So a
// decision is never committed on a record other than the one it was made from, and no interleaving of agents
// can overrun the budget.
//
// Flags are written with PXAT, an absolute expiry (Redis 6.2): a transaction that is delayed on its way must
// not make the lease longer than the record says.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/gate/effects.h"

namespace sluice::gate {

using Command = std::vector<std::string>;
using Commands = std::vector<Command>;

// "sluice:{auth}:record" and so on: the pool is the hash tag, so that a cluster keeps them in one slot.
struct PoolKeys {
  std::string record;     // string: the decision record
  std::string votes;      // hash: agent -> votes
  std::string overrides;  // hash: target -> operator's word
  std::string log;        // list: audit trail, newest first
  std::string epoch;      // string: the record's epoch alone, for readers
  std::string readers;    // hash: reader -> what it acknowledges (readers.h)
  std::string channel;    // pub/sub: one message per event
};
PoolKeys pool_keys(std::string_view pool, std::string_view prefix = "sluice");

inline constexpr size_t kLogLinesMax = 1000;

// What the first round trip brings back.
struct Reading {
  Timestamp time;
  std::optional<std::string> record;
  std::vector<std::pair<std::string, std::string>> votes;
  std::vector<std::pair<std::string, std::string>> overrides;
  // Those of Gate::doubtful_flags that are out and end by themselves, as every flag of ours does; what people
  // have set by hand is theirs. None: not asked.
  std::optional<std::vector<std::string>> flags_out;
};

// First round trip. In this order: HSET (only with own votes), WATCH record overrides, PTTL of each doubtful
// flag, TIME, GET record, HGETALL votes, HGETALL overrides; the answers to all but the first two make a
// Reading.
Commands read_plan(const PoolKeys& keys, const AgentVotes* own,
                   const std::vector<std::string>& doubtful_flags = {});
// Second round trip: MULTI ... EXEC when there is something to commit, else UNWATCH.
Commands commit_plan(const PoolKeys& keys, const GateEffects& effects);
// SIGTERM: this agent's voice is taken out, so that nobody waits for it. Flags stay: they are leases.
Commands leave_plan(const PoolKeys& keys, std::string_view agent);
// An operator's word, and its line in the audit trail. It takes effect at the next turn of any agent.
Commands override_plan(const PoolKeys& keys, const Override& word);
Commands withdraw_plan(const PoolKeys& keys, const std::string& target, const std::string& by, Timestamp at);

}  // namespace sluice::gate
