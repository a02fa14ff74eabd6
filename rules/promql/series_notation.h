#pragma once
// How tests write down series: `metric{label="value"} 1 2+3x4 _ stale`.
//
//   3.5 NaN -Inf   a value            _  _x5        nothing, five times nothing
//   7x3            7, then 3 more     1+2x3  9-2x3  1 3 5 7, 9 7 5 3
//   stale          the series ends    {{...}}       a native histogram: kept as a place without a value
//
// Values stand at 0, step, 2*step, ... Used by promqltest scripts and by the unit tests of rules
// (input_series).

#include <cstddef>
#include <string_view>
#include <vector>

#include "core/labels.h"
#include "core/result.h"

namespace sluice::promql {

// More values in one line are refused with an Error of kind kLimit.
inline constexpr size_t kSeriesPointsMax = 1'000'000;

struct SeriesPoint {
  enum class Kind { kValue, kOmitted, kHistogram } kind = Kind::kValue;
  double value = 0;  // the stale marker for `stale`
};

struct SeriesNotation {
  Labels labels;
  std::vector<SeriesPoint> points;
};

Result<SeriesNotation> parse_series(std::string_view line);
// The values alone, as in a rule test's `values:`.
Result<std::vector<SeriesPoint>> parse_series_values(std::string_view text);

}  // namespace sluice::promql
