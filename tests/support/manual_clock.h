#pragma once
// A clock that tests turn by hand.

#include "core/net/clock.h"

namespace sluice::support {

class ManualClock final : public net::Clock {
 public:
  Instant now() override { return now_; }
  Timestamp unix_now() override { return unix_now_; }
  Timestamp unix_at(Instant at) override { return unix_now_ - to_ms(now_ - at); }
  void advance(Duration by) {
    now_ += by;
    unix_now_ += std::chrono::duration_cast<std::chrono::milliseconds>(by);
  }
  void set_unix(Timestamp at) { unix_now_ = at; }  // a clock step

 private:
  Instant now_{1h};
  Timestamp unix_now_ = from_unix_ms(1'700'000'000'000);
};

}  // namespace sluice::support
