#include "core/metric_family.h"

namespace sluice {

std::string_view to_string(MetricType type) {
  switch (type) {
    case MetricType::kCounter: return "counter";
    case MetricType::kGauge: return "gauge";
    case MetricType::kHistogram: return "histogram";
    case MetricType::kSummary: return "summary";
    case MetricType::kUnknown: break;
  }
  return "untyped";
}

}  // namespace sluice
