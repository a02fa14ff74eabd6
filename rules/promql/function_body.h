#pragma once
// What a row of the function table does. Most functions are one of three simple shapes, written as plain
// functions on numbers; the few that look at labels, at all series at once, or at nothing are given the
// evaluator.

#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "core/sample.h"
#include "rules/promql/block.h"

namespace sluice::promql {

class Evaluator;
struct Call;
struct Expr;

// The samples of one series in one window. Never empty.
struct Window {
  std::span<const Sample> samples;  // in time order, without stale markers
  int64_t from_ms = 0;              // exclusive
  int64_t to_ms = 0;                // inclusive
  int64_t at_ms = 0;                // the evaluation time
  std::span<const double> parameters;

  double range_seconds() const { return static_cast<double>(to_ms - from_ms) / 1000; }
};

// f(range vector, scalars...): empty when the window gives no result.
struct RangeFunction {
  std::optional<double> (*compute)(const Window&) = nullptr;
  bool keeps_name = false;
  bool on_counters = false;     // worth a hint when the metric is not called like a counter
  bool takes_quantile = false;  // the parameter is a quantile: worth a warning outside [0, 1]
};

// f(vector, scalars...) on each value alone; empty drops the element.
struct Elementwise {
  double (*plain)(double) = nullptr;
  std::optional<double> (*with_parameters)(double, std::span<const double>) = nullptr;
};

// f(vector of Unix times), of the evaluation time without an argument.
struct DateFunction {
  double (*compute)(int64_t unix_seconds) = nullptr;
};

struct VectorFunction {
  BlockPtr (*compute)(Evaluator&, const Call&, const Expr&, const Grid&) = nullptr;
};

struct ScalarFunction {
  std::vector<double> (*compute)(Evaluator&, const Call&, const Grid&) = nullptr;
};

struct FunctionBody {
  std::variant<RangeFunction, Elementwise, DateFunction, VectorFunction, ScalarFunction> shape;
};

}  // namespace sluice::promql
