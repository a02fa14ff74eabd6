#pragma once
// Scenarios: what a person would write down about one way to fail, played in the world.
// tests/sim/scenarios/*.txt, one command a line; the referee watches as in any run, and `expect` says what
// must have come of it.
//
//   fleet agents=5 zones=2             pool auth members=4 interval=5s ttl=60s ...      generation (then
//   pools anew) run 30s                            target auth/t0 refuses|hangs|slow|flaps 10s|up
//   kill|stop|start|pause|resume|sick|well|cut|cut-replies|join AGENT...                reload GENERATION
//   AGENT... path|mend|stick AGENT... auth/t0       lossy 30 AGENT... redis down|up|flush|fail-over 1s|clock
//   60s|clock -60s      record lost|damaged auth operator disable auth/t0 1h        withdraw auth/t0 operator
//   freeze auth/* 1h count                              calm                    settled [GENERATION] expect
//   [no] flag auth/t0           expect flags auth <= 2  expect view n0 auth/t0 down expect frozen auth |
//   expect sick n1 | expect probes|disables auth/t0 <= 20 (or >=) since `count`
//   api auth broken|whole   reader auth cut|join   expect reader avoids|uses auth/t0

#include <string>

namespace sluice::sim {

// Empty when all expectations and invariants hold; else what and where, with the newest lines of the trace.
std::string play_scenario(const std::string& path);

}  // namespace sluice::sim
