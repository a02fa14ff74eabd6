#pragma once
// Which planted mistake is active: 0 is none, else its place in mutants.txt. Only the copy of the decision code that is
// made for tests/sim knows this; the agent's own does not.

namespace sluice::sim {

inline int active_mutant = 0;
inline bool mutant_is(int number) { return active_mutant == number; }

}  // namespace sluice::sim
