// The packs we ship: each loads, each alert has a runbook, and each is seen firing and not firing in a unit
// test.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <set>

#include "agent/config/rule_file.h"
#include "agent/config/rule_test_file.h"
#include "alerts/notify/notifier.h"
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

TEST(RulePackTest, a_value_comes_with_its_threshold) {
  for_each_alert([&](const rules::Rule& rule) {
    EXPECT_EQ(rule.annotations.get("value").empty(), rule.annotations.get("threshold").empty()) << rule.alert;
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

Labels labels_of(const std::map<std::string, std::string>& pairs) {
  std::vector<Label> labels;
  for (const auto& [name, value] : pairs) labels.push_back({name, value});
  return Labels::from(std::move(labels));
}

// The text that Slack shows of an alert, in our look.
std::string slack_text(const rules::ExpectedAlert& expected, const std::string& name, bool resolved) {
  auto alert = std::make_shared<Alert>();
  alert->labels = labels_of(expected.labels).with("alertname", name);
  alert->annotations = labels_of(expected.annotations);
  alert->starts_at = from_unix_ms(1767225600000);
  alert->ends_at = alert->starts_at + 90s;
  alerts::SlackConfig slack;
  slack.api_url.value = "http://127.0.0.1:1/slack";
  auto to = std::make_shared<alerts::Integration>();
  to->receiver = "slack";
  to->config = slack;
  alerts::Delivery delivery;
  delivery.to = to;
  alerts::Notification notification;
  notification.group_labels = {{"alertname", name}};
  notification.now = alert->starts_at + 90s;
  notification.alerts = {{alert, resolved}};
  delivery.notifications = {notification};
  alerts::notify::NotifierOptions options;
  options.external_url = "http://sluice.example:9808";
  options.agent = "node-7 (zone b)";
  Mistakes mistakes;
  const auto notifier = alerts::notify::Notifier::make(std::make_shared<alerts::Config>(), options, mistakes);
  const auto request = notifier->to_request(delivery, [](const std::string&) { return invalid("no file"); });
  EXPECT_TRUE(request);
  return request
             ? std::string(
                   boost::json::parse(request->request.body).at("attachments").at(0).at("text").as_string())
             : "";
}

TEST(RulePackTest, slack_shows_what_why_how_much_and_where_to_look) {
  std::map<std::string, const rules::Rule*> by_name;
  for_each_alert([&](const rules::Rule& rule) { by_name[rule.alert] = &rule; });
  size_t seen = 0;
  for (const Pack& pack : packs()) {
    const std::string path = kRoot + "tests/rules/packs/" + pack.name + "_test.yml";
    for (const rules::RuleTest& test : load_rule_test_file(path, support::read_file(path)).file.tests) {
      for (const rules::AlertRuleTest& check : test.alert_tests) {
        for (const rules::ExpectedAlert& expected : check.expected) {
          ++seen;
          const std::string text = slack_text(expected, check.alertname, false);
          const auto annotation = [&](const std::string& key) {
            const auto at = expected.annotations.find(key);
            return at == expected.annotations.end() ? std::string() : at->second;
          };
          std::vector<std::string> parts = {
              "* for 1m30s, since 2026-01-01 00:00:00 UTC",
              "seen from: node-7 (zone b)",
              "severity: " + expected.labels.at("severity"),
              "<http://sluice.example:9808/runbooks/" + check.alertname + ".md|Runbook>",
              "<http://sluice.example:9808/|Dashboard>",
              "<http://sluice.example:9808/#/silences/new?filter=%7Balertname%3D%22"};
          const Labels& written = by_name.at(check.alertname)->annotations;
          if (!written.get("reason").empty()) parts.push_back("reason: `" + annotation("reason") + "`");
          if (!written.get("value").empty())
            parts.push_back("value: " + annotation("value") + " (threshold " + annotation("threshold") + ")");
          for (const std::string& part : parts) EXPECT_NE(text.find(part), text.npos) << part << "\n" << text;
          const std::string over = slack_text(expected, check.alertname, true);
          EXPECT_NE(over.find("* is over after 1m30s (00:00:00 to 00:01:30 UTC)"), over.npos) << over;
        }
      }
    }
  }
  EXPECT_GE(seen, by_name.size());
}

}  // namespace
}  // namespace sluice::config
