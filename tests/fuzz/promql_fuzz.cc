// Any text is an error or an expression; an expression prints to a text that means the same, and is evaluated
// within its limits whatever it asks for.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "core/store/sample_store.h"
#include "rules/promql/engine.h"
#include "rules/promql/parser.h"
#include "rules/promql/series_notation.h"
#include "rules/promql/value.h"

namespace {

using namespace sluice;

const store::SampleStore& sample_store() {
  static const store::SampleStore store = [] {
    store::SampleStore filled({.retention = std::chrono::hours(1000)});
    for (int series = 0; series < 12; ++series) {
      const std::string number = std::to_string(series);
      const Labels labels{{"__name__", series % 3 == 0   ? "a_total"
                                       : series % 3 == 1 ? "b"
                                                         : "h_bucket"},
                          {"job", series % 2 == 0 ? "x" : "y"},
                          {"le", series % 4 == 0 ? "+Inf" : "0." + number},
                          {"n", number}};
      for (int64_t i = 0; i < 40; ++i) {
        const double value = i % 17 == 0 ? stale_marker() : static_cast<double>(i * (series + 1) % 23);
        filled.append(labels, {from_unix_ms(i * 15'000 + series), value});
      }
    }
    return filled;
  }();
  return store;
}

void evaluate_within_limits(const promql::Expr& expr) {
  promql::QueryOptions options;
  options.samples_max = 50'000;
  int looks = 0;
  options.interrupted = [&looks] { return ++looks > 20; };
  for (const bool delayed : {false, true}) {
    options.delayed_name_removal = delayed;
    const auto instant = promql::evaluate(expr, sample_store(), from_unix_ms(300'000), options);
    if (instant) (void)promql::to_json(instant->value);
    (void)promql::evaluate_range(expr, sample_store(), from_unix_ms(0), from_unix_ms(600'000),
                                 std::chrono::seconds(60), options);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (size > 0 && text[0] == '>') {
    if (size < 200) (void)promql::parse_series(text.substr(1));
    return 0;
  }
  const Result<promql::ExprPtr> expr = promql::parse(text);
  if (!expr) return 0;
  const std::string printed = promql::to_string(**expr);
  const Result<promql::ExprPtr> again = promql::parse(printed);
  SLUICE_CHECK(again.has_value() || again.error().kind == ErrorKind::kLimit, printed);
  if (again) SLUICE_CHECK(promql::to_string(**again) == printed, printed);
  evaluate_within_limits(**expr);
  return 0;
}
