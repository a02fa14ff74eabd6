// sluice promql query --openmetrics FILE --time T EXPR: the `data` object of Prometheus's query API.

#include <fmt/format.h>

#include <cmath>

#include "agent/cli/commands.h"
#include "agent/cli/print.h"
#include "core/exposition/parse.h"
#include "core/file/file.h"
#include "core/number.h"
#include "rules/promql/engine.h"
#include "rules/promql/parser.h"

namespace sluice::cli {
namespace {

constexpr size_t kFileBytesMax = size_t{1} << 30;

// Unix seconds or RFC 3339, as Prometheus's API reads times.
Result<Timestamp> parse_time(const std::string& text) {
  if (const std::optional<double> seconds = parse_float(text)) {
    if (std::abs(*seconds) < 9e15) return from_unix_ms(std::llround(*seconds * 1000));
    return invalid(fmt::format("time out of range: {}", text));
  }
  return parse_rfc3339(text);
}

// Seconds or a duration.
Result<Duration> parse_step(const std::string& text) {
  if (const std::optional<double> seconds = parse_float(text)) return from_seconds(*seconds);
  return parse_duration(text);
}

Result<promql::Evaluation> evaluate(const promql::Expr& expr, const store::SampleStore& store,
                                    const PromqlQueryOptions& options) {
  if (!options.time.empty()) {
    const Result<Timestamp> at = parse_time(options.time);
    if (!at) return at.error();
    return promql::evaluate(expr, store, *at);
  }
  if (options.start.empty() || options.end.empty() || options.step.empty()) {
    return invalid("--time, or --start with --end and --step, is required");
  }
  const Result<Timestamp> start = parse_time(options.start);
  if (!start) return start.error();
  const Result<Timestamp> end = parse_time(options.end);
  if (!end) return end.error();
  const Result<Duration> step = parse_step(options.step);
  if (!step) return step.error();
  return promql::evaluate_range(expr, store, *start, *end, *step);
}

}  // namespace

int promql_query(const PromqlQueryOptions& options) {
  const auto give_up = [](const Error& error, int code) {
    print_error(error.message);
    return code;
  };
  const Result<std::string> text = file::read(options.openmetrics_file, kFileBytesMax);
  if (!text) return give_up(text.error(), kUsage);
  // A file of samples is as old as it is: nothing of it expires.
  store::SampleStore store({.retention = std::chrono::hours(24 * 365 * 200), .series_max = 10'000'000});
  const Result<size_t> loaded = exposition::load_openmetrics(*text, store);
  if (!loaded)
    return give_up(invalid(fmt::format("{}: {}", options.openmetrics_file, loaded.error().message)), kUsage);

  const Result<promql::ExprPtr> expr = promql::parse(options.expression);
  if (!expr) return give_up(expr.error(), kFailed);
  const Result<promql::Evaluation> evaluation = evaluate(**expr, store, options);
  if (!evaluation) return give_up(evaluation.error(), kFailed);
  for (const promql::Annotation& annotation : evaluation->annotations) {
    print_error(annotation.to_string(options.expression));
  }
  print_line(promql::to_json(evaluation->value));
  return kFine;
}

}  // namespace sluice::cli
