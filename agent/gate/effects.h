#pragma once
// What a decision means for the world: the next record, flags to write, and what to tell.

#include <optional>
#include <string>
#include <vector>

#include "agent/gate/decide.h"

namespace sluice::gate {

struct FlagWrite {
  std::string key;
  std::optional<std::string> value;  // none: delete the key
  Timestamp expires_at;              // Redis time; absolute, so that a late write cannot prolong the lease

  bool operator==(const FlagWrite&) const = default;
};

// One change, worth a log line, a message on the pool's channel and a line in its audit trail. Renewals are
// none.
struct GateEvent {
  Timestamp at;
  std::string pool;
  std::string target;
  Action action = Action::kNone;
  Mode mode = Mode::kEnforce;
  uint64_t epoch = 0;
  std::string by;  // the agent that committed, or "operator"
  std::string reason;
  std::string evidence;
  Timestamp until;

  bool operator==(const GateEvent&) const = default;
};
// {"at":1767225600.25,"pool":"auth","target":"...","action":"disable","mode":"enforce","epoch":12,...}
std::string to_json(const GateEvent& event);

struct GateEffects {
  Record record;
  std::vector<FlagWrite> flags;
  std::vector<GateEvent> events;
  std::vector<std::string> forget_agents;     // silent for longer than they are remembered
  std::vector<std::string> forget_overrides;  // operator fields that have expired
  bool commit = false;                        // false: nothing changed, write nothing
};

// `epoch_min`: the largest epoch this agent has ever seen of the pool: after a fail-over that lost writes the
// next epoch is still a new one.
GateEffects carry_out(const PoolFacts& facts, const PoolPolicy& policy, const PoolDecision& decision,
                      Timestamp now, uint64_t epoch_min = 0);

}  // namespace sluice::gate
