// sluice promql test FILE...

#include <fmt/format.h>

#include "agent/cli/commands.h"
#include "agent/cli/print.h"
#include "core/file/file.h"
#include "rules/promql/script_test.h"

namespace sluice::cli {

int promql_test(const PromqlTestOptions& options) {
  size_t passed = 0, failed = 0, skipped = 0;
  for (const std::string& file : options.files) {
    const Result<std::string> text = file::read(file);
    if (!text) {
      print_error(text.error().message);
      return kUsage;
    }
    const promql::ScriptReport report = promql::run_script(*text);
    for (const auto& failure : report.failures) print_line(promql::to_string(failure, file));
    if (options.show_skipped) {
      for (const auto& one : report.skipped) print_line("skipped: " + promql::to_string(one, file));
    }
    passed += report.passed;
    failed += report.failures.size();
    skipped += report.skipped.size();
  }
  if (skipped > 0) {
    print_error(fmt::format("{} skipped: they need native histograms or experimental features{}", skipped,
                            options.show_skipped ? "" : " (--show-skipped names them)"));
  }
  print_line(fmt::format("{} passed, {} failed", passed, failed));
  return failed == 0 ? kFine : kFailed;
}

}  // namespace sluice::cli
