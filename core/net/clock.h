#pragma once
// The only reader of real clocks. Whatever decides is given the time; edges ask a Clock, and tests hand in
// one they turn by hand (tests/support/manual_clock.h).

#include "core/time.h"

namespace sluice::net {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() = 0;         // monotonic; deadlines of I/O are on this scale
  virtual Timestamp unix_now() = 0;  // may step
  // When an instant is or was, as the Unix clock stands now. A schedule's even steps stay even to the
  // millisecond: subtracting two rounded times would let every other one be off by one.
  virtual Timestamp unix_at(Instant at) = 0;
};

// CLOCK_MONOTONIC and CLOCK_REALTIME.
class RealClock final : public Clock {
 public:
  Instant now() override;
  Timestamp unix_now() override;
  Timestamp unix_at(Instant at) override;
};

}  // namespace sluice::net
