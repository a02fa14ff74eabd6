// The packs we ship: each loads, each alert has a runbook, and each is seen firing and not firing in a unit
// test.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "agent/config/rule_file.h"
#include "agent/config/rule_test_file.h"
#include "tests/support/suites.h"

namespace sluice::config {
namespace {

const std::string kRoot = std::string(SLUICE_SOURCE_DIR) + "/";

struct Pack {
  std::string name;
  rules::RuleFile file;
};

const std::vector<Pack>& packs() {
  static const std::vector<Pack> all = [] {
    std::vector<Pack> out;
    for (const auto& entry : std::filesystem::directory_iterator(kRoot + "rules/packs")) {
      LoadedRuleFile loaded =
          load_rule_file(entry.path().string(), support::read_file(entry.path().string()));
      for (const Mistake& mistake : loaded.mistakes) ADD_FAILURE() << mistake.to_string();
      out.push_back({entry.path().stem().string(), std::move(loaded.file)});
    }
    return out;
  }();
  return all;
}

template <typename Visit>
void for_each_alert(Visit&& visit) {
  for (const Pack& pack : packs()) {
    for (const rules::RuleGroup& group : pack.file.groups) {
      for (const rules::Rule& rule : group.rules) {
        if (rule.is_alert()) visit(rule);
      }
    }
  }
}

TEST(RulePackTest, there_are_packs) {
  EXPECT_GE(packs().size(), 5u);
}

TEST(RulePackTest, every_alert_says_what_it_is_and_where_to_read_on) {
  std::set<std::string> names;
  for_each_alert([&](const rules::Rule& rule) {
    EXPECT_TRUE(names.insert(rule.alert).second) << rule.alert << " exists twice";
    const std::string_view severity = rule.labels.get("severity");
    EXPECT_TRUE(severity == "critical" || severity == "warning") << rule.alert;
    EXPECT_NE(rule.annotations.get("summary"), "") << rule.alert;
    EXPECT_NE(rule.annotations.get("description"), "") << rule.alert;
    EXPECT_EQ(rule.annotations.get("runbook_url"), "{{ $externalURL }}/runbooks/" + rule.alert + ".md");
  });
}

TEST(RulePackTest, every_alert_has_a_runbook_and_every_runbook_an_alert) {
  std::set<std::string> alerts, runbooks;
  for_each_alert([&](const rules::Rule& rule) { alerts.insert(rule.alert); });
  for (const auto& entry : std::filesystem::directory_iterator(kRoot + "rules/runbooks")) {
    runbooks.insert(entry.path().stem().string());
    const std::string text = support::read_file(entry.path().string());
    for (const char* heading : {"## What it means", "## First checks", "## What to do"}) {
      EXPECT_NE(text.find(heading), std::string::npos) << entry.path() << " lacks: " << heading;
    }
  }
  EXPECT_EQ(alerts, runbooks);
}

TEST(RulePackTest, unit_tests_pass_and_see_every_alert_fire_and_not_fire) {
  std::map<std::string, std::set<bool>> seen;
  for (const Pack& pack : packs()) {
    const std::string path = kRoot + "tests/rules/packs/" + pack.name + "_test.yml";
    const LoadedRuleTestFile loaded = load_rule_test_file(path, support::read_file(path));
    for (const Mistake& mistake : loaded.mistakes) ADD_FAILURE() << mistake.to_string();
    const rules::TestReport report = rules::run_rule_tests(loaded.file, {pack.file});
    for (const rules::TestFailure& failure : report.failures) {
      ADD_FAILURE() << path << ":" << failure.at.line << ":\n" << failure.message;
    }
    for (const rules::RuleTest& test : loaded.file.tests) {
      for (const rules::AlertRuleTest& check : test.alert_tests)
        seen[check.alertname].insert(!check.expected.empty());
    }
  }
  for_each_alert([&](const rules::Rule& rule) {
    EXPECT_EQ(seen[rule.alert].size(), 2u) << rule.alert << " is not seen both firing and not firing";
  });
}

}  // namespace
}  // namespace sluice::config
