#pragma once
// Equal but for rounding: a relative distance, which near zero turns into an absolute one. NaN equals NaN.

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/sample.h"

namespace sluice::promql {

inline bool almost_equal(double a, double b, double tolerance) {
  if (is_stale(a) || is_stale(b)) return is_stale(a) && is_stale(b);
  if (a == b || (std::isnan(a) && std::isnan(b))) return true;
  constexpr double kSmallest = std::numeric_limits<double>::min();
  const double size = std::abs(a) + std::abs(b);
  const double distance = std::abs(a - b);
  if (a == 0 || b == 0 || size < kSmallest) return distance < tolerance * kSmallest;
  return distance / std::min(size, std::numeric_limits<double>::max()) < tolerance;
}

}  // namespace sluice::promql
