#pragma once
// The files of `sluice test routes`: unit tests for an alertmanager.yml (alerts/route_test.h).
//
//     alertmanager_file: alertmanager.yml        # beside the test file
//     tests:
//       - name: pages at night
//         start: 2026-11-23T22:00:00Z            # default: Monday 2026-01-05, midnight UTC
//         lasts: 1h
//         routes:                                # who an alert is for, regardless of time
//           - {labels: {severity: page}, receivers: [pager]}
//         events:
//           - {at: 0s, fire: {alertname: Down, severity: page}}
//           - {at: 5m, silence: ['alertname="Down"'], for: 10m}
//           - {at: 20m, expire_silences: true}
//           - {at: 30m, resolve: {alertname: Down, severity: page}}
//         notifications:                         # all of them, in any order
//           - {at: 30s, receiver: pager, firing: [{alertname: Down}]}

#include <string>
#include <string_view>
#include <vector>

#include "alerts/route_test.h"
#include "core/mistake.h"

namespace sluice::config {

struct LoadedRouteTests {
  std::string alertmanager_file;  // resolved against the folder of the test file
  std::vector<alerts::RouteTest> tests;
  Mistakes mistakes;
};

LoadedRouteTests load_route_test_file(const std::string& path, std::string_view text);

// Reads the test file and its alertmanager.yml, runs all tests and appends "FILE:LINE: message" for each
// mistake and failure. The answer is how many tests passed and failed; a file that cannot be read is one
// failure.
struct RouteTestsResult {
  int passed = 0;
  int failed = 0;
  bool unreadable = false;
  std::vector<std::string> messages;
};
RouteTestsResult run_route_test_file(const std::string& path);

}  // namespace sluice::config
