#pragma once
// Random data and random queries that mean something on it, from one seed.
//
// Made so that Prometheus 2.42 and 3.x agree: no sample lies on the edge of a window (those are closed in 2.x
// and left-open in 3.x), counters begin high (extrapolation towards zero differs), regexes meet no newline,
// nothing is infinite, and rounding or comparing for equality is done on raw samples only, which both hold
// exactly.

#include <cstdint>
#include <string>
#include <vector>

#include "core/random.h"

namespace sluice::promql {

inline constexpr int64_t kDataStartMs = 1'700'000'000'000;
inline constexpr int64_t kDataEndMs = kDataStartMs + 3'600'000;

// An OpenMetrics text: gauges, counters with resets and gaps, histograms.
std::string random_openmetrics(uint64_t seed);

struct RandomQuery {
  std::string expr;
  bool range = false;
  int64_t start_ms = 0;  // or the time of an instant query
  int64_t end_ms = 0;
  int64_t step_ms = 0;
};

class QueryGenerator {
 public:
  explicit QueryGenerator(uint64_t seed) : random_(seed) {}
  RandomQuery next();

 private:
  std::string pick(std::initializer_list<const char*> choices);
  bool chance(int percent) { return random_.below(100) < static_cast<uint64_t>(percent); }
  std::string selector(bool one_metric = true);
  std::string duration();
  std::string modifiers();
  std::string range_vector(int depth);
  std::string vector(int depth);
  std::string scalar(int depth);
  std::string aggregation(int depth);
  std::string binary(int depth);
  std::string call(int depth);

  Random random_;
  bool in_subquery_ = false;
};

}  // namespace sluice::promql
