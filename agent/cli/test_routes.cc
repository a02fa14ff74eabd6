// sluice test routes: timelines played against an alertmanager.yml, one line per failure and a count out.

#include <fmt/format.h>

#include "agent/cli/commands.h"
#include "agent/cli/print.h"
#include "agent/config/route_test_file.h"

namespace sluice::cli {

int test_routes(const std::vector<std::string>& files) {
  int passed = 0, failed = 0;
  bool unreadable = false;
  for (const std::string& path : files) {
    const config::RouteTestsResult result = config::run_route_test_file(path);
    for (const std::string& message : result.messages) print_line(message);
    passed += result.passed;
    failed += result.failed;
    unreadable = unreadable || result.unreadable;
  }
  print_line(fmt::format("{} passed, {} failed", passed, failed));
  return unreadable ? kUsage : failed > 0 ? kFailed : kFine;
}

}  // namespace sluice::cli
