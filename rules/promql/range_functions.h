#pragma once
// Functions of one series in one window: rate() and its relatives, and what ends in _over_time.

#include <optional>

#include "rules/promql/function_body.h"

namespace sluice::promql::range {

std::optional<double> avg(const Window&);
std::optional<double> changes(const Window&);
std::optional<double> count(const Window&);
std::optional<double> delta(const Window&);
std::optional<double> deriv(const Window&);
std::optional<double> idelta(const Window&);
std::optional<double> increase(const Window&);
std::optional<double> irate(const Window&);
std::optional<double> last(const Window&);
std::optional<double> max(const Window&);
std::optional<double> min(const Window&);
std::optional<double> predict_linear(const Window&);
std::optional<double> present(const Window&);
std::optional<double> quantile(const Window&);
std::optional<double> rate(const Window&);
std::optional<double> resets(const Window&);
std::optional<double> stddev(const Window&);
std::optional<double> stdvar(const Window&);
std::optional<double> sum(const Window&);

}  // namespace sluice::promql::range
