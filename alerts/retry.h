#pragma once
// When to try again, and how fast an endpoint may be spoken to.
//
// After the n-th failure in a row the wait is 0.5s x 1.5^(n-1), at most a minute, and then anywhere within
// half of that to either side, so that many agents that lost the same receiver do not return to it together.
// A Retry-After is a floor for this, never shortened; it is believed up to an hour.

#include <optional>

#include "alerts/config.h"
#include "core/random.h"
#include "core/time.h"

namespace sluice::alerts {

struct Backoff {
  Duration first = 500ms;
  Duration longest = 60s;
  double factor = 1.5;
  double spread = 0.5;  // +- this part of the delay

  // The wait after `failures` (at least 1) in a row.
  Duration delay(int failures, Random& random) const;
};

inline constexpr Duration kRetryAfterMax = 1h;
Duration retry_delay(const Backoff& backoff, int failures, std::optional<Duration> retry_after,
                     Random& random);

// What one endpoint stands.
struct EndpointLimit {
  Duration spacing{};     // between the beginnings of two requests; Slack allows one a second
  int in_flight_max = 8;  // requests under way at once; one while the endpoint fails
  int merge_max = 1;      // groups in one message, where several had to wait
};
EndpointLimit endpoint_limit(const Integration& integration);

}  // namespace sluice::alerts
