#pragma once
// Reads what exporters expose: OpenMetrics 1.0 and Prometheus text 0.0.4, strictly.
//
// A scraper forgives much; a check must not, because what is wrong in an exposition shows as a wrong graph
// much later. The OpenMetrics parser holds the input to the whole specification: order and uniqueness of
// metadata, suffixes and values by type, grouping, timestamps that do not go back, complete histograms, `#
// EOF`. The text parser is as strict as the format's looser rules allow, and reads quoted UTF-8 names as
// Prometheus 3 writes them.
//
// Families are handed over one by one as they end, so that a large file need not lie in memory twice.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/labels.h"
#include "core/result.h"
#include "core/store/sample_store.h"
#include "core/time.h"

namespace sluice::exposition {

struct ParseLimits {
  size_t line_bytes_max = 1 << 20;
  size_t labels_max = 256;          // in one sample
  size_t samples_max = 50'000'000;  // in the whole text
};

struct ParsedExemplar {
  Labels labels;
  double value = 0;
};

struct ParsedSample {
  std::string name;  // with its suffix
  Labels labels;     // without the name
  double value = 0;
  std::optional<Timestamp> at;
  std::optional<ParsedExemplar> exemplar;
  int line = 0;
};

struct ParsedFamily {
  std::string name;
  std::string type;  // as the format says it: "counter", "stateset", "unknown", "untyped", ...
  std::string help;
  std::string unit;
  bool has_help = false;
  int line = 0;  // where it begins
  std::vector<ParsedSample> samples;
};

using FamilySink = std::function<void(ParsedFamily family)>;

// Error: "line 3: message". Families that ended before the error have been handed over.
Result<void> parse_openmetrics(std::string_view text, const FamilySink& sink, const ParseLimits& limits = {});
// Samples of one family may stand apart from each other; the family is handed over at the end then.
Result<void> parse_text(std::string_view text, const FamilySink& sink, const ParseLimits& limits = {});

// Appends the samples of an OpenMetrics text to a store, each at its timestamp; one without a timestamp is
// refused. Returns their number.
Result<size_t> load_openmetrics(std::string_view text, store::SampleStore& store);

}  // namespace sluice::exposition
