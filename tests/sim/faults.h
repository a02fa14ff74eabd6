#pragma once
// Faults as a seed composes them: drawn from one table, several at a time, each healed by itself or by
// heal_all().

#include "tests/sim/world.h"

namespace sluice::sim {

// Sizes, policies and two to three generations of the configuration.
Setting random_setting(Random& random);

class Chaos {
 public:
  explicit Chaos(World& world) : world_(world) {}

  // Breaks things for `time`, one every `pace` on average.
  void run(Duration time, Duration pace);
  // Everything whole, all agents on `generation`; at most one dead member a pool, and that within its budget.
  void heal_all(size_t generation);

 private:
  World::Agent& any_agent(size_t& index);
  std::vector<size_t> some_agents();
  std::pair<std::string, std::string> any_target();
  void break_something();

  World& world_;
};

// A whole run: chaos and calm in turns for `time` of virtual time. Throws Violation.
Counts run_seed(uint64_t seed, Duration time, bool verbose = false);
// As run_seed; a violation comes back as text with the newest lines of the trace, and where it was.
struct Outcome {
  Counts counts;
  Duration simulated{};
  std::string violation;  // empty: all invariants held
  uint64_t step = 0;
  std::vector<std::string> trace;
};
Outcome try_seed(uint64_t seed, Duration time, bool verbose = false);

}  // namespace sluice::sim
