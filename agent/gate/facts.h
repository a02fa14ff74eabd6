#pragma once
// Everything a decision is made of, as plain data. All times are Redis times, so that no agent's clock
// matters.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/gate/config.h"
#include "agent/gate/health.h"
#include "agent/gate/record.h"
#include "core/time.h"

namespace sluice::gate {

struct Member {
  std::string target;              // as written in the configuration; unique in the pool
  std::string instance;            // its instance label
  bool carries_the_flags = false;  // the Redis that holds the flags is never disabled by one

  bool operator==(const Member&) const = default;
};

// What one agent says about one target.
struct Ballot {
  Verdict verdict = Verdict::kUnknown;
  bool suspect = false;  // its last probe failed, whatever the verdict
  Timestamp since;       // of the verdict
  Timestamp at;          // when its last probe ended
  std::string reason;    // of the last probe

  bool operator==(const Ballot&) const = default;
};

// What one agent says about a pool; that it says anything is its heartbeat.
struct AgentVotes {
  std::string agent;
  std::string zone;    // may be empty
  std::string config;  // hash of what its verdicts depend on
  std::string unwell;  // why it doubts itself ("event loop 3s late"); its votes do not count then
  Timestamp at;        // when it published this
  // False while nothing is known of when that really was, as Redis's clock may have been set back meanwhile:
  // who reads votes for the first time waits for the next ones, and a stamp that lies ahead is none. Such an
  // agent is expected, but does not count. Not published.
  bool dated = true;
  // Percent of the last probes of the pool's API (EfficacyPolicy) that failed; -1: it does not probe it.
  int api_failing = -1;
  std::map<std::string, Ballot> ballots;

  bool operator==(const AgentVotes&) const = default;
};

// An operator's word. It wins over the automation, and it expires.
struct Override {
  enum class Action { kDisable, kDrain, kEnable, kFreeze };  // drain: disabled, but what runs may end
  std::string target;  // empty for kFreeze, which is about the whole pool
  Action action = Action::kDisable;
  Timestamp at;
  Timestamp until;
  std::string reason;
  std::string by;

  bool operator==(const Override&) const = default;
};

std::string_view to_string(Override::Action action);  // "disable", "drain", "enable", "freeze"
std::optional<Override::Action> override_action(std::string_view text);

struct PoolFacts {
  std::string self;    // this agent
  std::string config;  // of this agent
  std::vector<Member> members;
  std::vector<AgentVotes> agents;  // every agent that is remembered, this one too; each once
  std::vector<Override> overrides;
  Record record;
  int other_pools_frozen = 0;  // pools, besides this one, that this agent sees failing as a whole
};

}  // namespace sluice::gate
