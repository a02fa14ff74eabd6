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
  struct Fault {
    uint64_t weight;
    void (Chaos::*apply)();
    bool of_people = false;  // only where there are some
  };
  static const Fault kFaults[];

  size_t any_agent();
  std::vector<size_t> some_agents();
  std::pair<std::string, std::string> any_target();
  void break_something();

  void kill_agents();
  void restart_agent();
  void pause_agents();
  void cut_agents();
  void lose_messages();
  void delay_messages();
  void stop_redis();
  void fail_redis_over();
  void step_redis_clock();
  void flush_redis();
  void break_target();
  void break_pools();
  void make_agent_sick();
  void cut_paths();
  void reload_agents();
  void speak_as_operator();
  void lose_record();
  void break_api();
  void cut_reader();
  void break_receiver();
  void silence_target();

  World& world_;
  Duration length_{};  // of the fault that is being made
};

// A whole run: chaos and calm in turns for at least `time` of virtual time. A violation comes back as text,
// with where it was; the newest lines of the trace come in any case.
struct Outcome {
  Counts counts;
  Duration simulated{};
  std::string violation;  // empty: all invariants held
  uint64_t step = 0;
  std::vector<std::string> trace;
};
// A fleet of that size with nothing wrong, for `time` after it has started: what it costs. Only the counts of
// that time.
Outcome run_steadily(int agents, int members, Duration interval, Duration time);
// With `alerts` the agents tell people, too. That changes what a seed does.
Outcome try_seed(uint64_t seed, Duration time, bool alerts = false, bool verbose = false);

}  // namespace sluice::sim
