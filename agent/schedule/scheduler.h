#pragma once
// When is each probe due?
//
// Every target lives on a grid of its own: phase + k * interval, where the phase is a stable hash of the
// target's key. A run that starts late or takes long does not shift the grid, so cadence never drifts, a
// restart lands on the same phases, and thousands of targets spread evenly instead of starting together. Grid
// points are rounded down to slots of 5 ms: waking 200 times a second for a batch costs an eighth of waking
// for each target by itself.
//
// A target is probed once at a time. The timeout counts from the scheduled start, not from the actual one, so
// that an agent that is behind cannot hide it in longer probes. A grid point that comes while the probe
// before it still runs is run late when it is only a little late (at most a quarter of the timeout),
// otherwise it is missed, and counted: catching up would hit the target twice and tell nothing new.
//
//   interval 5s, timeout 5s, phase 1.2s:  due 1.2, 6.2, 11.2 ...
//   the probe of 6.2 hangs until 11.203:  11.2 runs 3 ms late, with its deadline still at 16.2
//   the agent is stopped from 12 to 30:   16.2, 21.2, 26.2 missed; next 31.2
//
// While a target is in doubt it runs at its fast interval, while it is down at its slow one; both continue
// from the last scheduled start. Back at the normal pace it returns to its own grid.

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/time.h"

namespace sluice::schedule {

// Chosen by the caller, who keeps the table of targets. Never reused for another target while a probe is in
// flight.
using TargetId = uint32_t;

enum class Pace { kNormal, kFast, kSlow };

struct TargetSpec {
  std::string key;           // stable over restarts, unique in an agent: "job/instance". Gives the phase.
  Duration interval = 15s;   // at least kSlot, else taken as kSlot; so are the next three
  Duration timeout = 5s;     // of the whole probe, from its scheduled start
  Duration fast_interval{};  // zero: the same as interval
  Duration slow_interval{};  // zero: the same as interval
  Duration phase_shift{};  // added to the hash's phase: the place of this agent in the fleet (gate/assign.h)

  bool operator==(const TargetSpec&) const = default;
};

struct Due {
  TargetId id = 0;
  Instant scheduled;
  Instant deadline;  // scheduled + timeout

  bool operator==(const Due&) const = default;
};

struct ScheduleStats {
  uint64_t started = 0;
  uint64_t late = 0;     // started more than kLate after the scheduled instant
  uint64_t missed = 0;   // grid points that were never run
  uint64_t overran = 0;  // ended more than kLate after their deadline: a prober that does not keep its time
  size_t targets = 0;
  size_t in_flight = 0;
  Duration worst_lateness{};  // of a run that was started
};

class Scheduler {
 public:
  static constexpr Duration kSlot = 5ms;
  static constexpr Duration kLate = 100ms;

  // The earliest instant at which due() has something to say; Instant::max() when nothing waits. In the past
  // when the caller is behind.
  Instant next_due() const;
  bool contains(TargetId id) const { return targets_.contains(id); }
  bool in_flight(TargetId id) const;
  Pace pace(TargetId id) const;  // kNormal for an unknown id
  const ScheduleStats& stats() const { return stats_; }

  // Adds a target or changes it. The same spec again changes nothing; a changed timeout keeps the grid;
  // anything else computes the next run anew, without touching a probe in flight, and puts it off to at most
  // one and a half periods after the last one: a fleet that changes all the time moves phases all the time.
  void set_target(TargetId id, const TargetSpec& spec, Instant now);
  // Forgets it. finished() for its probe in flight may still come, and is ignored.
  void remove_target(TargetId id);
  // Unknown ids are ignored: a verdict may arrive after the target is gone.
  void set_pace(TargetId id, Pace pace, Instant now);
  // The probe handed out by due() has ended, one way or the other. Must come for every Due.
  void finished(TargetId id, Instant now);

  // Targets whose time has come, earliest first; each is in flight from here on.
  std::vector<Due> due(Instant now);

 private:
  struct Target {
    TargetSpec spec;
    Pace pace = Pace::kNormal;
    Instant origin;     // the grid in use: origin + k * period
    Duration period{};  // of the grid in use
    Instant next = Instant::max();
    Instant last = Instant::min();  // the last grid point that was started; min() before the first
    bool in_flight = false;
  };

  void choose_grid(Target& target);
  void enqueue(TargetId id, Target& target, Instant next);
  void dequeue(TargetId id, Target& target);

  std::unordered_map<TargetId, Target> targets_;
  std::set<std::pair<Instant, TargetId>> queue_;
  ScheduleStats stats_;
};

}  // namespace sluice::schedule
