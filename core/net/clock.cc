#include "core/net/clock.h"

namespace sluice::net {

Instant RealClock::now() {
  return Instant(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

Timestamp RealClock::unix_now() {
  return Timestamp(std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch()));
}

Timestamp RealClock::unix_at(Instant at) {
  const Duration since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return Timestamp(std::chrono::floor<std::chrono::milliseconds>(since_epoch - (now() - at)));
}

}  // namespace sluice::net
