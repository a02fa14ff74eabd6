#include "tests/support/net/golden.h"

#include <sstream>

#include "core/check.h"
#include "core/number.h"
#include "tests/support/suites.h"

namespace sluice::support {

Golden read_golden(const std::string& path) {
  Golden golden;
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);) {
    const size_t name_at = line.starts_with("# ") ? 7 : 0;
    const size_t name_end = line.find_first_of(" {", name_at);
    if (name_end == std::string::npos) continue;
    GoldenFamily& family = golden[line.substr(name_at, name_end - name_at)];
    if (line.starts_with("# HELP ")) {
      family.help = line.substr(name_end + 1);
    } else if (line.starts_with("# TYPE ")) {
      family.type = line.substr(name_end + 1);
    } else {
      const size_t value = line.rfind(' ');
      family.series[line.substr(name_end, value - name_end)] =
          parse_float(line.substr(value + 1)).value_or(-1);
    }
  }
  return golden;
}

Golden to_golden(std::span<const MetricPoint> points) {
  Golden golden;
  for (const MetricPoint& point : points) {
    GoldenFamily& family = golden[std::string(point.family->name)];
    family.type = to_string(point.family->type);
    family.help = point.family->help;
    std::string labels;
    for (const auto& label : point.labels) {
      labels += (labels.empty() ? "{" : ",") + std::string(label.name) + "=" + sluice::quote(label.value);
    }
    if (!labels.empty()) labels += '}';
    SLUICE_CHECK(family.series.emplace(labels, point.value).second, "a series twice: " + labels);
  }
  return golden;
}

}  // namespace sluice::support
