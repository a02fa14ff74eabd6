#pragma once
// Scenarios: what a person would write down about one way to fail, played in the world.
// tests/sim/scenarios/*.txt, one command a line; the referee watches as in any run, and `expect` says what
// must have come of it.
//
//   fleet agents=5 zones=2 alerts=1
//   pool auth members=4 interval=5s ttl=60s
//   generation
//   run 30s
//   target auth/t0 refuses
//   kill n1
//   path n1 n2 auth/t0
//   redis fail-over 1s
//   operator disable auth/t0 1h
//   expect no flag auth/t0
//
// `pool` takes the options of set_option(); after `generation`, pools anew. Targets are up, or refuse, hang,
// are slow, flap (with a period) or are impostors. Agents, zones or `all`: kill, stop, start, pause, resume,
// sick, well, cut, cut-replies, join, `reload GENERATION`, `lossy PERCENT`, and with a target path (cut),
// mend, stick. `redis` goes down, up, is flushed, fails over, or its clock steps; a `record` is lost or
// damaged. `api POOL broken|whole`, `reader POOL cut|join`, `receiver up|down|loses-answers`, `silence AGENT
// TARGET TIME`, `withdraw TARGET`. `count` begins counting, `calm` says that all is whole, `settled
// [GENERATION]` asks the referee about the end.
//
// What can be expected: `[no] flag`, `flags POOL <= N`, `view AGENT TARGET up|down`, `frozen POOL`, `sick
// AGENT`, `probes|disables|told TARGET <= N` (or >=), `reader avoids|uses TARGET`, `people TARGET up|down`.

#include <string>

namespace sluice::sim {

// Empty when all expectations and invariants hold; else what and where, with the newest lines of the trace.
std::string play_scenario(const std::string& path);

}  // namespace sluice::sim
