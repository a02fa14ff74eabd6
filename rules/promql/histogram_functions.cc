// Classic histograms: series of cumulative buckets, told apart by their label `le`.

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/number.h"
#include "rules/promql/almost.h"
#include "rules/promql/evaluator.h"
#include "rules/promql/functions.h"
#include "rules/promql/text.h"
#include "rules/promql/vector_functions.h"

namespace sluice::promql {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Counts that differ by less are the same but for rounding.
constexpr double kSmallDelta = 1e-12;

struct Bucket {
  double upper = 0;
  double count = 0;
};

// Sorts, and adds up buckets of one bound. False unless the last bound is +Inf.
bool sort_and_coalesce(std::vector<Bucket>& buckets) {
  std::stable_sort(buckets.begin(), buckets.end(),
                   [](const Bucket& a, const Bucket& b) { return a.upper < b.upper; });
  if (buckets.empty() || buckets.back().upper != kInfinity) return false;
  size_t last = 0;
  for (size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].upper == buckets[last].upper) {
      buckets[last].count += buckets[i].count;
    } else {
      buckets[++last] = buckets[i];
    }
  }
  buckets.resize(last + 1);
  return true;
}

// Takes decreases out of the counts, which rounding or scrapes that were torn apart leave behind. Returns
// those that are larger than rounding explains.
std::optional<FallingBuckets> make_monotonic(std::vector<Bucket>& buckets, Timestamp at) {
  std::optional<FallingBuckets> falling;
  double before = buckets.front().count;
  for (size_t i = 1; i < buckets.size(); ++i) {
    const double count = buckets[i].count;
    if (count == before) continue;
    if (almost_equal(before, count, kSmallDelta)) {
      buckets[i].count = before;
    } else if (count < before) {
      buckets[i].count = before;
      if (!falling) falling = {.lowest = buckets[i].upper, .first = at, .last = at};
      falling->highest = buckets[i].upper;
      falling->most = std::max(falling->most, before - count);
    } else {
      before = count;
    }
  }
  return falling;
}

double quantile_of(double q, std::vector<Bucket>& buckets, Timestamp at,
                   std::optional<FallingBuckets>& falling) {
  if (std::isnan(q)) return kNaN;
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  if (!sort_and_coalesce(buckets)) return kNaN;
  falling = make_monotonic(buckets, at);
  if (buckets.size() < 2 || buckets.back().count == 0) return kNaN;
  const size_t highest = buckets.size() - 1;
  double rank = q * buckets.back().count;
  const size_t b = static_cast<size_t>(
      std::partition_point(buckets.begin(), buckets.begin() + static_cast<ptrdiff_t>(highest),
                           [&](const Bucket& bucket) { return !(bucket.count >= rank); }) -
      buckets.begin());
  if (b == highest) return buckets[highest - 1].upper;
  if (b == 0 && buckets[0].upper <= 0) return buckets[0].upper;
  double start = 0, count = buckets[b].count;
  if (b > 0) {
    start = buckets[b - 1].upper;
    count -= buckets[b - 1].count;
    rank -= buckets[b - 1].count;
  }
  return start + (buckets[b].upper - start) * (rank / count);
}

// The share of observations between two values, interpolated linearly within buckets.
double fraction_of(double lower, double upper, std::vector<Bucket>& buckets) {
  if (!sort_and_coalesce(buckets)) return kNaN;
  const double total = buckets.back().count;
  if (total == 0 || std::isnan(lower) || std::isnan(upper)) return kNaN;
  if (lower >= upper) return 0;
  double rank = 0, lower_rank = 0, upper_rank = 0;
  bool lower_set = false, upper_set = false;
  for (size_t i = 0; i < buckets.size(); ++i) {
    const Bucket& bucket = buckets[i];
    // The lowest bucket begins at zero, unless it lies below.
    double begin = -kInfinity;
    if (i > 0) {
      begin = buckets[i - 1].upper;
    } else if (bucket.upper > 0) {
      begin = 0;
    }
    const auto interpolate = [&](double value) {
      return rank + (bucket.count - rank) * (value - begin) / (bucket.upper - begin);
    };
    if (!lower_set && begin >= lower) {
      lower_rank = rank;
      lower_set = true;
    }
    if (!upper_set && begin >= upper) {
      upper_rank = rank;
      upper_set = true;
    }
    if (lower_set && upper_set) break;
    if (!lower_set && begin < lower && bucket.upper > lower) {
      lower_rank = interpolate(lower);
      lower_set = true;
    }
    if (!upper_set && begin < upper && bucket.upper > upper) {
      upper_rank = interpolate(upper);
      upper_set = true;
    }
    if (lower_set && upper_set) break;
    rank = bucket.count;
  }
  if (!lower_set || lower_rank > total) lower_rank = total;
  if (!upper_set || upper_rank > total) upper_rank = total;
  return (upper_rank - lower_rank) / total;
}

// The buckets of a vector by histogram, bounds read once for all steps.
struct Histograms {
  std::vector<double> bounds;    // by input row; NaN when it is no bucket
  std::vector<uint32_t> of_row;  // the histogram of an input row
  std::vector<Row> rows;         // one per histogram, without `le`
  bool distinct = false;
};

Histograms find_histograms(Evaluator& evaluator, const Block& input, const Expr& argument) {
  Histograms histograms;
  Grouping grouping(Projection::drop({"le"}, false));
  for (const Row& row : input.rows) {
    const std::string_view text = row.value("le");
    const std::optional<double> bound = parse_float(text);
    histograms.bounds.push_back(bound.value_or(kNaN));
    if (!bound) {
      const std::string_view name = row.value(kMetricName);
      std::string message = "bucket label \"le\" is missing or has a malformed value of " + go_quote(text);
      if (!name.empty()) message += " for metric name " + go_quote(name);
      evaluator.annotations().warn(std::move(message), argument.span);
      histograms.of_row.push_back(0);
      continue;
    }
    const uint32_t histogram = grouping.group_of(row);
    histograms.of_row.push_back(histogram);
    if (histogram < histograms.rows.size()) continue;
    Row made{grouping.labels(histogram), row.name == Name::kGone ? Name::kKept : row.name};
    histograms.rows.push_back(evaluator.without_name(made));
  }
  return histograms;
}

template <typename Compute>
BlockPtr per_histogram(Evaluator& evaluator, const Expr& argument, const Grid& grid, Compute compute) {
  const BlockPtr input = evaluator.vector(argument, grid);
  const Histograms histograms = find_histograms(evaluator, *input, argument);
  auto out = std::make_shared<Block>(grid.steps);
  for (const Row& row : histograms.rows) out->add(row);
  std::vector<std::vector<Bucket>> buckets(histograms.rows.size());
  for (uint32_t step = 0; step < grid.steps; ++step) {
    for (size_t i = 0; i < input->rows.size(); ++i) {
      const double cell = input->row(i)[step];
      if (is_absent(cell) || std::isnan(histograms.bounds[i])) continue;
      buckets[histograms.of_row[i]].push_back({histograms.bounds[i], cell});
    }
    for (size_t i = 0; i < buckets.size(); ++i) {
      if (!buckets[i].empty()) out->row(i)[step] = compute(buckets[i], step, histograms.rows[i]);
      buckets[i].clear();
    }
  }
  out->distinct_without_name = input->distinct_without_name;
  out->drop_empty_rows();
  evaluator.settle(*out);
  return out;
}

}  // namespace

BlockPtr histogram_quantile(Evaluator& evaluator, const Call& call, const Expr&, const Grid& grid) {
  const std::vector<double> quantiles = evaluator.scalar(*call.args[0], grid);
  for (const double q : quantiles) warn_quantile(evaluator.annotations(), q, call.args[0]->span);
  const Expr& argument = *call.args[1];
  return per_histogram(
      evaluator, argument, grid, [&](std::vector<Bucket>& buckets, uint32_t step, const Row& row) {
        std::optional<FallingBuckets> falling;
        const double value = quantile_of(quantiles[step], buckets, from_unix_ms(grid.at(step)), falling);
        if (falling) {
          std::string message =
              "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
              "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
          const std::string_view name = row.value(kMetricName);
          if (!name.empty()) message += " for metric name " + go_quote(name);
          evaluator.annotations().add({Severity::kInfo, std::move(message), argument.span, falling});
        }
        return value;
      });
}

BlockPtr histogram_fraction(Evaluator& evaluator, const Call& call, const Expr&, const Grid& grid) {
  const std::vector<double> lower = evaluator.scalar(*call.args[0], grid);
  const std::vector<double> upper = evaluator.scalar(*call.args[1], grid);
  return per_histogram(evaluator, *call.args[2], grid,
                       [&](std::vector<Bucket>& buckets, uint32_t step, const Row&) {
                         return fraction_of(lower[step], upper[step], buckets);
                       });
}

BlockPtr native_histograms_only(Evaluator& evaluator, const Call& call, const Expr&, const Grid& grid) {
  evaluator.vector(*call.args[0], grid);
  return std::make_shared<Block>(grid.steps);
}

}  // namespace sluice::promql
