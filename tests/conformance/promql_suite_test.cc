// Prometheus's own test scripts for PromQL, as many of them as lie in the suites.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "rules/promql/script_test.h"
#include "tests/support/suites.h"

namespace sluice::promql {
namespace {

TEST(PromqlSuiteTest, passes_all_that_needs_no_native_histogram_and_no_experimental_function) {
  SLUICE_REQUIRE_SUITE(folder, "promql");
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".test") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  ASSERT_FALSE(files.empty());
  size_t passed = 0, skipped = 0;
  for (const std::string& file : files) {
    const ScriptReport report = run_script(support::read_file(file));
    const std::string name = std::filesystem::path(file).filename().string();
    for (const auto& finding : report.failures) ADD_FAILURE() << to_string(finding, name);
    for (const auto& finding : report.skipped) std::cout << "skipped: " << to_string(finding, name) << "\n";
    EXPECT_GT(report.passed, 0u) << name;
    passed += report.passed;
    skipped += report.skipped.size();
  }
  std::cout << passed << " passed, " << skipped << " beyond us\n";
}

}  // namespace
}  // namespace sluice::promql
