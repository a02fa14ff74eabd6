#pragma once
// What a metric is: name, type and help. Each exporter declares its families once, as one table; exposition, the
// metrics reference in the docs and the tests iterate the same tables.

#include <string_view>

#include "core/labels.h"

namespace sluice {

enum class MetricType { kCounter, kGauge, kHistogram, kSummary, kUnknown };
std::string_view to_string(MetricType type);  // "counter", ... as the text format says it; kUnknown is "untyped"

struct MetricFamily {
  std::string_view name;
  MetricType type = MetricType::kGauge;
  std::string_view help;
};

// One value an exporter saw. `labels` are those besides `job` and `instance`, which the agent adds.
struct MetricPoint {
  const MetricFamily* family = nullptr;  // points into a static table
  Labels labels;
  double value = 0;
};

}  // namespace sluice
