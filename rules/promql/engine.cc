#include "rules/promql/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/promql/evaluator.h"

namespace sluice::promql {
namespace {

std::vector<Sample> present_samples(const Block& block, size_t row, const Grid& grid) {
  std::vector<Sample> samples;
  const double* cells = block.row(row);
  for (uint32_t step = 0; step < grid.steps; ++step) {
    if (!is_absent(cells[step])) samples.push_back({from_unix_ms(grid.at(step)), cells[step]});
  }
  return samples;
}

void sort_by_labels(Matrix& matrix) {
  std::sort(matrix.begin(), matrix.end(),
            [](const MatrixSeries& a, const MatrixSeries& b) { return a.labels < b.labels; });
}

// Names that were to be dropped at the end go now, which may make two series one.
void drop_names(Evaluator& evaluator, BlockPtr& block) {
  const auto pending = [](const Row& row) { return row.name == Name::kDropLater; };
  if (std::none_of(block->rows.begin(), block->rows.end(), pending)) return;
  auto final = std::make_shared<Block>(*block);
  for (Row& row : final->rows) {
    if (pending(row)) row.name = Name::kGone;
  }
  if (!merge_equal_rows(*final)) evaluator.fail(Evaluator::duplicate_labels());
  block = std::move(final);
}

Result<Evaluation> finish(Evaluator& evaluator, Value value) {
  if (evaluator.error()) return *evaluator.error();
  return Evaluation{std::move(value), evaluator.annotations().take()};
}

Result<Evaluation> evaluate_instant(const Expr& expr, const store::SampleStore& store, Timestamp at,
                                    const QueryOptions& options, Memo& memo) {
  const int64_t at_ms = to_unix_ms(at);
  const Grid grid{at_ms, 1, 1};
  Evaluator evaluator(store, options, memo, at_ms, at_ms);
  switch (expr.type) {
    case ValueType::kString:
      return finish(evaluator, StringValue{at, Evaluator::string(expr)});
    case ValueType::kScalar:
      return finish(evaluator, ScalarValue{at, evaluator.scalar(expr, grid)[0]});
    case ValueType::kMatrix: {
      Matrix matrix = evaluator.matrix(expr, at_ms);
      sort_by_labels(matrix);
      return finish(evaluator, std::move(matrix));
    }
    case ValueType::kVector:
      break;
  }
  BlockPtr block = evaluator.vector(expr, grid);
  drop_names(evaluator, block);
  Vector vector;
  for (size_t i = 0; i < block->rows.size(); ++i) {
    const double cell = block->row(i)[0];
    if (!is_absent(cell)) vector.push_back({block->rows[i].visible(), {at, cell}});
  }
  return finish(evaluator, std::move(vector));
}

}  // namespace

Result<Evaluation> evaluate(const Expr& expr, const store::SampleStore& store, Timestamp at,
                            const QueryOptions& options) {
  SharedExpressions repeated;
  repeated.add(expr);
  Memo memo(&repeated);
  return evaluate_instant(expr, store, at, options, memo);
}

Result<Evaluation> evaluate_range(const Expr& expr, const store::SampleStore& store, Timestamp from,
                                  Timestamp to, Duration step, const QueryOptions& options) {
  if (expr.type != ValueType::kVector && expr.type != ValueType::kScalar) {
    return invalid(
        fmt::format("invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                    documented(expr.type)));
  }
  if (to_ms(step).count() <= 0) {
    return invalid("zero or negative query resolution step widths are not accepted. Try a positive integer");
  }
  if (to < from) return invalid("end timestamp must not be before start time");
  const int64_t steps = (to - from) / to_ms(step) + 1;
  if (static_cast<uint64_t>(steps) > options.samples_max || steps > std::numeric_limits<uint32_t>::max()) {
    return limit_met("query processing would load too many samples into memory in query execution");
  }
  const Grid grid{to_unix_ms(from), to_ms(step).count(), static_cast<uint32_t>(steps)};

  SharedExpressions repeated;
  repeated.add(expr);
  Memo memo(&repeated);
  Evaluator evaluator(store, options, memo, to_unix_ms(from), to_unix_ms(to));
  Matrix matrix;
  if (expr.type == ValueType::kScalar) {
    const std::vector<double> values = evaluator.scalar(expr, grid);
    MatrixSeries series;
    for (uint32_t i = 0; i < grid.steps; ++i) series.samples.push_back({from_unix_ms(grid.at(i)), values[i]});
    matrix.push_back(std::move(series));
    return finish(evaluator, std::move(matrix));
  }
  BlockPtr block = evaluator.vector(expr, grid);
  drop_names(evaluator, block);
  for (size_t i = 0; i < block->rows.size(); ++i) {
    std::vector<Sample> samples = present_samples(*block, i, grid);
    if (!samples.empty()) matrix.push_back({block->rows[i].visible(), std::move(samples)});
  }
  sort_by_labels(matrix);
  return finish(evaluator, std::move(matrix));
}

void SharedExpressions::add(const Expr& expr) {
  for_each_node(expr, [this](const Expr& node) {
    if (!node.canonical.empty()) ++uses_[node.canonical];
  });
}

bool SharedExpressions::is_shared(const Expr& expr) const {
  const auto it = uses_.find(expr.canonical);
  return it != uses_.end() && it->second > 1;
}

SharedEvaluation::SharedEvaluation(const store::SampleStore& store, Timestamp at, QueryOptions options,
                                   const SharedExpressions* shared)
    : store_(store), at_(at), options_(std::move(options)), memo_(std::make_unique<Memo>(shared)) {}

SharedEvaluation::~SharedEvaluation() = default;

Result<Evaluation> SharedEvaluation::evaluate(const Expr& expr) {
  return evaluate_instant(expr, store_, at_, options_, *memo_);
}

Result<Evaluation> SharedEvaluation::evaluate_at(const Expr& expr, Timestamp at) const {
  return promql::evaluate(expr, store_, at, options_);
}

void SharedEvaluation::wrote(const Labels& labels) {
  memo_->forget_readers_of(labels);
}

}  // namespace sluice::promql
