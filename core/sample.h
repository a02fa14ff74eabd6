#pragma once
// One measured value. A series is a label set with samples in time order.

#include <bit>
#include <cstdint>

#include "core/time.h"

namespace sluice {

struct Sample {
  Timestamp at;
  double value = 0;

  bool operator==(const Sample&) const = default;
};

// A series that ends is marked by one NaN with this exact payload, as Prometheus does it: queries then stop at once
// instead of repeating the last value for the whole lookback. It is never shown to people.
inline constexpr uint64_t kStaleBits = 0x7ff0000000000002ULL;
inline double stale_marker() { return std::bit_cast<double>(kStaleBits); }
inline bool is_stale(double value) { return std::bit_cast<uint64_t>(value) == kStaleBits; }

}  // namespace sluice
