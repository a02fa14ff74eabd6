#pragma once
// Metrics as the two text formats a Prometheus asks for: text 0.0.4 and OpenMetrics 1.0.
//
// They differ little, and where they do, the names people query must not depend on what a scraper negotiated:
// OpenMetrics wants every counter to end in `_total`, but `pg_stat_database_xact_commit` is called that in
// every dashboard. Such a counter is exposed there as `unknown`, under its own name.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/labels.h"
#include "core/metric_family.h"
#include "core/time.h"

namespace sluice::exposition {

enum class Format { kText, kOpenMetrics };

// The Content-Type of an answer.
std::string_view content_type(Format format);
// What an Accept header asks for: OpenMetrics 1.x when it is named and not less wanted than plain text, else
// text.
Format negotiate(std::string_view accept);

// One line. `suffix` is what the line's name has beyond the family's: "_bucket", "_sum", "_count", or "".
struct ExposedSample {
  std::string suffix;
  Labels labels;  // a metric name in it is ignored
  double value = 0;
  std::optional<Timestamp> at;
};

struct ExposedFamily {
  std::string name;
  MetricType type = MetricType::kUnknown;
  std::string help;
  std::vector<ExposedSample> samples;  // those of one histogram or summary together, buckets rising
};

// Writes families sorted by name, each with HELP (when there is one) and TYPE once; OpenMetrics ends with `#
// EOF`. Families without samples are left out; of two families with one name the samples come together under
// the first's type.
void write(std::string& out, std::vector<ExposedFamily> families, Format format);
// The same for what an exporter saw.
void write(std::string& out, std::span<const MetricPoint> points, Format format);

// The type a family has in OpenMetrics, judged by its first line: redis_exporter's summaries have percents as
// quantiles, and OpenMetrics allows 0 to 1 only, so they are `unknown` there.
MetricType openmetrics_type(MetricType type, const Labels& line);

// The pieces, for those who keep lines prepared.
void append_family_header(std::string& out, std::string_view name, MetricType type, std::string_view help,
                          Format format);
// `name_suffix{a="b"} `, with the blank before the value. Names beyond the classic character set are escaped
// with `_`, as a scraper is answered that did not ask for UTF-8 names.
void append_line_start(std::string& out, std::string_view name, std::string_view suffix,
                       const Labels& labels);

}  // namespace sluice::exposition
