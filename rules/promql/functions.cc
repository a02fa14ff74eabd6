#include "rules/promql/functions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "rules/promql/calendar.h"
#include "rules/promql/function_body.h"
#include "rules/promql/range_functions.h"
#include "rules/promql/vector_functions.h"

namespace sluice::promql {
namespace {

constexpr ValueType kScalar = ValueType::kScalar, kString = ValueType::kString, kVector = ValueType::kVector,
                    kMatrix = ValueType::kMatrix;

constexpr std::array kNoArguments = std::array<ValueType, 0>{};
constexpr std::array kOfVector = {kVector};
constexpr std::array kOfMatrix = {kMatrix};
constexpr std::array kOfScalar = {kScalar};
constexpr std::array kOfVectorScalar = {kVector, kScalar};
constexpr std::array kOfVectorScalarScalar = {kVector, kScalar, kScalar};
constexpr std::array kOfScalarVector = {kScalar, kVector};
constexpr std::array kOfScalarScalarVector = {kScalar, kScalar, kVector};
constexpr std::array kOfMatrixScalar = {kMatrix, kScalar};
constexpr std::array kOfScalarMatrix = {kScalar, kMatrix};
constexpr std::array kOfVectorFourStrings = {kVector, kString, kString, kString, kString};
constexpr std::array kOfVectorThreeStrings = {kVector, kString, kString, kString};

// Go's math.Max and math.Min: NaN wins over everything but the infinity of the side.
double go_max(double a, double b) {
  if (std::isinf(a) && a > 0) return a;
  if (std::isinf(b) && b > 0) return b;
  if (std::isnan(a) || std::isnan(b)) return std::nan("");
  return std::max(a, b);
}
double go_min(double a, double b) {
  if (std::isinf(a) && a < 0) return a;
  if (std::isinf(b) && b < 0) return b;
  if (std::isnan(a) || std::isnan(b)) return std::nan("");
  return std::min(a, b);
}

std::optional<double> clamp(double value, std::span<const double> bounds) {
  if (bounds[1] < bounds[0]) return std::nullopt;
  return go_max(bounds[0], go_min(bounds[1], value));
}

std::optional<double> clamp_max(double value, std::span<const double> bound) {
  return go_min(bound[0], value);
}
std::optional<double> clamp_min(double value, std::span<const double> bound) {
  return go_max(bound[0], value);
}

// Ties go up. By the inverse of the unit: fewer last digits go wrong.
std::optional<double> round(double value, std::span<const double> to_nearest) {
  const double inverse = 1.0 / (to_nearest.empty() ? 1.0 : to_nearest[0]);
  return std::floor(value * inverse + 0.5) / inverse;
}

double degrees(double v) {
  return v * 180 / std::numbers::pi;
}
double radians(double v) {
  return v * std::numbers::pi / 180;
}
double sign(double v) {
  return v < 0 ? -1 : v > 0 ? 1 : v;
}

FunctionBody on_range(std::optional<double> (*compute)(const Window&)) {
  RangeFunction function;
  function.compute = compute;
  return {function};
}
FunctionBody on_counters(std::optional<double> (*compute)(const Window&)) {
  RangeFunction function;
  function.compute = compute;
  function.on_counters = true;
  return {function};
}
FunctionBody with_quantile(std::optional<double> (*compute)(const Window&)) {
  RangeFunction function;
  function.compute = compute;
  function.takes_quantile = true;
  return {function};
}
FunctionBody keeping_name(std::optional<double> (*compute)(const Window&)) {
  RangeFunction function;
  function.compute = compute;
  function.keeps_name = true;
  return {function};
}
FunctionBody on_each(double (*plain)(double)) {
  return {Elementwise{plain, nullptr}};
}
FunctionBody on_each(std::optional<double> (*compute)(double, std::span<const double>)) {
  return {Elementwise{nullptr, compute}};
}
FunctionBody on_dates(double (*compute)(int64_t)) {
  return {DateFunction{compute}};
}
FunctionBody on_vector(BlockPtr (*compute)(Evaluator&, const Call&, const Expr&, const Grid&)) {
  return {VectorFunction{compute}};
}
FunctionBody to_scalar(std::vector<double> (*compute)(Evaluator&, const Call&, const Grid&)) {
  return {ScalarFunction{compute}};
}

struct Definition {
  std::string_view name;
  std::span<const ValueType> arguments;
  FunctionBody body;
  std::string_view help;
  int variadic = 0;
  ValueType result = kVector;
};

// clang-format off
const std::array kDefinitions = {
    Definition{"abs", kOfVector, on_each(std::fabs), "the absolute value"},
    Definition{"absent", kOfVector, on_vector(absent_function), "1 when the vector has no elements, with the labels its selector asks for"},
    Definition{"absent_over_time", kOfMatrix, on_vector(absent_over_time), "1 when no series has a sample in the range"},
    Definition{"acos", kOfVector, on_each(std::acos), "the arccosine"},
    Definition{"acosh", kOfVector, on_each(std::acosh), "the inverse hyperbolic cosine"},
    Definition{"asin", kOfVector, on_each(std::asin), "the arcsine"},
    Definition{"asinh", kOfVector, on_each(std::asinh), "the inverse hyperbolic sine"},
    Definition{"atan", kOfVector, on_each(std::atan), "the arctangent"},
    Definition{"atanh", kOfVector, on_each(std::atanh), "the inverse hyperbolic tangent"},
    Definition{"avg_over_time", kOfMatrix, on_range(range::avg), "the mean of the samples in the range"},
    Definition{"ceil", kOfVector, on_each(std::ceil), "rounded up"},
    Definition{"changes", kOfMatrix, on_range(range::changes), "how often the value changed in the range"},
    Definition{"clamp", kOfVectorScalarScalar, on_each(clamp), "no less than the first bound and no more than the second"},
    Definition{"clamp_max", kOfVectorScalar, on_each(clamp_max), "no more than the bound"},
    Definition{"clamp_min", kOfVectorScalar, on_each(clamp_min), "no less than the bound"},
    Definition{"cos", kOfVector, on_each(std::cos), "the cosine"},
    Definition{"cosh", kOfVector, on_each(std::cosh), "the hyperbolic cosine"},
    Definition{"count_over_time", kOfMatrix, on_range(range::count), "the number of samples in the range"},
    Definition{"day_of_month", kOfVector, on_dates(calendar::day_of_month), "the day of the month of a Unix time, from 1", 1},
    Definition{"day_of_week", kOfVector, on_dates(calendar::day_of_week), "the day of the week of a Unix time, 0 is Sunday", 1},
    Definition{"day_of_year", kOfVector, on_dates(calendar::day_of_year), "the day of the year of a Unix time, from 1", 1},
    Definition{"days_in_month", kOfVector, on_dates(calendar::days_in_month), "how many days the month of a Unix time has", 1},
    Definition{"deg", kOfVector, on_each(degrees), "radians in degrees"},
    Definition{"delta", kOfMatrix, on_range(range::delta), "the change of a gauge over the range, extrapolated to its edges"},
    Definition{"deriv", kOfMatrix, on_range(range::deriv), "the change per second of a gauge, by linear regression"},
    Definition{"exp", kOfVector, on_each(std::exp), "e to the power of the value"},
    Definition{"floor", kOfVector, on_each(std::floor), "rounded down"},
    Definition{"histogram_avg", kOfVector, on_vector(native_histograms_only), "of native histograms, which no series here is"},
    Definition{"histogram_count", kOfVector, on_vector(native_histograms_only), "of native histograms, which no series here is"},
    Definition{"histogram_fraction", kOfScalarScalarVector, on_vector(histogram_fraction), "the share of a histogram's observations between two values"},
    Definition{"histogram_quantile", kOfScalarVector, on_vector(histogram_quantile), "a quantile of a histogram, interpolated within its bucket"},
    Definition{"histogram_stddev", kOfVector, on_vector(native_histograms_only), "of native histograms, which no series here is"},
    Definition{"histogram_stdvar", kOfVector, on_vector(native_histograms_only), "of native histograms, which no series here is"},
    Definition{"histogram_sum", kOfVector, on_vector(native_histograms_only), "of native histograms, which no series here is"},
    Definition{"hour", kOfVector, on_dates(calendar::hour), "the hour of a Unix time, from 0", 1},
    Definition{"idelta", kOfMatrix, on_range(range::idelta), "the difference of the last two samples"},
    Definition{"increase", kOfMatrix, on_counters(range::increase), "how much a counter rose in the range, extrapolated to its edges"},
    Definition{"irate", kOfMatrix, on_range(range::irate), "how fast a counter rose per second between the last two samples"},
    Definition{"label_join", kOfVectorThreeStrings, on_vector(label_join), "sets a label to the values of others, joined", -1},
    Definition{"label_replace", kOfVectorFourStrings, on_vector(label_replace), "sets a label to what a regular expression finds in another"},
    Definition{"last_over_time", kOfMatrix, keeping_name(range::last), "the newest sample in the range"},
    Definition{"ln", kOfVector, on_each(std::log), "the natural logarithm"},
    Definition{"log10", kOfVector, on_each(std::log10), "the decimal logarithm"},
    Definition{"log2", kOfVector, on_each(std::log2), "the binary logarithm"},
    Definition{"max_over_time", kOfMatrix, on_range(range::max), "the largest sample in the range"},
    Definition{"min_over_time", kOfMatrix, on_range(range::min), "the smallest sample in the range"},
    Definition{"minute", kOfVector, on_dates(calendar::minute), "the minute of a Unix time, from 0", 1},
    Definition{"month", kOfVector, on_dates(calendar::month), "the month of a Unix time, from 1", 1},
    Definition{"pi", kNoArguments, to_scalar(pi_function), "the ratio of a circle's circumference to its diameter", 0, kScalar},
    Definition{"predict_linear", kOfMatrixScalar, on_range(range::predict_linear), "what a gauge will be in so many seconds, by linear regression"},
    Definition{"present_over_time", kOfMatrix, on_range(range::present), "1 for each series with a sample in the range"},
    Definition{"quantile_over_time", kOfScalarMatrix, with_quantile(range::quantile), "a quantile of the samples in the range"},
    Definition{"rad", kOfVector, on_each(radians), "degrees in radians"},
    Definition{"rate", kOfMatrix, on_counters(range::rate), "how fast a counter rose per second over the range, extrapolated to its edges"},
    Definition{"resets", kOfMatrix, on_range(range::resets), "how often a counter fell in the range"},
    Definition{"round", kOfVectorScalar, on_each(round), "to the nearest integer, or to the nearest multiple of the scalar", 1},
    Definition{"scalar", kOfVector, to_scalar(scalar_function), "the value of the only element, else NaN", 0, kScalar},
    Definition{"sgn", kOfVector, on_each(sign), "1, 0 or -1 by sign"},
    Definition{"sin", kOfVector, on_each(std::sin), "the sine"},
    Definition{"sinh", kOfVector, on_each(std::sinh), "the hyperbolic sine"},
    Definition{"sort", kOfVector, on_vector(sort_ascending), "in ascending order of values"},
    Definition{"sort_desc", kOfVector, on_vector(sort_descending), "in descending order of values"},
    Definition{"sqrt", kOfVector, on_each(std::sqrt), "the square root"},
    Definition{"stddev_over_time", kOfMatrix, on_range(range::stddev), "the standard deviation of the samples in the range"},
    Definition{"stdvar_over_time", kOfMatrix, on_range(range::stdvar), "the variance of the samples in the range"},
    Definition{"sum_over_time", kOfMatrix, on_range(range::sum), "the sum of the samples in the range"},
    Definition{"tan", kOfVector, on_each(std::tan), "the tangent"},
    Definition{"tanh", kOfVector, on_each(std::tanh), "the hyperbolic tangent"},
    Definition{"time", kNoArguments, to_scalar(time_function), "the evaluation time as Unix time in seconds", 0, kScalar},
    Definition{"timestamp", kOfVector, on_vector(timestamp_function), "the Unix time of the samples in seconds"},
    Definition{"vector", kOfScalar, on_vector(vector_function), "the scalar as a vector without labels"},
    Definition{"year", kOfVector, on_dates(calendar::year), "the year of a Unix time", 1},
};
// clang-format on

// Known to Prometheus behind --enable-feature=promql-experimental-functions, and refused here as it does
// without.
constexpr std::array kExperimental = {
    std::string_view("double_exponential_smoothing"),
    std::string_view("end"),
    std::string_view("first_over_time"),
    std::string_view("histogram_quantiles"),
    std::string_view("info"),
    std::string_view("integral"),
    std::string_view("mad_over_time"),
    std::string_view("range"),
    std::string_view("sort_by_label"),
    std::string_view("sort_by_label_desc"),
    std::string_view("start"),
    std::string_view("step"),
    std::string_view("ts_of_first_over_time"),
    std::string_view("ts_of_last_over_time"),
    std::string_view("ts_of_max_over_time"),
    std::string_view("ts_of_min_over_time"),
};

std::vector<Function> make_table() {
  std::vector<Function> table;
  for (const Definition& d : kDefinitions) {
    table.push_back({d.name, d.arguments, d.variadic, d.result, false, d.help, &d.body});
  }
  for (const std::string_view name : kExperimental) {
    table.push_back({name, {}, -1, kVector, true, "experimental in Prometheus", nullptr});
  }
  std::sort(table.begin(), table.end(), [](const Function& a, const Function& b) { return a.name < b.name; });
  return table;
}

}  // namespace

std::span<const Function> functions() {
  static const std::vector<Function> table = make_table();
  return table;
}

const Function* find_function(std::string_view name) {
  const std::span<const Function> table = functions();
  const auto it =
      std::lower_bound(table.begin(), table.end(), name,
                       [](const Function& f, std::string_view wanted) { return f.name < wanted; });
  return it != table.end() && it->name == name ? &*it : nullptr;
}

}  // namespace sluice::promql
