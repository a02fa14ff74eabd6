// Aggregations: series are sorted into groups once, then values are folded step by step.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "rules/promql/evaluator.h"
#include "rules/promql/kahan.h"
#include "rules/promql/text.h"

namespace sluice::promql {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Projection projection_of(const Aggregate& aggregate) {
  if (aggregate.without) return Projection::drop(aggregate.grouping, true);
  return Projection::keep(aggregate.grouping);
}

bool groups_by_name(const Aggregate& aggregate) {
  return !aggregate.without &&
         std::any_of(aggregate.grouping.begin(), aggregate.grouping.end(), is_metadata_label);
}

// The fold of one group at one step. Only what the operator needs is looked at.
struct Accumulator {
  double count = 0;
  double value = 0;
  double mean = 0;
  KahanSum sum;
  KahanMean average;

  bool empty() const { return count == 0; }

  void add(AggregateOp op, double v) {
    count += 1;
    switch (op) {
      case AggregateOp::kSum:
        if (count == 1) {
          sum.sum = v;
        } else {
          sum.add(v);
        }
        break;
      case AggregateOp::kAvg:
        average.add(v);
        break;
      case AggregateOp::kMax:
        if (count == 1 || value < v || std::isnan(value)) value = v;
        break;
      case AggregateOp::kMin:
        if (count == 1 || value > v || std::isnan(value)) value = v;
        break;
      case AggregateOp::kStddev:
      case AggregateOp::kStdvar:
        if (count == 1) {
          mean = v;
          value = std::isfinite(v) ? 0 : kNaN;
        } else {
          const double delta = v - mean;
          mean += delta / count;
          value += delta * (v - mean);
        }
        break;
      default:
        break;  // count and group have all they need
    }
  }

  double result(AggregateOp op) const {
    switch (op) {
      case AggregateOp::kSum:
        return sum.total();
      case AggregateOp::kAvg:
        return average.mean();
      case AggregateOp::kStdvar:
        return value / count;
      case AggregateOp::kStddev:
        return std::sqrt(value / count);
      case AggregateOp::kCount:
        return count;
      case AggregateOp::kGroup:
        return 1;
      default:
        return value;
    }
  }
};

struct Groups {
  std::vector<uint32_t> of_row;
  std::shared_ptr<Block> out;  // one row per group
};

Groups make_groups(const Aggregate& aggregate, const Block& input) {
  Groups groups;
  Grouping grouping(projection_of(aggregate));
  groups.of_row.reserve(input.rows.size());
  for (const Row& row : input.rows) groups.of_row.push_back(grouping.group_of(row));
  groups.out = std::make_shared<Block>(input.steps);
  for (uint32_t group = 0; group < grouping.size(); ++group) {
    groups.out->add({grouping.labels(group), Name::kKept});
  }
  // One member whose name is to go makes the name of the group go.
  for (size_t i = 0; i < input.rows.size(); ++i) {
    if (input.rows[i].name == Name::kDropLater) groups.out->rows[groups.of_row[i]].name = Name::kDropLater;
  }
  groups.out->distinct_without_name = !groups_by_name(aggregate);
  return groups;
}

std::string format_plain(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[400];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr};
}

}  // namespace

double quantile(double q, std::vector<double>& values) {
  if (values.empty() || std::isnan(q)) return kNaN;
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  std::sort(values.begin(), values.end(),
            [](double a, double b) { return std::isnan(a) ? !std::isnan(b) : a < b; });
  const double rank = q * (static_cast<double>(values.size()) - 1);
  const double lower = std::max(0.0, std::floor(rank));
  const auto low = static_cast<size_t>(lower);
  const size_t high = std::min(values.size() - 1, low + 1);
  const double weight = rank - std::floor(rank);
  return values[low] * (1 - weight) + values[high] * weight;
}

void warn_quantile(Annotations& annotations, double q, Span where) {
  if (q >= 0 && q <= 1) return;
  annotations.warn("quantile value should be between 0 and 1, got " + go_float(q), where);
}

BlockPtr Evaluator::compute_node(const Aggregate& aggregate, const Expr&, const Grid& grid) {
  if (aggregate.op == AggregateOp::kCountValues) {
    const std::string& label = string(*aggregate.parameter);
    if (label.empty() || !is_valid_utf8(label)) {
      return fail_block(invalid("invalid label name " + go_quote(label)), grid.steps);
    }
    return count_values(aggregate, *vector(*aggregate.expr, grid));
  }
  std::vector<double> parameter;
  if (aggregate.parameter) parameter = scalar(*aggregate.parameter, grid);
  const BlockPtr input = vector(*aggregate.expr, grid);
  if (failed()) return std::make_shared<Block>(grid.steps);

  if (aggregate.op == AggregateOp::kQuantile) {
    for (const double q : parameter) warn_quantile(annotations_, q, aggregate.parameter->span);
  }
  if (aggregate.op == AggregateOp::kTopk || aggregate.op == AggregateOp::kBottomk) {
    for (const double k : parameter) {
      if (std::isnan(k)) return fail_block(invalid("Parameter value is NaN"), grid.steps);
      if (k <= -0x1p63) {
        return fail_block(invalid(fmt::format("Scalar value {} underflows int64", go_float(k))), grid.steps);
      }
      if (k >= 0x1p63) {
        return fail_block(invalid(fmt::format("Scalar value {} overflows int64", go_float(k))), grid.steps);
      }
    }
    return pick(aggregate, *input, parameter);
  }
  return reduce(aggregate, *input, parameter);
}

BlockPtr Evaluator::reduce(const Aggregate& aggregate, const Block& input,
                           std::span<const double> quantiles) {
  const Groups groups = make_groups(aggregate, input);
  Block& out = *groups.out;
  if (aggregate.op == AggregateOp::kQuantile) {
    std::vector<std::vector<double>> values(out.rows.size());
    for (uint32_t step = 0; step < input.steps; ++step) {
      for (std::vector<double>& group : values) group.clear();
      for (size_t i = 0; i < input.rows.size(); ++i) {
        const double cell = input.row(i)[step];
        if (!is_absent(cell)) values[groups.of_row[i]].push_back(cell);
      }
      for (size_t group = 0; group < values.size(); ++group) {
        if (!values[group].empty()) out.row(group)[step] = quantile(quantiles[step], values[group]);
      }
    }
  } else {
    std::vector<Accumulator> accumulators(out.rows.size());
    for (uint32_t step = 0; step < input.steps; ++step) {
      if (step > 0) std::fill(accumulators.begin(), accumulators.end(), Accumulator());
      for (size_t i = 0; i < input.rows.size(); ++i) {
        const double cell = input.row(i)[step];
        if (!is_absent(cell)) accumulators[groups.of_row[i]].add(aggregate.op, cell);
      }
      for (size_t group = 0; group < accumulators.size(); ++group) {
        if (!accumulators[group].empty()) out.row(group)[step] = accumulators[group].result(aggregate.op);
      }
    }
  }
  return groups.out;
}

BlockPtr Evaluator::pick(const Aggregate& aggregate, const Block& input, std::span<const double> counts) {
  Grouping grouping(projection_of(aggregate));
  std::vector<uint32_t> group_of(input.rows.size());
  for (size_t i = 0; i < input.rows.size(); ++i) group_of[i] = grouping.group_of(input.rows[i]);

  auto out = std::make_shared<Block>(input.steps);
  out->distinct_without_name = input.distinct_without_name;
  // In a range every series keeps its row. In an instant query rows are added in order of rank.
  const bool ranked = input.steps == 1;
  if (!ranked) {
    for (const Row& row : input.rows) out->add(row);
  }
  const bool top = aggregate.op == AggregateOp::kTopk;
  std::vector<std::vector<size_t>> members(grouping.size());
  for (uint32_t step = 0; step < input.steps; ++step) {
    if (counts[step] < 1) continue;
    const auto k = static_cast<size_t>(std::min(counts[step], static_cast<double>(input.rows.size())));
    for (std::vector<size_t>& group : members) group.clear();
    for (size_t i = 0; i < input.rows.size(); ++i) {
      if (!is_absent(input.row(i)[step])) members[group_of[i]].push_back(i);
    }
    for (std::vector<size_t>& group : members) {
      const auto better = [&](size_t a, size_t b) {
        const double x = input.row(a)[step], y = input.row(b)[step];
        if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
        return top ? x > y : x < y;
      };
      std::stable_sort(group.begin(), group.end(), better);
      if (group.size() > k) group.resize(k);
      for (const size_t i : group) {
        double* cells = ranked ? out->add(input.rows[i]) : out->row(i);
        cells[step] = input.row(i)[step];
      }
    }
  }
  if (!ranked) out->drop_empty_rows();
  return out;
}

BlockPtr Evaluator::count_values(const Aggregate& aggregate, const Block& input) {
  const std::string& label = string(*aggregate.parameter);
  std::vector<std::string> names = aggregate.grouping;
  if (!aggregate.without) names.push_back(label);
  const Projection projection = aggregate.without ? Projection::drop(names, true) : Projection::keep(names);
  auto out = std::make_shared<Block>(input.steps);
  Grouping grouping(projection);
  for (uint32_t step = 0; step < input.steps && !failed(); ++step) {
    for (size_t i = 0; i < input.rows.size(); ++i) {
      const double cell = input.row(i)[step];
      if (is_absent(cell)) continue;
      // The value becomes a label before labels are grouped: a grouping label of that name is overwritten.
      Labels labelled = input.rows[i].visible();
      labelled.set(label, format_plain(cell));
      const uint32_t group = grouping.group_of({std::move(labelled), Name::kKept});
      if (group == out->rows.size()) out->add({grouping.labels(group), Name::kKept});
      double& count = out->row(group)[step];
      count = is_absent(count) ? 1 : count + 1;
    }
    spend(input.rows.size());
  }
  return out;
}

}  // namespace sluice::promql
