#include "rules/promql/vector_functions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <set>

#include "rules/promql/evaluator.h"
#include "rules/promql/functions.h"

namespace sluice::promql {
namespace {

// The labels that a selector asks for with "=", as far as it asks for each once: an absent series would have
// them.
Labels labels_of_absent(const Expr& argument) {
  const Expr& node = unwrap(argument);
  const VectorSelector* selector = node.as<VectorSelector>();
  if (const auto* matrix = node.as<MatrixSelector>()) selector = matrix->selector->as<VectorSelector>();
  Labels labels;
  if (selector == nullptr) return labels;
  std::set<std::string_view> seen;
  for (const Matcher& matcher : selector->matchers) {
    if (matcher.name() == kMetricName) continue;
    const bool first = matcher.op() == MatchOp::kEqual && seen.insert(matcher.name()).second;
    labels.set(matcher.name(), first ? matcher.value() : "");
  }
  return labels;
}

// One row that is 1 where `present` has nothing.
BlockPtr absence(const Block& present, const Expr& argument) {
  auto out = std::make_shared<Block>(present.steps);
  double* cells = out->add({labels_of_absent(argument), Name::kKept});
  std::fill_n(cells, present.steps, 1.0);
  for (size_t i = 0; i < present.rows.size(); ++i) {
    for (uint32_t step = 0; step < present.steps; ++step) {
      if (!is_absent(present.row(i)[step])) cells[step] = absent();
    }
  }
  out->drop_empty_rows();
  return out;
}

BlockPtr sorted(Evaluator& evaluator, const Call& call, const Expr& expr, const Grid& grid, bool descending) {
  const BlockPtr input = evaluator.vector(*call.args[0], grid);
  if (grid.steps > 1) {
    evaluator.annotations().warn(
        "sort is ineffective for range queries since results are always ordered by labels", expr.span);
    return input;
  }
  std::vector<size_t> order(input->rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const double x = input->cells[a], y = input->cells[b];
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
    return descending ? x > y : x < y;
  });
  auto out = std::make_shared<Block>(grid.steps);
  out->distinct_without_name = input->distinct_without_name;
  for (const size_t i : order) *out->add(input->rows[i]) = input->cells[i];
  return out;
}

}  // namespace

BlockPtr absent_function(Evaluator& evaluator, const Call& call, const Expr&, const Grid& grid) {
  return absence(*evaluator.vector(*call.args[0], grid), *call.args[0]);
}

BlockPtr absent_over_time(Evaluator& evaluator, const Call& call, const Expr&, const Grid& grid) {
  RangeFunction present;
  present.compute = [](const Window&) -> std::optional<double> { return 1; };
  present.keeps_name = true;
  return absence(*evaluator.range_function(present, call, grid), *call.args[0]);
}

BlockPtr sort_ascending(Evaluator& evaluator, const Call& call, const Expr& expr, const Grid& grid) {
  return sorted(evaluator, call, expr, grid, false);
}

BlockPtr sort_descending(Evaluator& evaluator, const Call& call, const Expr& expr, const Grid& grid) {
  return sorted(evaluator, call, expr, grid, true);
}

BlockPtr timestamp_function(Evaluator& evaluator, const Call& call, const Expr&, const Grid& grid) {
  const Expr& argument = unwrap(*call.args[0]);
  std::shared_ptr<Block> out;
  if (const auto* selector = argument.as<VectorSelector>()) {
    out = std::make_shared<Block>(*evaluator.sample_times(*selector, grid));
  } else {
    // What was computed carries the time it was computed for.
    out = std::make_shared<Block>(*evaluator.vector(argument, grid));
    for (size_t i = 0; i < out->rows.size(); ++i) {
      for (uint32_t step = 0; step < grid.steps; ++step) {
        double& cell = out->row(i)[step];
        if (!is_absent(cell)) cell = static_cast<double>(grid.at(step)) / 1000;
      }
    }
  }
  for (Row& row : out->rows) row = evaluator.without_name(std::move(row));
  evaluator.settle(*out);
  return out;
}

BlockPtr vector_function(Evaluator& evaluator, const Call& call, const Expr&, const Grid& grid) {
  const std::vector<double> values = evaluator.scalar(*call.args[0], grid);
  auto out = std::make_shared<Block>(grid.steps);
  std::copy(values.begin(), values.end(), out->add({Labels(), Name::kKept}));
  out->distinct_without_name = true;
  return out;
}

std::vector<double> pi_function(Evaluator&, const Call&, const Grid& grid) {
  return std::vector<double>(grid.steps, std::numbers::pi);
}

std::vector<double> scalar_function(Evaluator& evaluator, const Call& call, const Grid& grid) {
  const BlockPtr input = evaluator.vector(*call.args[0], grid);
  std::vector<double> values(grid.steps, std::numeric_limits<double>::quiet_NaN());
  std::vector<int> found(grid.steps, 0);
  for (size_t i = 0; i < input->rows.size(); ++i) {
    for (uint32_t step = 0; step < grid.steps; ++step) {
      const double cell = input->row(i)[step];
      if (is_absent(cell)) continue;
      values[step] = ++found[step] == 1 ? cell : std::numeric_limits<double>::quiet_NaN();
    }
  }
  return values;
}

std::vector<double> time_function(Evaluator&, const Call&, const Grid& grid) {
  std::vector<double> values(grid.steps);
  for (uint32_t step = 0; step < grid.steps; ++step) values[step] = static_cast<double>(grid.at(step)) / 1000;
  return values;
}

}  // namespace sluice::promql
