#pragma once
// Who probes what: rendezvous hashing, so that agents agree without talking and a lost agent moves only its
// own targets.

#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"

namespace sluice::gate {

// The `count` agents of `live` that score highest for `target`, best first; all of them when count is 0 or
// not less.
std::vector<std::string> choose(std::string_view target, const std::vector<std::string>& live, size_t count);
bool is_chosen(std::string_view self, std::string_view target, const std::vector<std::string>& live,
               size_t count);

// How many of `live` agents may probe a target once an interval so that it gets at most `per_second` probes
// (0: no limit): `wanted` of them (0: all), or fewer, but at least one.
size_t vantages_within(int wanted, size_t live, Duration interval, double per_second);
// How often each of `vantages` agents may probe it then: every `wanted`, or less often.
Duration interval_within(Duration wanted, size_t vantages, double per_second);

// How far this agent's probes of a target are moved within the interval so that n vantages probe it evenly:
// rank / n * interval, the rank being its place among the chosen. Zero when it is not chosen.
Duration fleet_phase(std::string_view self, std::string_view target, const std::vector<std::string>& live,
                     size_t count, Duration interval);

}  // namespace sluice::gate
