#pragma once
// promtool's rule test files: YAML to rules::RuleTestFile.

#include <string>
#include <string_view>

#include "core/mistake.h"
#include "rules/rule_test.h"

namespace sluice::config {

struct LoadedRuleTestFile {
  rules::RuleTestFile file;
  Mistakes mistakes;
};

// `path` is for messages; neither it nor the rule files it names are opened.
LoadedRuleTestFile load_rule_test_file(const std::string& path, std::string_view text);

}  // namespace sluice::config
