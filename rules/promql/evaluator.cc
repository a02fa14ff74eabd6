#include "rules/promql/evaluator.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "rules/promql/functions.h"
#include "rules/promql/text.h"

namespace sluice::promql {
namespace {

constexpr size_t kWorkBetweenLooks = 100'000;

bool selects(const VectorSelector& selector, const Labels& labels) {
  // The name comes last and decides most often.
  return std::all_of(selector.matchers.rbegin(), selector.matchers.rend(),
                     [&](const Matcher& matcher) { return matcher.matches(labels); });
}

bool has_name_equality(const VectorSelector& selector) {
  return std::any_of(selector.matchers.begin(), selector.matchers.end(), [](const Matcher& matcher) {
    return matcher.op() == MatchOp::kEqual && matcher.name() == kMetricName;
  });
}

// Only names, types and units tell series apart that lose them; types and units are rare enough to look for.
bool is_distinct_without_name(const Block& block) {
  return std::none_of(block.rows.begin(), block.rows.end(), [](const Row& row) {
    return row.labels.has("__type__") || row.labels.has("__unit__");
  });
}

// Go's integer division: towards zero.
int64_t first_step(int64_t after_ms, int64_t step_ms) {
  const int64_t at = after_ms / step_ms * step_ms;
  return at <= after_ms ? at + step_ms : at;
}

Labels without_pending(const Row& row) {
  return row.name == Name::kKept ? row.labels : without_metadata(row.labels);
}

bool is_counter_name(std::string_view name) {
  return name.ends_with("_total") || name.ends_with("_sum") || name.ends_with("_count") ||
         name.ends_with("_bucket");
}

}  // namespace

const Memo::Entry* Memo::find(const Expr& expr, const Grid& grid) const {
  const auto it = entries_.find(Key{expr.canonical, grid});
  return it == entries_.end() ? nullptr : &it->second;
}

void Memo::keep(const Expr& expr, const Grid& grid, Entry entry) {
  for_each_node(expr, [&](const Expr& node) {
    if (const auto* selector = node.as<VectorSelector>()) entry.reads.push_back(selector);
  });
  entries_.insert_or_assign(Key{expr.canonical, grid}, std::move(entry));
}

void Memo::forget_readers_of(const Labels& labels) {
  std::erase_if(entries_, [&](const auto& item) {
    const auto& reads = item.second.reads;
    return std::any_of(reads.begin(), reads.end(),
                       [&](const auto* selector) { return selects(*selector, labels); });
  });
}

Evaluator::Evaluator(const store::SampleStore& store, const QueryOptions& options, Memo& memo,
                     int64_t query_start_ms, int64_t query_end_ms)
    : store_(store),
      options_(options),
      memo_(memo),
      query_start_ms_(query_start_ms),
      query_end_ms_(query_end_ms) {}

std::nullptr_t Evaluator::fail(Error error) {
  if (!error_) error_ = std::move(error);
  return nullptr;
}

BlockPtr Evaluator::fail_block(Error error, uint32_t steps) {
  fail(std::move(error));
  return std::make_shared<Block>(steps);
}

Error Evaluator::duplicate_labels() {
  return invalid("vector cannot contain metrics with the same labelset");
}

bool Evaluator::spend(size_t samples) {
  if (error_) return false;
  spent_ += samples;
  if (spent_ > options_.samples_max) {
    fail(limit_met("query processing would load too many samples into memory in query execution"));
    return false;
  }
  // Even empty work counts: a million empty series take their time.
  until_look_ += samples + 16;
  if (until_look_ < kWorkBetweenLooks) return true;
  until_look_ = 0;
  if (options_.interrupted && options_.interrupted()) {
    fail(timed_out("query timed out in expression evaluation"));
    return false;
  }
  return true;
}

Row Evaluator::without_name(Row row) const {
  if (row.name != Name::kGone) row.name = delayed() ? Name::kDropLater : Name::kGone;
  return row;
}

void Evaluator::settle(Block& block, bool strict) {
  // With delayed removal names are still there: whether series collide shows at the end.
  if (block.distinct_without_name || block.rows.size() < 2) return;
  if (!merge_equal_rows(block, strict && !delayed())) fail(duplicate_labels());
}

const std::string& Evaluator::string(const Expr& expr) {
  return unwrap(expr).as<StringLiteral>()->value;
}

// --- nodes ---

BlockPtr Evaluator::vector(const Expr& expr, const Grid& grid) {
  const Expr& node = unwrap(expr);
  if (failed()) return std::make_shared<Block>(grid.steps);
  if (!memo_.wants(node)) return compute(node, grid);

  if (const Memo::Entry* entry = memo_.find(node, grid)) {
    for (Annotation annotation : entry->annotations) {
      annotation.where.begin += node.span.begin;
      annotation.where.end += node.span.begin;
      annotations_.add(std::move(annotation));
    }
    spend(0);
    return entry->block;
  }
  Annotations outer = std::move(annotations_);
  annotations_ = {};
  BlockPtr block = compute(node, grid);
  Memo::Entry entry;
  entry.block = block;
  entry.annotations = annotations_.take();
  annotations_ = std::move(outer);
  for (Annotation& annotation : entry.annotations) {
    annotations_.add(annotation);
    annotation.where.begin -= node.span.begin;
    annotation.where.end -= node.span.begin;
  }
  if (!failed()) memo_.keep(node, grid, std::move(entry));
  return block;
}

template <typename Other>
BlockPtr Evaluator::compute_node(const Other&, const Expr&, const Grid& grid) {
  return fail_block({ErrorKind::kInternal, "an instant vector was expected"}, grid.steps);
}

BlockPtr Evaluator::compute(const Expr& expr, const Grid& grid) {
  BlockPtr block =
      std::visit([&](const auto& node) -> BlockPtr { return compute_node(node, expr, grid); }, expr.node);
  spend(block->cells.size());
  if (failed()) return std::make_shared<Block>(grid.steps);
  return block;
}

BlockPtr Evaluator::compute_node(const Paren& paren, const Expr&, const Grid& grid) {
  return vector(*paren.expr, grid);
}

BlockPtr Evaluator::compute_node(const Unary& unary, const Expr&, const Grid& grid) {
  BlockPtr input = vector(*unary.expr, grid);
  if (!unary.negate) return input;
  auto out = std::make_shared<Block>(*input);
  for (Row& row : out->rows) row = without_name(std::move(row));
  for (double& cell : out->cells) {
    if (!is_absent(cell)) cell = -cell;
  }
  settle(*out);
  return out;
}

BlockPtr Evaluator::compute_node(const Call& call, const Expr& expr, const Grid& grid) {
  const auto& shape = call.function->body->shape;
  if (const auto* function = std::get_if<RangeFunction>(&shape)) return range_function(*function, call, grid);
  if (const auto* function = std::get_if<Elementwise>(&shape)) return elementwise(*function, call, grid);
  if (const auto* function = std::get_if<DateFunction>(&shape)) return date(*function, call, grid);
  return std::get<VectorFunction>(shape).compute(*this, call, expr, grid);
}

std::vector<double> Evaluator::scalar(const Expr& expr, const Grid& grid) {
  const Expr& node = unwrap(expr);
  std::vector<double> values(grid.steps, 0.0);
  if (failed() || !spend(grid.steps)) return values;
  if (const auto* number = node.as<NumberLiteral>()) {
    std::fill(values.begin(), values.end(), number->value);
  } else if (const auto* unary = node.as<Unary>()) {
    values = scalar(*unary->expr, grid);
    if (unary->negate) {
      for (double& value : values) value = -value;
    }
  } else if (const auto* binary = node.as<Binary>()) {
    values = scalar(*binary->left, grid);
    const std::vector<double> right = scalar(*binary->right, grid);
    for (size_t i = 0; i < values.size(); ++i) values[i] = apply(binary->op, values[i], right[i]);
  } else if (const auto* call = node.as<Call>()) {
    values = std::get<ScalarFunction>(call->function->body->shape).compute(*this, *call, grid);
  }
  values.resize(grid.steps, 0.0);
  return values;
}

// --- selectors ---

Evaluator::Shift Evaluator::shift(const AtModifier& at, std::chrono::milliseconds offset) const {
  Shift shift;
  shift.offset_ms = offset.count();
  switch (at.kind) {
    case AtModifier::Kind::kNone:
      break;
    case AtModifier::Kind::kTimestamp:
      shift.fixed_ms = to_unix_ms(at.at);
      break;
    case AtModifier::Kind::kStart:
      shift.fixed_ms = query_start_ms_;
      break;
    case AtModifier::Kind::kEnd:
      shift.fixed_ms = query_end_ms_;
      break;
  }
  return shift;
}

std::vector<store::SeriesId> Evaluator::select(const VectorSelector& selector) {
  std::vector<store::SeriesId> ids = store_.select(selector.matchers);
  // Series in the order they came to be: ties in topk and the last digits of sums do not depend on the index.
  if (!std::is_sorted(ids.begin(), ids.end())) std::sort(ids.begin(), ids.end());
  spend(0);
  return ids;
}

// `cell` makes the cell of a sample.
template <typename Cell>
BlockPtr Evaluator::instant(const VectorSelector& selector, const Grid& grid, Cell&& cell) {
  auto out = std::make_shared<Block>(grid.steps);
  if (grid.steps == 0) return out;
  const Shift shift = this->shift(selector.at, selector.offset);
  const int64_t lookback_ms = to_ms(options_.lookback).count();
  const auto visible = [&](const std::optional<Sample>& sample) {
    return sample && !is_stale(sample->value);
  };
  std::vector<Sample> samples;
  for (const store::SeriesId id : select(selector)) {
    if (grid.steps == 1 || shift.fixed_ms) {
      const int64_t to = shift.at(grid, 0);
      // A gauge that is scraped once a minute is asked for its newest sample far more often than for an older
      // one.
      std::optional<Sample> sample = store_.newest(id);
      if (sample && to_unix_ms(sample->at) > to) {
        sample = store_.latest(id, from_unix_ms(to - lookback_ms), from_unix_ms(to));
      } else if (sample && to_unix_ms(sample->at) <= to - lookback_ms) {
        sample.reset();
      }
      if (!spend(1)) return out;
      if (!visible(sample)) continue;
      std::fill_n(out->add({store_.labels(id), Name::kKept}), grid.steps, cell(*sample));
      continue;
    }
    samples.clear();
    store_.read(id, from_unix_ms(shift.at(grid, 0) - lookback_ms),
                from_unix_ms(shift.at(grid, grid.steps - 1)), samples);
    if (!spend(samples.size())) return out;
    if (samples.empty()) continue;
    double* cells = out->add({store_.labels(id), Name::kKept});
    size_t next = 0;
    bool any = false;
    for (uint32_t step = 0; step < grid.steps; ++step) {
      const int64_t to = shift.at(grid, step);
      while (next < samples.size() && to_unix_ms(samples[next].at) <= to) ++next;
      if (next == 0) continue;
      const Sample& sample = samples[next - 1];
      if (to_unix_ms(sample.at) <= to - lookback_ms || is_stale(sample.value)) continue;
      cells[step] = cell(sample);
      any = true;
    }
    if (!any) {
      out->rows.pop_back();
      out->cells.resize(out->rows.size() * grid.steps);
    }
  }
  out->distinct_without_name = has_name_equality(selector) && is_distinct_without_name(*out);
  return out;
}

BlockPtr Evaluator::compute_node(const VectorSelector& selector, const Expr&, const Grid& grid) {
  return instant(selector, grid, [](const Sample& sample) { return sample.value; });
}

BlockPtr Evaluator::sample_times(const VectorSelector& selector, const Grid& grid) {
  return instant(selector, grid, [](const Sample& sample) { return to_seconds(sample.at); });
}

// --- range vectors ---

Evaluator::RangeSource Evaluator::range_source(const Expr& expr, const Grid& grid) {
  const Expr& node = unwrap(expr);
  RangeSource source;
  if (const auto* matrix = node.as<MatrixSelector>()) {
    const auto& selector = *matrix->selector->as<VectorSelector>();
    source.shift = shift(selector.at, selector.offset);
    source.range_ms = matrix->range.count();
    source.series = select(selector);
    return source;
  }
  const auto& subquery = *node.as<Subquery>();
  source.shift = shift(subquery.at, subquery.offset);
  source.range_ms = subquery.range.count();
  Grid& inner = source.inner_grid;
  inner.step_ms = subquery.step.count() > 0 ? subquery.step.count() : to_ms(options_.subquery_step).count();
  inner.steps = 0;
  if (grid.steps > 0) {
    const int64_t after = source.shift.at(grid, 0) - source.range_ms;
    const int64_t to = source.shift.at(grid, grid.steps - 1);
    inner.start_ms = first_step(after, inner.step_ms);
    const int64_t steps = inner.start_ms > to ? 0 : (to - inner.start_ms) / inner.step_ms + 1;
    if (static_cast<uint64_t>(steps) > options_.samples_max) {
      spend(static_cast<size_t>(steps));
    } else {
      inner.steps = static_cast<uint32_t>(steps);
    }
  }
  source.inner = vector(*subquery.expr, inner);
  return source;
}

Row Evaluator::row_of(const RangeSource& source, size_t i) const {
  if (source.inner) return source.inner->rows[i];
  return {store_.labels(source.series[i]), Name::kKept};
}

void Evaluator::read_range(const RangeSource& source, size_t i, const Grid& grid,
                           std::vector<Sample>& samples) {
  samples.clear();
  if (grid.steps == 0) return;
  const int64_t after = source.shift.at(grid, 0) - source.range_ms;
  const int64_t to = source.shift.at(grid, grid.steps - 1);
  if (!source.inner) {
    store_.read(source.series[i], from_unix_ms(after), from_unix_ms(to), samples);
    std::erase_if(samples, [](const Sample& sample) { return is_stale(sample.value); });
  } else {
    const double* cells = source.inner->row(i);
    for (uint32_t step = 0; step < source.inner_grid.steps; ++step) {
      const int64_t at = source.inner_grid.at(step);
      if (!is_absent(cells[step]) && at > after && at <= to)
        samples.push_back({from_unix_ms(at), cells[step]});
    }
  }
  spend(samples.size());
}

BlockPtr Evaluator::range_function(const RangeFunction& function, const Call& call, const Grid& grid) {
  auto out = std::make_shared<Block>(grid.steps);
  const Expr* range_argument = nullptr;
  std::vector<std::vector<double>> parameters;
  for (const ExprPtr& arg : call.args) {
    if (arg->type == ValueType::kMatrix) {
      range_argument = arg.get();
    } else {
      parameters.push_back(scalar(*arg, grid));
    }
  }
  const RangeSource source = range_source(*range_argument, grid);
  std::vector<double> step_parameters(parameters.size());
  std::vector<Sample> samples;
  for (size_t i = 0; i < source.size() && !failed(); ++i) {
    read_range(source, i, grid, samples);
    if (samples.empty()) continue;
    const Row row = row_of(source, i);
    double* cells = out->add(function.keeps_name ? row : without_name(row));
    size_t low = 0, high = 0;
    bool any = false;
    for (uint32_t step = 0; step < grid.steps; ++step) {
      Window window;
      window.to_ms = source.shift.at(grid, step);
      window.from_ms = window.to_ms - source.range_ms;
      window.at_ms = grid.at(step);
      while (high < samples.size() && to_unix_ms(samples[high].at) <= window.to_ms) ++high;
      while (low < high && to_unix_ms(samples[low].at) <= window.from_ms) ++low;
      if (low == high) continue;
      window.samples = std::span(samples).subspan(low, high - low);
      for (size_t p = 0; p < parameters.size(); ++p) step_parameters[p] = parameters[p][step];
      window.parameters = step_parameters;
      if (function.takes_quantile) warn_quantile(annotations_, step_parameters[0], call.args[0]->span);
      if (const std::optional<double> value = function.compute(window)) {
        cells[step] = *value;
        any = true;
      }
    }
    if (!any) {
      out->rows.pop_back();
      out->cells.resize(out->rows.size() * grid.steps);
    } else if (function.on_counters) {
      const std::string_view name = row.value(kMetricName);
      if (!name.empty() && !is_counter_name(name)) {
        annotations_.inform(
            "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: " +
                go_quote(name),
            call.args[0]->span);
      }
    }
  }
  const auto* matrix = unwrap(*range_argument).as<MatrixSelector>();
  if (matrix != nullptr) {
    out->distinct_without_name =
        has_name_equality(*matrix->selector->as<VectorSelector>()) && is_distinct_without_name(*out);
  } else if (source.inner) {
    out->distinct_without_name = source.inner->distinct_without_name;
  }
  settle(*out, true);
  return out;
}

Matrix Evaluator::matrix(const Expr& expr, int64_t at_ms) {
  Matrix out;
  const Grid grid{at_ms, 1, 1};
  const RangeSource source = range_source(expr, grid);
  std::vector<Sample> samples;
  for (size_t i = 0; i < source.size() && !failed(); ++i) {
    read_range(source, i, grid, samples);
    if (!samples.empty()) out.push_back({without_pending(row_of(source, i)), samples});
  }
  return out;
}

// --- shapes of functions ---

BlockPtr Evaluator::elementwise(const Elementwise& function, const Call& call, const Grid& grid) {
  const BlockPtr input = vector(*call.args[0], grid);
  std::vector<std::vector<double>> parameters;
  for (size_t i = 1; i < call.args.size(); ++i) parameters.push_back(scalar(*call.args[i], grid));
  auto out = std::make_shared<Block>(*input);
  for (Row& row : out->rows) row = without_name(std::move(row));
  if (function.plain != nullptr) {
    for (double& cell : out->cells) {
      if (!is_absent(cell)) cell = function.plain(cell);
    }
  } else {
    std::vector<double> step_parameters(parameters.size());
    for (uint32_t step = 0; step < grid.steps; ++step) {
      for (size_t p = 0; p < parameters.size(); ++p) step_parameters[p] = parameters[p][step];
      for (size_t i = 0; i < out->rows.size(); ++i) {
        double& cell = out->row(i)[step];
        if (!is_absent(cell)) cell = function.with_parameters(cell, step_parameters).value_or(absent());
      }
    }
    out->drop_empty_rows();
  }
  settle(*out);
  return out;
}

BlockPtr Evaluator::date(const DateFunction& function, const Call& call, const Grid& grid) {
  if (call.args.empty()) {
    auto out = std::make_shared<Block>(grid.steps);
    double* cells = out->add({Labels(), Name::kKept});
    for (uint32_t step = 0; step < grid.steps; ++step) cells[step] = function.compute(grid.at(step) / 1000);
    return out;
  }
  auto out = std::make_shared<Block>(*vector(*call.args[0], grid));
  for (Row& row : out->rows) row = without_name(std::move(row));
  for (double& cell : out->cells) {
    if (is_absent(cell)) continue;
    // Times beyond 64 bits, and NaN, are the smallest: so it is on the machines Prometheus mostly runs on.
    const bool fits = cell > -9.2e18 && cell < 9.2e18;
    cell = function.compute(fits ? static_cast<int64_t>(cell) : std::numeric_limits<int64_t>::min());
  }
  settle(*out);
  return out;
}

}  // namespace sluice::promql
