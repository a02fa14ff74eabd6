#pragma once
// Evaluates expressions over a store, as Prometheus 3 does.
//
// The idea: an expression is evaluated for all its steps at once. Every node yields a block, which is a table
// of series against steps; an instant query is a block of one step. So a selector looks its series up once, a
// range function reads a series once and slides its window over the steps, and an aggregation sorts series
// into groups once, however long the range. Labels are never copied on the way: a row of a block points at
// the store's label set, and dropping the metric name is a flag on the row.
//
// Rules of one group at one time mostly look at the same data: a thousand rules
//     histogram_quantile(0.95, sum by (le, target) (rate(b[5m]))) > k
// differ in k alone. A SharedEvaluation computes each sub-expression that several of them have in common
// once:
//
//   SharedExpressions shared;                      // once, when the group is loaded
//   for (rule : rules) shared.add(*rule.expr);
//   ...
//   SharedEvaluation evaluation(store, now, options, &shared);   // each time the group is due
//   for (rule : rules) {
//     Result<Evaluation> result = evaluation.evaluate(*rule.expr);
//     for (sample : what the rule writes) { store.append(labels, sample); evaluation.wrote(labels); }
//   }
//
// The same canonical text is the same work. What a rule writes is seen by the rules behind it: wrote()
// forgets the results that it touches.
//
// Purely a function of its arguments: no clock, no threads, no I/O. Limits (samples, time) end an evaluation
// with an Error that names the limit; nesting is bounded by the parser.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "core/store/sample_store.h"
#include "rules/promql/ast.h"
#include "rules/promql/value.h"

namespace sluice::promql {

struct QueryOptions {
  // How far back an instant selector looks for the newest sample, exclusive.
  Duration lookback = 5min;
  // The step of subqueries that name none: Prometheus's global evaluation interval.
  Duration subquery_step = 1min;
  // Samples read and results held by one evaluation.
  size_t samples_max = 50'000'000;
  // Keep metric names until the end of the evaluation (Prometheus's feature promql-delayed-name-removal; off
  // there too).
  bool delayed_name_removal = false;
  // Asked now and then; true ends the evaluation with a kTimeout error. May be empty.
  std::function<bool()> interrupted;
};

struct Evaluation {
  Value value;
  std::vector<Annotation> annotations;
};

// An instant query. Strings and range vectors are allowed at the top; errors say what went wrong in
// Prometheus's words.
Result<Evaluation> evaluate(const Expr& expr, const store::SampleStore& store, Timestamp at,
                            const QueryOptions& options = {});

// A range query at from, from+step, ... up to `to`: always a Matrix. The expression must be a scalar or
// instant vector.
Result<Evaluation> evaluate_range(const Expr& expr, const store::SampleStore& store, Timestamp from,
                                  Timestamp to, Duration step, const QueryOptions& options = {});

// Which sub-expressions occur more than once in a set of expressions, which must outlive it.
class SharedExpressions {
 public:
  void add(const Expr& expr);
  bool is_shared(const Expr& expr) const;

 private:
  std::unordered_map<std::string_view, int> uses_;
};

class Memo;  // evaluator.h

// One evaluation time of one group of rules. The store may grow meanwhile (with wrote()), but must not expire
// series.
class SharedEvaluation {
 public:
  // Without `shared`, everything is kept for later expressions.
  SharedEvaluation(const store::SampleStore& store, Timestamp at, QueryOptions options = {},
                   const SharedExpressions* shared = nullptr);
  ~SharedEvaluation();
  SharedEvaluation(const SharedEvaluation&) = delete;
  SharedEvaluation& operator=(const SharedEvaluation&) = delete;

  // As promql::evaluate() at the group's time. `expr` must outlive this object.
  Result<Evaluation> evaluate(const Expr& expr);
  // Another evaluation time on the side, sharing nothing: for templates and `query`.
  Result<Evaluation> evaluate_at(const Expr& expr, Timestamp at) const;
  // A sample was appended to this series after the evaluations so far.
  void wrote(const Labels& labels);

 private:
  const store::SampleStore& store_;
  Timestamp at_;
  QueryOptions options_;
  std::unique_ptr<Memo> memo_;
};

}  // namespace sluice::promql
