#include "agent/config/route_test_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/suites.h"

namespace sluice::config {
namespace {

constexpr const char* kAlertmanager = R"(
route:
  receiver: ops
  group_by: [alertname]
  routes:
    - matchers: ['severity="page"']
      receiver: pager
      mute_time_intervals: [lunch]
time_intervals:
  - name: lunch
    time_intervals: [{times: [{start_time: '12:00', end_time: '13:00'}], location: Europe/Berlin}]
inhibit_rules:
  - {source_matchers: [alertname=NodeDown], target_matchers: [alertname=Slow], equal: [instance]}
receivers:
  - {name: ops, webhook_configs: [{url: 'http://ops'}, {url: 'http://ops2'}]}
  - {name: pager, pagerduty_configs: [{routing_key: k}]}
)";

class RouteTestFileTest : public testing::Test {
 protected:
  RouteTestFileTest() : folder_(std::filesystem::path(testing::TempDir()) / "sluice_route_test_file") {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "alertmanager.yml") << kAlertmanager;
  }
  ~RouteTestFileTest() override { std::filesystem::remove_all(folder_); }

  RouteTestsResult run(const std::string& tests) {
    const std::string path = (folder_ / "tests.yml").string();
    std::ofstream(path) << "alertmanager_file: alertmanager.yml\ntests:\n" << tests;
    return run_route_test_file(path);
  }
  std::string message(const RouteTestsResult& result) const {
    std::string out;
    for (const std::string& one : result.messages) out += one.substr(folder_.string().size() + 1) + "\n";
    return out;
  }

  std::filesystem::path folder_;
};

TEST_F(RouteTestFileTest, routing_inhibition_silences_and_time_are_played) {
  const RouteTestsResult result = run(R"(
  - name: who
    routes:
      - {labels: {severity: page}, receivers: [pager]}
      - {labels: {severity: other}, receivers: [ops]}
  - name: lunch in Berlin is quiet, its end is told at the next flush
    start: 2026-07-06T10:00:00Z
    lasts: 2h
    events:
      - {at: 10s, fire: {alertname: Down, severity: page}}
    notifications:
      - {at: 1h40s, receiver: pager, firing: [{alertname: Down}]}
  - name: the cause keeps the consequence quiet
    events:
      - {at: 0s, fire: {alertname: NodeDown, instance: a}}
      - {at: 0s, fire: {alertname: Slow, instance: a}}
      - {at: 20m, resolve: {alertname: NodeDown, instance: a}}
    notifications:
      - {at: 30s, receiver: ops, firing: [{alertname: NodeDown}]}
      - {at: 20m30s, receiver: ops, resolved: [{alertname: NodeDown}]}
      - {at: 20m30s, receiver: ops, firing: [{alertname: Slow}]}
  - name: a silence holds, and is ended
    events:
      - {at: 0s, silence: ['alertname="Down"'], for: 5h}
      - {at: 1s, fire: {alertname: Down}}
      - {at: 12m, expire_silences: true}
    notifications:
      - {at: 15m31s, receiver: ops, firing: [{alertname: Down}]}
)");
  EXPECT_EQ(message(result), "");
  EXPECT_EQ(result.passed, 4);
  EXPECT_EQ(result.failed, 0);
}

TEST_F(RouteTestFileTest, the_example_passes) {
  const RouteTestsResult result =
      run_route_test_file(std::string(SLUICE_SOURCE_DIR) + "/deploy/config/routes/routes_test.yml");
  EXPECT_EQ(result.messages, std::vector<std::string>());
  EXPECT_EQ(result.failed, 0);
  EXPECT_GE(result.passed, 6);
}

TEST_F(RouteTestFileTest, what_is_missing_and_what_is_too_much_is_told) {
  const RouteTestsResult result = run(R"(
  - name: wrong
    routes: [{labels: {severity: page}, receivers: [ops]}]
    events: [{at: 0s, fire: {alertname: Down}}]
    notifications:
      - {at: 30s, receiver: pager, firing: [{alertname: Down}]}
)");
  EXPECT_EQ(result.failed, 1);
  EXPECT_EQ(message(result),
            "tests.yml:5: wrong: {severity=\"page\"} goes to pager, not to ops\n"
            "tests.yml:8: wrong: expected but not sent: 30s pager firing {alertname=\"Down\"}\n"
            "tests.yml:4: wrong: sent but not expected: 30s ops firing {alertname=\"Down\"}\n");
}

TEST_F(RouteTestFileTest, mistakes_in_the_file_have_their_place) {
  const RouteTestsResult result = run("  - {evnts: [], events: [{at: 1s}], notifications: [{at: 1s}]}\n");
  EXPECT_TRUE(result.unreadable);
  const std::string text = message(result);
  for (const char* part :
       {"unknown key \"evnts\"", "an event is one of fire, resolve, silence or expire_silences",
        "receiver is missing"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

}  // namespace
}  // namespace sluice::config
