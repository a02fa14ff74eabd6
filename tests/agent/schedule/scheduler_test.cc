#include "agent/schedule/scheduler.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/random.h"

namespace sluice::schedule {
namespace {

constexpr Instant kStart{Duration(1000s)};

TargetSpec spec(std::string key, Duration interval = 5s, Duration timeout = 5s) {
  return {.key = std::move(key),
          .interval = interval,
          .timeout = timeout,
          .fast_interval = 1s,
          .slow_interval = 30s,
          .phase_shift = {}};
}

// Runs the schedule to `end`; every probe takes `takes`. Returns what was started, in order.
std::vector<Due> run(Scheduler& scheduler, Instant& now, Instant end, Duration takes = 10ms) {
  std::vector<Due> started;
  std::multimap<Instant, TargetId> running;
  while (true) {
    Instant next = scheduler.next_due();
    if (!running.empty()) next = std::min(next, running.begin()->first);
    if (next >= end) break;
    now = std::max(now, next);
    while (!running.empty() && running.begin()->first <= now) {
      scheduler.finished(running.begin()->second, now);
      running.erase(running.begin());
    }
    for (const Due& due : scheduler.due(now)) {
      started.push_back(due);
      running.emplace(now + takes, due.id);
    }
  }
  now = end;
  return started;
}

TEST(SchedulerTest, runs_every_target_once_per_interval_without_drift) {
  Scheduler scheduler;
  Instant now = kStart;
  scheduler.set_target(1, spec("a"), now);
  const auto started = run(scheduler, now, kStart + 100s, 300ms);
  ASSERT_EQ(started.size(), 20u);
  for (size_t i = 1; i < started.size(); ++i) EXPECT_EQ(started[i].scheduled - started[i - 1].scheduled, 5s);
  for (const Due& due : started) EXPECT_EQ(due.deadline, due.scheduled + 5s);
  EXPECT_EQ(scheduler.stats().missed, 0u);
  EXPECT_EQ(scheduler.stats().late, 0u);
}

TEST(SchedulerTest, phases_are_spread_evenly_and_stay_the_same_over_a_restart) {
  std::map<TargetId, Instant> first_run[2];
  for (int restart = 0; restart < 2; ++restart) {
    Scheduler scheduler;
    Instant now = kStart + restart * 17s;  // a start at another time
    for (TargetId id = 0; id < 1000; ++id)
      scheduler.set_target(id, spec(fmt::format("job/host{}", id), 10s), now);
    for (const Due& due : run(scheduler, now, now + 10s)) first_run[restart].emplace(due.id, due.scheduled);
    ASSERT_EQ(first_run[restart].size(), 1000u);
  }
  std::map<int64_t, int> per_second;
  for (const auto& [id, at] : first_run[0]) {
    EXPECT_EQ((first_run[1][id] - at) % Duration(10s), Duration::zero()) << id;
    ++per_second[at.time_since_epoch() / 1s % 10];
  }
  for (const auto& [second, count] : per_second) EXPECT_NEAR(count, 100, 35) << second;
}

TEST(SchedulerTest, due_times_lie_on_slots_of_five_milliseconds_and_keep_odd_intervals) {
  Scheduler scheduler;
  Instant now = kStart;
  scheduler.set_target(1, spec("odd", 1003ms, 100ms), now);
  const auto started = run(scheduler, now, kStart + 1003s, 1ms);
  EXPECT_EQ(started.size(), 1000u);
  for (const Due& due : started)
    EXPECT_EQ(due.scheduled.time_since_epoch() % Scheduler::kSlot, Duration::zero());
}

TEST(SchedulerTest, never_runs_a_target_twice_at_a_time) {
  Scheduler scheduler;
  Instant now = kStart;
  scheduler.set_target(1, spec("a"), now);
  now = scheduler.next_due();
  ASSERT_EQ(scheduler.due(now).size(), 1u);
  EXPECT_TRUE(scheduler.in_flight(1));
  EXPECT_EQ(scheduler.next_due(), Instant::max());
  EXPECT_TRUE(scheduler.due(now + 60s).empty());
}

TEST(SchedulerTest, a_probe_that_ends_just_after_the_next_point_delays_it_and_keeps_its_deadline) {
  Scheduler scheduler;
  Instant now = kStart;
  scheduler.set_target(1, spec("a"), now);
  const Instant first = scheduler.next_due();
  scheduler.due(first);
  scheduler.finished(1, first + 5s + 3ms);
  const auto due = scheduler.due(first + 5s + 3ms);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].scheduled, first + 5s);
  EXPECT_EQ(due[0].deadline, first + 10s);
  EXPECT_EQ(scheduler.stats().missed, 0u);
}

TEST(SchedulerTest, points_that_pass_while_the_agent_stands_still_are_missed_and_counted) {
  Scheduler scheduler;
  Instant now = kStart;
  scheduler.set_target(1, spec("a"), now);
  const Instant first = scheduler.next_due();
  scheduler.due(first);
  scheduler.finished(1, first + 1s);
  EXPECT_TRUE(scheduler.due(first + 18s).empty());  // 5, 10 and 15 are too old
  EXPECT_EQ(scheduler.stats().missed, 3u);
  EXPECT_EQ(scheduler.next_due(), first + 20s);
}

TEST(SchedulerTest, a_run_that_is_a_little_late_is_run_and_counted_as_late) {
  Scheduler scheduler;
  Instant now = kStart;
  scheduler.set_target(1, spec("a"), now);
  const Instant first = scheduler.next_due();
  const auto due = scheduler.due(first + 1s);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].scheduled, first);
  EXPECT_EQ(scheduler.stats().late, 1u);
  EXPECT_EQ(scheduler.stats().worst_lateness, 1s);
}

TEST(SchedulerTest, a_target_in_doubt_is_probed_fast_at_once_and_returns_to_its_own_grid) {
  Scheduler scheduler;
  Instant now = kStart;
  scheduler.set_target(1, spec("a", 15s), now);
  const Instant first = scheduler.next_due();
  scheduler.due(first);
  scheduler.set_pace(1, Pace::kFast, first + 200ms);
  scheduler.finished(1, first + 200ms);
  EXPECT_EQ(scheduler.next_due(), first + 1s);
  now = first + 200ms;
  EXPECT_EQ(run(scheduler, now, first + 4500ms).size(), 4u);
  scheduler.set_pace(1, Pace::kNormal, now);
  EXPECT_EQ(scheduler.next_due(), first + 15s);
  EXPECT_EQ(scheduler.stats().missed, 0u);
}

TEST(SchedulerTest, a_target_that_is_down_is_probed_slowly) {
  Scheduler scheduler;
  Instant now = kStart;
  scheduler.set_target(1, spec("a"), now);
  const Instant first = scheduler.next_due();
  scheduler.due(first);
  scheduler.finished(1, first + 1s);
  scheduler.set_pace(1, Pace::kSlow, first + 1s);
  EXPECT_EQ(scheduler.next_due(), first + 30s);
}

TEST(SchedulerTest, a_reload_leaves_unchanged_targets_alone) {
  Scheduler scheduler;
  Instant now = kStart;
  scheduler.set_target(1, spec("a"), now);
  scheduler.set_target(2, spec("b"), now);
  const Instant before = scheduler.next_due();
  scheduler.set_target(1, spec("a"), now + 1ms);
  scheduler.set_target(2, spec("b", 5s, 2s), now + 1ms);  // a timeout does not move the grid
  EXPECT_EQ(scheduler.next_due(), before);
}

TEST(SchedulerTest, a_changed_interval_takes_effect_and_does_not_disturb_the_probe_in_flight) {
  Scheduler scheduler;
  Instant now = kStart;
  scheduler.set_target(1, spec("a", 60s), now);
  const Instant first = scheduler.next_due();
  scheduler.due(first);
  scheduler.set_target(1, spec("a", 2s, 1s), first + 10ms);
  EXPECT_EQ(scheduler.next_due(), Instant::max());
  scheduler.finished(1, first + 100ms);
  EXPECT_LE(scheduler.next_due(), first + 2s);
}

TEST(SchedulerTest, a_removed_target_is_forgotten_and_its_late_end_is_ignored) {
  Scheduler scheduler;
  Instant now = kStart;
  scheduler.set_target(1, spec("a"), now);
  scheduler.due(scheduler.next_due());
  scheduler.remove_target(1);
  scheduler.finished(1, now + 10s);
  scheduler.set_pace(1, Pace::kFast, now);
  EXPECT_EQ(scheduler.stats().in_flight, 0u);
  EXPECT_EQ(scheduler.stats().targets, 0u);
  EXPECT_EQ(scheduler.next_due(), Instant::max());
}

TEST(SchedulerTest, a_shifted_phase_moves_the_grid_by_that_much) {
  Scheduler scheduler;
  TargetSpec shifted = spec("a", 10s);
  scheduler.set_target(1, shifted, kStart);
  shifted.phase_shift = 2500ms;
  scheduler.set_target(2, shifted, kStart);
  Instant now = kStart;
  std::map<TargetId, Instant> first;
  for (const Due& due : run(scheduler, now, kStart + 10s)) first.emplace(due.id, due.scheduled);
  EXPECT_EQ((first[2] - first[1] + 10s) % Duration(10s), 2500ms);
}

TEST(SchedulerTest, a_phase_that_moves_again_and_again_does_not_starve_the_target) {
  Scheduler scheduler;
  Instant now = kStart;
  TargetSpec moving = spec("a", 10s);
  scheduler.set_target(1, moving, now);
  Instant last = run(scheduler, now, kStart + 20s).back().scheduled;
  // Every second the grid moves on by a little more than a second, away from the run that was next.
  for (int second = 21; second < 100; ++second) {
    moving.phase_shift = moving.phase_shift + 1100ms;
    scheduler.set_target(1, moving, now);
    for (const Due& due : run(scheduler, now, kStart + std::chrono::seconds(second))) {
      EXPECT_LE(due.scheduled - last, 15s);
      last = due.scheduled;
    }
  }
  EXPECT_LE(now - last, 15s);
}

TEST(SchedulerTest, a_prober_that_overstays_its_deadline_is_counted) {
  Scheduler scheduler;
  scheduler.set_target(1, spec("a", 10s, 1s), kStart);
  const Instant first = scheduler.next_due();
  scheduler.due(first);
  scheduler.finished(1, first + 3s);
  EXPECT_EQ(scheduler.stats().overran, 1u);
}

// Whatever happens, in any order: at most one probe of a target at a time, none before its time, every point
// either run or missed, and never more runs than the fastest interval allows.
TEST(SchedulerTest, keeps_its_promises_under_random_events) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    Scheduler scheduler;
    Instant now = kStart;
    std::map<TargetId, Instant> running;
    std::map<TargetId, Instant> last;
    for (int step = 0; step < 500; ++step) {
      const TargetId id = static_cast<TargetId>(random.below(5));
      switch (random.below(7)) {
        case 0:
          scheduler.set_target(
              id, spec(fmt::format("t{}", id), Duration(1s) * (1 + static_cast<int>(random.below(20)))), now);
          break;
        case 1:
          if (random.below(4) == 0) {
            scheduler.remove_target(id);
            running.erase(id);
            last.erase(id);
          }
          break;
        case 2:
          scheduler.set_pace(id, static_cast<Pace>(random.below(3)), now);
          break;
        case 3:
          if (!running.empty()) {
            scheduler.finished(running.begin()->first, now);
            running.erase(running.begin());
          }
          break;
        default:
          now += random.between(0s, step % 50 == 0 ? 100s : 2s);
      }
      for (const Due& due : scheduler.due(now)) {
        EXPECT_LE(due.scheduled, now) << "seed " << seed;
        EXPECT_TRUE(running.emplace(due.id, now).second) << "seed " << seed;
        if (last.contains(due.id)) EXPECT_GT(due.scheduled, last[due.id]) << "seed " << seed;
        last[due.id] = due.scheduled;
      }
      EXPECT_GT(scheduler.next_due(), now) << "seed " << seed;
      EXPECT_EQ(scheduler.stats().in_flight, running.size()) << "seed " << seed;
    }
  }
}

TEST(SchedulerTest, five_thousand_targets_at_five_seconds_miss_nothing) {
  Scheduler scheduler;
  Instant now = kStart;
  for (TargetId id = 0; id < 5000; ++id) scheduler.set_target(id, spec(fmt::format("job/host{}", id)), now);
  std::set<Instant> wakes;
  const auto started = run(scheduler, now, kStart + 60s, 20ms);
  for (const Due& due : started) wakes.insert(due.scheduled);
  EXPECT_EQ(started.size(), 5000u * 12);
  EXPECT_EQ(scheduler.stats().missed, 0u);
  EXPECT_LE(wakes.size(), 60u * 200);
}

}  // namespace
}  // namespace sluice::schedule
