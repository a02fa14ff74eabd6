#include "agent/schedule/scheduler.h"

#include <algorithm>

#include "core/check.h"
#include "core/random.h"

namespace sluice::schedule {
namespace {

int64_t floor_div(Duration a, Duration b) {
  const int64_t quotient = a / b;
  return a % b < Duration::zero() ? quotient - 1 : quotient;
}

Instant round_to_slot(Instant at) {
  return Instant(Scheduler::kSlot * floor_div(at.time_since_epoch(), Scheduler::kSlot));
}

Instant point(Instant origin, Duration period, int64_t k) {
  return round_to_slot(origin + k * period);
}

// The largest k whose grid point is at or before `at`. Points are rounded down, so the unrounded ones may lie
// up to the end of the slot that holds `at`.
int64_t index_at_or_before(Instant origin, Duration period, Instant at) {
  return floor_div(round_to_slot(at) + Scheduler::kSlot - Duration(1) - origin, period);
}

// The least lateness that is not worth probing for: what is left of the timeout would blame the target for
// our delay.
Duration lateness_max(const TargetSpec& spec) {
  return std::max(spec.timeout / 4, Scheduler::kSlot);
}

TargetSpec bounded(TargetSpec spec) {
  spec.interval = std::max(spec.interval, Scheduler::kSlot);
  spec.timeout = std::max(spec.timeout, Scheduler::kSlot);
  spec.fast_interval =
      spec.fast_interval <= Duration::zero() ? spec.interval : std::max(spec.fast_interval, Scheduler::kSlot);
  spec.slow_interval =
      spec.slow_interval <= Duration::zero() ? spec.interval : std::max(spec.slow_interval, Scheduler::kSlot);
  return spec;
}

Duration phase_of(const TargetSpec& spec) {
  const uint64_t hash = Random(stable_hash(spec.key)).next();
  const Duration own(static_cast<int64_t>(hash % static_cast<uint64_t>(spec.interval.count())));
  return (own + spec.phase_shift) % spec.interval;
}

}  // namespace

Instant Scheduler::next_due() const {
  return queue_.empty() ? Instant::max() : queue_.begin()->first;
}

bool Scheduler::in_flight(TargetId id) const {
  const auto it = targets_.find(id);
  return it != targets_.end() && it->second.in_flight;
}

Pace Scheduler::pace(TargetId id) const {
  const auto it = targets_.find(id);
  return it == targets_.end() ? Pace::kNormal : it->second.pace;
}

void Scheduler::choose_grid(Target& target) {
  const Duration fast_or_slow =
      target.pace == Pace::kFast ? target.spec.fast_interval : target.spec.slow_interval;
  const bool own_grid = target.pace == Pace::kNormal || fast_or_slow == target.spec.interval;
  target.period = own_grid ? target.spec.interval : fast_or_slow;
  const bool continues = !own_grid && target.last != Instant::min();
  target.origin = continues ? target.last : Instant(phase_of(target.spec));
}

void Scheduler::enqueue(TargetId id, Target& target, Instant next) {
  dequeue(id, target);
  target.next = next;
  queue_.emplace(next, id);
}

void Scheduler::dequeue(TargetId id, Target& target) {
  if (target.next == Instant::max()) return;
  queue_.erase({target.next, id});
  target.next = Instant::max();
}

void Scheduler::set_target(TargetId id, const TargetSpec& wanted, Instant now) {
  const TargetSpec spec = bounded(wanted);
  auto [it, is_new] = targets_.try_emplace(id);
  Target& target = it->second;
  if (!is_new) {
    TargetSpec retimed = target.spec;
    retimed.timeout = spec.timeout;
    if (retimed == spec) {
      target.spec = spec;
      return;
    }
    if (target.spec.key != spec.key) target.last = Instant::min();
  }
  target.spec = spec;
  choose_grid(target);
  stats_.targets = targets_.size();
  if (target.in_flight) return;
  // The first point at or after now: that is, after the last instant before now.
  const int64_t k =
      index_at_or_before(target.origin, target.period, std::max(now - Duration(1), target.last));
  Instant next = point(target.origin, target.period, k + 1);
  // A grid that moves before each of its points would put the run off for ever.
  const bool put_off = target.last != Instant::min() && next > target.last + target.period * 3 / 2;
  if (put_off) next = std::min(next, target.next);
  enqueue(id, target, next);
}

void Scheduler::remove_target(TargetId id) {
  const auto it = targets_.find(id);
  if (it == targets_.end()) return;
  dequeue(id, it->second);
  if (it->second.in_flight) --stats_.in_flight;
  targets_.erase(it);
  stats_.targets = targets_.size();
}

void Scheduler::set_pace(TargetId id, Pace pace, Instant now) {
  const auto it = targets_.find(id);
  if (it == targets_.end() || it->second.pace == pace) return;
  Target& target = it->second;
  target.pace = pace;
  const Duration period_before = target.period;
  const Instant origin_before = target.origin;
  choose_grid(target);
  if (target.in_flight || (target.period == period_before && target.origin == origin_before)) return;
  const int64_t k =
      index_at_or_before(target.origin, target.period, std::max(now - Duration(1), target.last));
  enqueue(id, target, point(target.origin, target.period, k + 1));
}

void Scheduler::finished(TargetId id, Instant now) {
  const auto it = targets_.find(id);
  if (it == targets_.end() || !it->second.in_flight) return;
  Target& target = it->second;
  target.in_flight = false;
  --stats_.in_flight;
  if (now > target.last + target.spec.timeout + kLate) ++stats_.overran;
  // due() judges whether a point that has passed meanwhile is still worth running.
  const int64_t k = index_at_or_before(target.origin, target.period, target.last);
  enqueue(id, target, point(target.origin, target.period, k + 1));
}

std::vector<Due> Scheduler::due(Instant now) {
  std::vector<Due> out;
  while (!queue_.empty() && queue_.begin()->first <= now) {
    const auto [scheduled, id] = *queue_.begin();
    const auto it = targets_.find(id);
    SLUICE_CHECK(it != targets_.end(), "the queue knows a target that does not exist");
    Target& target = it->second;
    dequeue(id, target);
    const int64_t first = index_at_or_before(target.origin, target.period, scheduled);
    const int64_t latest = index_at_or_before(target.origin, target.period, now);
    stats_.missed += static_cast<uint64_t>(latest - first);
    const Instant start = latest > first ? point(target.origin, target.period, latest) : scheduled;
    const Duration lateness = now - start;
    if (lateness > lateness_max(target.spec)) {
      ++stats_.missed;
      enqueue(id, target, point(target.origin, target.period, latest + 1));
      continue;
    }
    target.in_flight = true;
    target.last = start;
    ++stats_.started;
    ++stats_.in_flight;
    if (lateness > kLate) ++stats_.late;
    stats_.worst_lateness = std::max(stats_.worst_lateness, lateness);
    out.push_back({id, start, start + target.spec.timeout});
  }
  std::sort(out.begin(), out.end(), [](const Due& a, const Due& b) {
    return std::pair(a.scheduled, a.id) < std::pair(b.scheduled, b.id);
  });
  return out;
}

}  // namespace sluice::schedule
