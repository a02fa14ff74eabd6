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
};

// CLOCK_MONOTONIC and CLOCK_REALTIME.
class RealClock final : public Clock {
 public:
  Instant now() override;
  Timestamp unix_now() override;
};

}  // namespace sluice::net
