// sluice test rules: test files in, one line per failure and a count out.

#include <fmt/format.h>
#include <glob.h>

#include <filesystem>

#include "agent/cli/commands.h"
#include "agent/cli/print.h"
#include "agent/config/rule_file.h"
#include "agent/config/rule_test_file.h"
#include "core/file/file.h"
#include "rules/rule_test.h"

namespace sluice::cli {
namespace {

struct Count {
  size_t passed = 0, failed = 0, unreadable = 0;
  int exit_code() const { return unreadable > 0 ? kUsage : failed > 0 ? kFailed : kFine; }
};

std::vector<std::string> expand(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> files;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return files;
}

// The rule files a test file names; mistakes in them fail its tests, patterns that match nothing do not: so
// it is with promtool.
std::vector<rules::RuleFile> load_rule_files(const rules::RuleTestFile& test, Mistakes& mistakes) {
  std::vector<rules::RuleFile> files;
  const std::string folder = std::filesystem::path(test.path).parent_path().string();
  for (const std::string& pattern : test.rule_files) {
    const std::string path = pattern.starts_with('/') || folder.empty() ? pattern : folder + "/" + pattern;
    const std::vector<std::string> matches = expand(path);
    if (matches.empty())
      print_warnings({{test.path, 0, 0, fmt::format("no rule file matches {}", quote(pattern))}});
    for (const std::string& match : matches) {
      const Result<std::string> text = file::read(match);
      if (text.has_error()) {
        mistakes.push_back({match, 0, 0, text.error().message});
        continue;
      }
      config::LoadedRuleFile loaded = config::load_rule_file(match, *text);
      print_warnings(loaded.warnings);
      for (Mistake& mistake : loaded.mistakes) mistakes.push_back(std::move(mistake));
      files.push_back(std::move(loaded.file));
    }
  }
  return files;
}

void test_rule_file(const std::string& path, Count& count) {
  const Result<std::string> text = file::read(path);
  if (text.has_error()) {
    print_error(text.error().message);
    ++count.unreadable;
    return;
  }
  config::LoadedRuleTestFile loaded = config::load_rule_test_file(path, *text);
  Mistakes mistakes = std::move(loaded.mistakes);
  std::vector<rules::RuleFile> files;
  if (mistakes.empty()) files = load_rule_files(loaded.file, mistakes);
  if (!mistakes.empty()) {
    print_mistakes(mistakes);
    ++count.failed;
    return;
  }
  const rules::TestReport report = rules::run_rule_tests(loaded.file, files);
  for (const rules::TestFailure& failure : report.failures) {
    print_line(Mistake{path, failure.at.line, failure.at.column, failure.message}.to_string());
  }
  count.passed += report.passed;
  count.failed += report.failed;
}

}  // namespace

int test_rules(const std::vector<std::string>& files) {
  Count count;
  for (const std::string& path : files) test_rule_file(path, count);
  print_line(fmt::format("{} passed, {} failed", count.passed, count.failed));
  return count.exit_code();
}

}  // namespace sluice::cli
