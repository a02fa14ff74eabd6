#pragma once
// Runs promqltest scripts, the language in which Prometheus tests its own PromQL:
//
//   load 5m
//     http_requests_total{job="api"} 0+10x10
//
//   eval instant at 50m rate(http_requests_total[10m])
//     {job="api"} 0.03333333333333333
//
//   eval instant at 0 topk(NaN, x)
//     expect fail msg: Parameter value is NaN
//
// As the original runner does, an instant eval is run up to twelve times: as written; with `@ <time>` on
// every selector, at other evaluation times; and each of these as the middle of a range query. Names are
// removed late, as there.
//
// Native histograms and experimental functions are beyond this engine. An eval that fails because it needs
// one is counted as skipped, with the reason, never as passed.

#include <string>
#include <string_view>
#include <vector>

namespace sluice::promql {

struct ScriptReport {
  struct Finding {
    int line = 0;  // from 1
    std::string message;
  };
  size_t passed = 0;
  std::vector<Finding> failures;
  std::vector<Finding> skipped;
};

ScriptReport run_script(std::string_view text);
// "FILE:LINE: message"
std::string to_string(const ScriptReport::Finding& finding, std::string_view file);

}  // namespace sluice::promql
