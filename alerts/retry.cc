#include "alerts/retry.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace sluice::alerts {

Duration Backoff::delay(int failures, Random& random) const {
  SLUICE_CHECK(failures >= 1, "there is no wait before the first failure");
  // Beyond 60 doublings the power would leave the range of a duration; the cap is met long before.
  const double seconds = to_seconds(first) * std::pow(factor, std::min(failures, 60) - 1);
  const double capped = std::min(seconds, to_seconds(longest));
  return from_seconds(capped * (1 - spread + 2 * spread * random.unit()));
}

Duration retry_delay(const Backoff& backoff, int failures, std::optional<Duration> retry_after,
                     Random& random) {
  const Duration asked = std::clamp(retry_after.value_or(Duration::zero()), Duration::zero(), kRetryAfterMax);
  return std::max(backoff.delay(failures, random), asked);
}

EndpointLimit endpoint_limit(const Integration& integration) {
  const std::string_view kind = integration.kind();
  // Slack disables an app that keeps posting faster than once a second. Twenty attachments are what it
  // displays well.
  if (kind == "slack") return {.spacing = 1s, .in_flight_max = 1, .merge_max = 20};
  if (kind == "email") return {.spacing = {}, .in_flight_max = 2, .merge_max = 1};
  return {};
}

}  // namespace sluice::alerts
