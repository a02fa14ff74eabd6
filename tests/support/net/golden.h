#pragma once
// What a real exporter showed, to compare ours with: families, types, help texts, label names and values.

#include <map>
#include <set>
#include <span>
#include <string>

#include "core/metric_family.h"

namespace sluice::support {

struct GoldenFamily {
  std::string type;
  std::string help;
  std::map<std::string, double> series;  // label set as text, `{phase="connect"}` or "", to value
};
using Golden = std::map<std::string, GoldenFamily>;

// The text format, as far as exporters use it.
Golden read_golden(const std::string& path);
Golden to_golden(std::span<const MetricPoint> points);

}  // namespace sluice::support
