#include "rules/promql/range_functions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "rules/promql/evaluator.h"
#include "rules/promql/kahan.h"

namespace sluice::promql {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double seconds(int64_t ms) {
  return static_cast<double>(ms) / 1000;
}
int64_t ms(const Sample& sample) {
  return to_unix_ms(sample.at);
}

// What the samples of a window rose by (or changed by, for gauges), stretched to the whole window.
//
// Samples rarely stand on the window's edges. Where the gap to an edge is no more than 1.1 times the usual
// distance of samples, the series is taken to go on to the edge; else it is taken to begin or end half a
// distance beyond its outermost sample. A counter is never stretched back beyond the time at which it would
// have been zero.
std::optional<double> extrapolated(const Window& window, bool counter, bool per_second) {
  const std::span<const Sample> samples = window.samples;
  if (samples.size() < 2) return std::nullopt;
  const Sample &first = samples.front(), &last = samples.back();
  double change = last.value - first.value;
  if (counter) {
    for (size_t i = 1; i < samples.size(); ++i) {
      if (samples[i].value < samples[i - 1].value) change += samples[i - 1].value;
    }
  }
  double to_start = seconds(ms(first) - window.from_ms);
  double to_end = seconds(window.to_ms - ms(last));
  const double sampled = seconds(ms(last) - ms(first));
  const double between = sampled / static_cast<double>(samples.size() - 1);
  const double near = between * 1.1;
  if (to_start >= near) to_start = between / 2;
  if (counter && change > 0 && first.value >= 0) {
    to_start = std::min(to_start, sampled * (first.value / change));
  }
  if (to_end >= near) to_end = between / 2;
  double factor = (sampled + to_start + to_end) / sampled;
  if (per_second) factor /= window.range_seconds();
  return change * factor;
}

// Of the last two samples alone.
std::optional<double> instantaneous(const Window& window, bool counter) {
  const std::span<const Sample> samples = window.samples;
  if (samples.size() < 2) return std::nullopt;
  const Sample &before = samples[samples.size() - 2], &last = samples.back();
  const int64_t apart = ms(last) - ms(before);
  if (apart == 0) return std::nullopt;
  // After a reset the counter began at zero.
  const bool reset = counter && last.value < before.value;
  const double change = reset ? last.value : last.value - before.value;
  return counter ? change / seconds(apart) : change;
}

double variance(const Window& window) {
  double count = 0;
  KahanSum mean, squares;
  for (const Sample& sample : window.samples) {
    count += 1;
    const double delta = sample.value - mean.total();
    mean.add(delta / count);
    squares.add(delta * (sample.value - mean.total()));
  }
  return squares.total() / count;
}

struct Line {
  double slope = 0;
  double intercept = 0;  // at the time asked for
};

// Least squares over at least two samples.
Line regression(std::span<const Sample> samples, int64_t intercept_ms) {
  const double first = samples.front().value;
  const bool flat = std::all_of(samples.begin() + 1, samples.end(),
                                [&](const Sample& sample) { return sample.value == first; });
  if (flat) return std::isinf(first) ? Line{kNaN, kNaN} : Line{0, first};
  KahanSum x_sum, y_sum, xy_sum, xx_sum;
  for (const Sample& sample : samples) {
    const double x = static_cast<double>(ms(sample) - intercept_ms) / 1e3;
    x_sum.add(x);
    y_sum.add(sample.value);
    xy_sum.add(x * sample.value);
    xx_sum.add(x * x);
  }
  const double n = static_cast<double>(samples.size());
  const double sx = x_sum.total(), sy = y_sum.total();
  const double covariance = xy_sum.total() - sx * sy / n;
  const double x_variance = xx_sum.total() - sx * sx / n;
  Line line;
  line.slope = covariance / x_variance;
  line.intercept = sy / n - line.slope * sx / n;
  return line;
}

template <typename Better>
double extreme(const Window& window, Better better) {
  double best = window.samples.front().value;
  for (const Sample& sample : window.samples) {
    if (better(sample.value, best) || std::isnan(best)) best = sample.value;
  }
  return best;
}

}  // namespace

namespace range {

std::optional<double> avg(const Window& window) {
  KahanMean mean;
  for (const Sample& sample : window.samples) mean.add(sample.value);
  return mean.mean();
}

std::optional<double> changes(const Window& window) {
  int count = 0;
  for (size_t i = 1; i < window.samples.size(); ++i) {
    const double before = window.samples[i - 1].value, now = window.samples[i].value;
    if (now != before && !(std::isnan(now) && std::isnan(before))) ++count;
  }
  return count;
}

std::optional<double> count(const Window& window) {
  return static_cast<double>(window.samples.size());
}

std::optional<double> delta(const Window& window) {
  return extrapolated(window, false, false);
}

std::optional<double> deriv(const Window& window) {
  if (window.samples.size() < 2) return std::nullopt;
  // Relative to the first sample: absolute times would eat the precision.
  return regression(window.samples, ms(window.samples.front())).slope;
}

std::optional<double> idelta(const Window& window) {
  return instantaneous(window, false);
}

std::optional<double> increase(const Window& window) {
  return extrapolated(window, true, false);
}

std::optional<double> irate(const Window& window) {
  return instantaneous(window, true);
}

std::optional<double> last(const Window& window) {
  return window.samples.back().value;
}

std::optional<double> max(const Window& window) {
  return extreme(window, [](double a, double b) { return a > b; });
}

std::optional<double> min(const Window& window) {
  return extreme(window, [](double a, double b) { return a < b; });
}

std::optional<double> predict_linear(const Window& window) {
  if (window.samples.size() < 2) return std::nullopt;
  const Line line = regression(window.samples, window.at_ms);
  return line.slope * window.parameters[0] + line.intercept;
}

std::optional<double> present(const Window&) {
  return 1;
}

std::optional<double> quantile(const Window& window) {
  std::vector<double> values;
  values.reserve(window.samples.size());
  for (const Sample& sample : window.samples) values.push_back(sample.value);
  return promql::quantile(window.parameters[0], values);
}

std::optional<double> rate(const Window& window) {
  return extrapolated(window, true, true);
}

std::optional<double> resets(const Window& window) {
  int count = 0;
  for (size_t i = 1; i < window.samples.size(); ++i) {
    if (window.samples[i].value < window.samples[i - 1].value) ++count;
  }
  return count;
}

std::optional<double> stddev(const Window& window) {
  return std::sqrt(variance(window));
}

std::optional<double> stdvar(const Window& window) {
  return variance(window);
}

std::optional<double> sum(const Window& window) {
  KahanSum sum;
  for (const Sample& sample : window.samples) sum.add(sample.value);
  return std::isinf(sum.sum) ? sum.sum : sum.total();
}

}  // namespace range
}  // namespace sluice::promql
