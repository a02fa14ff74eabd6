#pragma once
// Votes and operators' words as fields of Redis hashes.

#include <string>
#include <string_view>

#include "agent/gate/facts.h"
#include "core/result.h"
#include "core/time.h"

namespace sluice::gate {

inline constexpr size_t kVotesBytesMax = 1 << 20;  // of one agent on one pool
inline constexpr size_t kBallotsMax = 20'000;      // of one agent on one pool
inline constexpr size_t kVoteAgentsMax = 20'000;   // of one pool
inline constexpr size_t kOverridesMax = 20'000;    // of one pool

// Field: the agent's name. Value: lines of tab-separated words, one for the agent and one per ballot:
//   v1 <at> <zone> <config> <unwell> [<percent of the API that fails>]
//   <d|u|?> <suspect 0|1> <since> <at> <reason> <target>
// Times are Unix milliseconds. Control characters in names are replaced by '?'.
std::string encode_votes(const AgentVotes& votes);
Result<AgentVotes> decode_votes(std::string_view agent, std::string_view text);

// Field: the target, or "*" for the pool. Value: JSON {"action","at","until","reason","by"}, times in Unix
// seconds.
std::string override_field(const Override& word);
std::string encode_override(const Override& word);
Result<Override> decode_override(std::string_view field, std::string_view text);

}  // namespace sluice::gate
