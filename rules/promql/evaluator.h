#pragma once
// One evaluation: walks an expression tree and computes blocks. The public face is engine.h.
//
// The first error stops everything: it is kept, and what is computed afterwards is empty and thrown away.

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "rules/promql/ast.h"
#include "rules/promql/block.h"
#include "rules/promql/engine.h"
#include "rules/promql/function_body.h"
#include "rules/promql/value.h"

namespace sluice::promql {

// Results of sub-expressions at one time on one store, by canonical text.
class Memo {
 public:
  explicit Memo(const SharedExpressions* shared) : shared_(shared) {}

  struct Entry {
    BlockPtr block;
    std::vector<Annotation> annotations;       // places relative to the beginning of the node
    std::vector<const VectorSelector*> reads;  // what the result depends on; of the first expression with it
  };

  bool wants(const Expr& expr) const {
    return !expr.canonical.empty() && (shared_ == nullptr || shared_->is_shared(expr));
  }
  const Entry* find(const Expr& expr, const Grid& grid) const;
  void keep(const Expr& expr, const Grid& grid, Entry entry);
  void forget_readers_of(const Labels& labels);

 private:
  struct Key {
    std::string_view text;
    Grid grid;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const {
      return std::hash<std::string_view>()(key.text) ^
             static_cast<size_t>(key.grid.start_ms * 31 + key.grid.step_ms);
    }
  };

  const SharedExpressions* shared_;
  std::unordered_map<Key, Entry, KeyHash> entries_;
};

class Evaluator {
 public:
  Evaluator(const store::SampleStore& store, const QueryOptions& options, Memo& memo, int64_t query_start_ms,
            int64_t query_end_ms);

  // --- results ---
  const std::optional<Error>& error() const { return error_; }
  Annotations& annotations() { return annotations_; }
  bool delayed() const { return options_.delayed_name_removal; }

  // --- evaluation of parts, for functions ---
  BlockPtr vector(const Expr& expr, const Grid& grid);
  // One value per step.
  std::vector<double> scalar(const Expr& expr, const Grid& grid);
  // A string argument.
  static const std::string& string(const Expr& expr);
  // The raw samples of a range vector expression at one time.
  Matrix matrix(const Expr& expr, int64_t at_ms);
  // A selector whose cells are the times of its samples, in seconds.
  BlockPtr sample_times(const VectorSelector& selector, const Grid& grid);
  // A range function; `arguments` are all of the call's.
  BlockPtr range_function(const RangeFunction& function, const Call& call, const Grid& grid);

  // --- for those who make blocks ---
  std::nullptr_t fail(Error error);
  BlockPtr fail_block(Error error, uint32_t steps);
  bool failed() const { return error_.has_value(); }
  // Counts samples and cells against the limit, and looks at the clock now and then. False when it is over.
  bool spend(size_t samples);
  // The name goes: at once, or at the end.
  Row without_name(Row row) const;
  // To be called after names were dropped or labels changed: merges rows that are one series now, or fails.
  void settle(Block& block, bool strict = false);
  static Error duplicate_labels();

 private:
  BlockPtr compute(const Expr& expr, const Grid& grid);
  BlockPtr compute_node(const VectorSelector& selector, const Expr& expr, const Grid& grid);
  BlockPtr compute_node(const Call& call, const Expr& expr, const Grid& grid);
  BlockPtr compute_node(const Aggregate& aggregate, const Expr& expr, const Grid& grid);
  BlockPtr compute_node(const Binary& binary, const Expr& expr, const Grid& grid);
  BlockPtr compute_node(const Unary& unary, const Expr& expr, const Grid& grid);
  BlockPtr compute_node(const Paren& paren, const Expr& expr, const Grid& grid);
  template <typename Other>
  BlockPtr compute_node(const Other& other, const Expr& expr, const Grid& grid);

  BlockPtr elementwise(const Elementwise& function, const Call& call, const Grid& grid);
  BlockPtr date(const DateFunction& function, const Call& call, const Grid& grid);

  // aggregate.cc
  BlockPtr reduce(const Aggregate& aggregate, const Block& input, std::span<const double> quantiles);
  BlockPtr pick(const Aggregate& aggregate, const Block& input, std::span<const double> counts);
  BlockPtr count_values(const Aggregate& aggregate, const Block& input);

  // binary.cc
  BlockPtr vector_scalar(const Binary& binary, const Block& vector, std::span<const double> scalar,
                         bool swapped);
  BlockPtr vector_vector(const Binary& binary, const Block& left, const Block& right);
  BlockPtr set_operation(const Binary& binary, const Block& left, const Block& right);

  // The time a selector looks at in a step, offset and @ applied.
  struct Shift {
    std::optional<int64_t> fixed_ms;
    int64_t offset_ms = 0;
    int64_t at(const Grid& grid, uint32_t step) const { return fixed_ms.value_or(grid.at(step)) - offset_ms; }
  };
  Shift shift(const AtModifier& at, std::chrono::milliseconds offset) const;
  std::vector<store::SeriesId> select(const VectorSelector& selector);
  template <typename Cell>
  BlockPtr instant(const VectorSelector& selector, const Grid& grid, Cell&& cell);

  // Where a range function's samples come from: series of the store, or rows of a subquery.
  struct RangeSource {
    std::vector<store::SeriesId> series;
    BlockPtr inner;  // of a subquery
    Grid inner_grid;
    Shift shift;
    int64_t range_ms = 0;

    size_t size() const { return inner ? inner->rows.size() : series.size(); }
  };
  RangeSource range_source(const Expr& expr, const Grid& grid);
  Row row_of(const RangeSource& source, size_t i) const;
  // The samples of one series that the windows of the grid cover, without stale markers.
  void read_range(const RangeSource& source, size_t i, const Grid& grid, std::vector<Sample>& samples);

  const store::SampleStore& store_;
  const QueryOptions& options_;
  Memo& memo_;
  int64_t query_start_ms_;
  int64_t query_end_ms_;
  Annotations annotations_;
  std::optional<Error> error_;
  size_t spent_ = 0;
  size_t until_look_ = 0;
};

// binary.cc
double apply(BinaryOp op, double left, double right);  // arithmetic; comparisons are 1 or 0
bool holds(BinaryOp op, double left, double right);    // comparisons
// Metric names do not survive these.
bool changes_meaning(BinaryOp op);
// `{a="b", __name__="x"}` as Prometheus's errors show label sets.
std::string braced(const Labels& labels);

// Linear interpolation between the two nearest of the values, which are sorted in the process; NaN is
// smallest.
double quantile(double q, std::vector<double>& values);
void warn_quantile(Annotations& annotations, double q, Span where);

}  // namespace sluice::promql
