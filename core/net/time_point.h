#pragma once
// Instants as Asio's timers want them. Only for the .cc files of core/net.

#include <algorithm>
#include <boost/asio/steady_timer.hpp>

#include "core/time.h"

namespace sluice::net {

// RealClock counts from the epoch of the steady clock, so the two scales are one. The far future is cut to a
// century: Asio adds to time points, and the largest of them would overflow.
inline std::chrono::steady_clock::time_point to_steady(Instant at) {
  constexpr Duration far = std::chrono::hours(24 * 365 * 100);
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::min(at.time_since_epoch(), far)));
}

}  // namespace sluice::net
