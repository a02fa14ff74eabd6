#include "alerts/route.h"

#include <gtest/gtest.h>

#include "core/check.h"

namespace sluice::alerts {
namespace {

Matcher matcher(MatchOp op, const char* name, const char* value) {
  auto made = Matcher::make(op, name, value);
  SLUICE_CHECK(made.has_value(), "the test's matchers are good");
  return *made;
}

Route route(const char* receiver, std::vector<Matcher> matchers, std::vector<Route> routes = {},
            bool go_on = false) {
  Route out;
  out.receiver = receiver;
  out.matchers = std::move(matchers);
  out.routes = std::move(routes);
  out.continue_matching = go_on;
  return out;
}

// The tree of the example in Alertmanager's documentation, in small.
Route a_tree() {
  return route("default", {},
               {route("db", {matcher(MatchOp::kRegex, "service", "mysql|cassandra")}, {}),
                route("front", {matcher(MatchOp::kEqual, "team", "front")},
                      {route("front-page", {matcher(MatchOp::kEqual, "severity", "page")}, {}, true),
                       route("front-log", {matcher(MatchOp::kNotEqual, "env", "test")})},
                      true),
                route("audit", {matcher(MatchOp::kEqual, "team", "front")})});
}

std::vector<std::string> receivers(const RouteTree& tree, const Labels& labels) {
  std::vector<std::string> out;
  for (const size_t index : tree.match(labels)) out.push_back(tree.node(index).route->receiver);
  return out;
}

TEST(RouteTest, the_deepest_match_takes_it_and_continue_goes_on_to_siblings) {
  const Route root = a_tree();
  const RouteTree tree(root);
  using Names = std::vector<std::string>;
  const std::pair<Labels, Names> cases[] = {
      {{}, {"default"}},
      {{{"service", "mysql"}}, {"db"}},
      {{{"service", "mysql2"}}, {"default"}},  // regexes are anchored
      {{{"service", "mysql"}, {"team", "front"}}, {"db"}},
      {{{"team", "front"}, {"env", "test"}}, {"front", "audit"}},
      {{{"team", "front"}, {"env", "prod"}}, {"front-log", "audit"}},
      {{{"team", "front"}, {"severity", "page"}}, {"front-page", "front-log", "audit"}},
  };
  for (const auto& [labels, names] : cases) EXPECT_EQ(receivers(tree, labels), names) << labels.to_string();
}

TEST(RouteTest, keys_are_the_path_of_matchers) {
  const Route root = a_tree();
  const RouteTree tree(root);
  std::vector<std::string> keys;
  for (size_t i = 0; i < tree.size(); ++i) keys.push_back(tree.node(i).key);
  EXPECT_EQ(keys[0], "{}");
  EXPECT_NE(std::find(keys.begin(), keys.end(), "{}/{service=~\"mysql|cassandra\"}"), keys.end())
      << "not among: " << keys[1];
  EXPECT_NE(std::find(keys.begin(), keys.end(), "{}/{team=\"front\"}/{severity=\"page\"}"), keys.end());
}

TEST(RouteTest, groups_have_the_labels_that_the_alert_has) {
  Route one = route("r", {});
  one.group_by = {"alertname", "cluster"};
  const Labels labels{{"alertname", "Down"}, {"instance", "a"}};
  EXPECT_EQ(group_labels(one, labels), (Labels{{"alertname", "Down"}}));
  one.group_by.clear();
  EXPECT_EQ(group_labels(one, labels), Labels{});
  one.group_by_all = true;
  EXPECT_EQ(group_labels(one, labels), labels);
}

TEST(RouteTest, group_keys_are_alertmanagers) {
  EXPECT_EQ(group_key("{}/{team=\"a\"}", Labels{{"alertname", "Down"}, {"job", "x"}}),
            "{}/{team=\"a\"}:{alertname=\"Down\", job=\"x\"}");
  EXPECT_EQ(group_key("{}", {}), "{}:{}");
}

}  // namespace
}  // namespace sluice::alerts
