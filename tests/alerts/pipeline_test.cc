#include "alerts/pipeline.h"

#include <gtest/gtest.h>

#include "tests/alerts/pipeline_script.h"

namespace sluice::alerts {
namespace {

using script::check;

TEST(PipelineTest, tells_after_group_wait_and_resolves_at_the_next_group_interval) {
  check(R"(
config
receiver ops webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h

at 0s fire A
at 1m resolve A
until 1h
----
30s ops/webhook/0 {alertname="A"} firing: A
5m30s ops/webhook/0 {alertname="A"} resolved: A
)");
}

TEST(PipelineTest, alerts_that_come_within_group_wait_share_a_message) {
  check(R"(
config
receiver ops webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h

at 0s fire A instance=1
at 10s fire A instance=2
at 29s fire B
until 2m
----
30s ops/webhook/0 {alertname="A"} firing: A/1,A/2
59s ops/webhook/0 {alertname="B"} firing: B
)");
}

TEST(PipelineTest, an_alert_that_is_over_before_group_wait_is_never_told) {
  check(R"(
config
receiver ops webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h

at 0s fire A
at 20s resolve A
until 1h
----
)");
}

TEST(PipelineTest, new_alerts_join_at_the_next_group_interval) {
  check(R"(
config
receiver ops webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h

at 0s fire A instance=1
at 1m fire A instance=2
at 6m resolve A instance=1
until 20m
----
30s ops/webhook/0 {alertname="A"} firing: A/1
5m30s ops/webhook/0 {alertname="A"} firing: A/1,A/2
10m30s ops/webhook/0 {alertname="A"} firing: A/2 resolved: A/1
)");
}

TEST(PipelineTest, repeats_exactly_after_repeat_interval) {
  check(R"(
config
receiver ops webhook
route * -> ops by alertname wait 30s interval 5m repeat 7m

at 0s fire A
until 30m
----
30s ops/webhook/0 {alertname="A"} firing: A
7m30s ops/webhook/0 {alertname="A"} firing: A
14m30s ops/webhook/0 {alertname="A"} firing: A
21m30s ops/webhook/0 {alertname="A"} firing: A
28m30s ops/webhook/0 {alertname="A"} firing: A
)");
}

TEST(PipelineTest, groups_by_every_label_when_told_so) {
  check(R"(
config
receiver ops webhook
route * -> ops by ... wait 10s interval 5m repeat 4h

at 0s fire A instance=1
at 0s fire A instance=2
until 1m
----
10s ops/webhook/0 {alertname="A", instance="1"} firing: A/1
10s ops/webhook/0 {alertname="A", instance="2"} firing: A/2
)");
}

TEST(PipelineTest, every_integration_of_every_matching_route_is_told) {
  check(R"(
config
receiver ops webhook
receiver ops webhook no_resolved
receiver pager pagerduty
route * -> ops by alertname wait 10s interval 1m repeat 4h
  route severity=page -> pager continue
  route severity=~"page|ticket" -> ops

at 0s fire A severity=page
at 30s resolve A severity=page
until 10m
----
10s pager/pagerduty/0 {alertname="A"} firing: A
10s ops/webhook/0 {alertname="A"} firing: A
10s ops/webhook/1 {alertname="A"} firing: A
1m10s pager/pagerduty/0 {alertname="A"} resolved: A
1m10s ops/webhook/0 {alertname="A"} resolved: A
)");
}

TEST(PipelineTest, without_send_resolved_a_second_episode_is_told_again) {
  check(R"(
config
receiver ops webhook no_resolved
route * -> ops by alertname wait 10s interval 1m repeat 4h

at 0s fire A
at 0s fire A instance=2
at 30s resolve A
at 30s resolve A instance=2
at 75s fire A
until 10m
----
10s ops/webhook/0 {alertname="A"} firing: A/2,A
1m25s ops/webhook/0 {alertname="A"} firing: A
)");
}

TEST(PipelineTest, an_old_alert_is_told_at_once) {
  Config config;
  auto integration = std::make_shared<Integration>();
  integration->receiver = "ops";
  integration->config = WebhookConfig{};
  config.receivers = {{"ops", {integration}}};
  config.route.receiver = "ops";
  Pipeline pipeline(std::make_shared<const Config>(config), {});
  Alert alert;
  alert.labels = Labels{{"alertname", "A"}};
  alert.starts_at = script::kEpoch - 10min;
  alert.ends_at = script::kEpoch + 10min;
  EXPECT_EQ(pipeline.step(script::kEpoch, std::span(&alert, 1)).send.size(), 1u);
}

TEST(PipelineTest, an_alert_nobody_repeats_ends_by_itself) {
  Config config;
  auto integration = std::make_shared<Integration>();
  integration->receiver = "ops";
  integration->send_resolved = true;
  integration->config = WebhookConfig{};
  config.receivers = {{"ops", {integration}}};
  config.route.receiver = "ops";
  config.route.group_wait = 0s;
  Pipeline pipeline(std::make_shared<const Config>(config), {});
  Alert alert;
  alert.labels = Labels{{"alertname", "A"}};
  Timestamp now = script::kEpoch;
  Effects effects = pipeline.step(now, std::span(&alert, 1));
  ASSERT_EQ(effects.send.size(), 1u);
  EXPECT_EQ(effects.send[0].notifications[0].alerts[0].alert->ends_at, now + std::chrono::minutes(5));
  pipeline.on_delivery(now, effects.send[0].id, {});
  now = *pipeline.next_wake();
  effects = pipeline.step(now);
  ASSERT_EQ(effects.send.size(), 1u);
  EXPECT_FALSE(effects.send[0].notifications[0].firing());
}

// --- silences, inhibition, mute times: and the end is told all the same ---

TEST(PipelineTest, a_silenced_alert_is_not_told_until_the_silence_is_over) {
  check(R"(
config
receiver ops webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h

at 0s silence alertname=A for 12m
at 1s fire A
at 1s fire B
until 1h
----
31s ops/webhook/0 {alertname="B"} firing: B
15m31s ops/webhook/0 {alertname="A"} firing: A
)");
}

TEST(PipelineTest, what_was_told_is_resolved_although_it_is_silenced) {
  check(R"(
config
receiver pager pagerduty
route * -> pager by alertname wait 30s interval 5m repeat 1h

at 0s fire A
at 1m silence alertname=A for 10h
at 2h resolve A
until 3h
----
30s pager/pagerduty/0 {alertname="A"} firing: A
2h30s pager/pagerduty/0 {alertname="A"} resolved: A
)");
}

TEST(PipelineTest, a_silenced_alert_that_was_never_told_is_not_resolved_either) {
  check(R"(
config
receiver pager pagerduty
route * -> pager by alertname wait 30s interval 5m repeat 1h

at 0s silence alertname=A for 10h
at 1s fire A
at 2h resolve A
until 3h
----
)");
}

TEST(PipelineTest, a_cause_keeps_its_consequences_quiet) {
  check(R"(
config
receiver ops webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h
inhibit alertname=NodeDown > severity=warning equal instance

at 0s fire NodeDown instance=1
at 1s fire Slow severity=warning instance=1
at 1s fire Slow severity=warning instance=2
at 6m resolve NodeDown instance=1
until 20m
----
30s ops/webhook/0 {alertname="NodeDown"} firing: NodeDown/1
31s ops/webhook/0 {alertname="Slow"} firing: Slow/2
10m30s ops/webhook/0 {alertname="NodeDown"} resolved: NodeDown/1
10m31s ops/webhook/0 {alertname="Slow"} firing: Slow/1,Slow/2
)");
}

TEST(PipelineTest, what_was_told_is_resolved_although_it_is_inhibited) {
  check(R"(
config
receiver ops webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h
inhibit alertname=NodeDown > severity=warning equal instance

at 0s fire Slow severity=warning instance=1
at 1m fire NodeDown instance=1
at 2m resolve Slow severity=warning instance=1
until 20m
----
30s ops/webhook/0 {alertname="Slow"} firing: Slow/1
1m30s ops/webhook/0 {alertname="NodeDown"} firing: NodeDown/1
5m30s ops/webhook/0 {alertname="Slow"} resolved: Slow/1
)");
}

TEST(PipelineTest, mute_times_hold_back_the_beginning_but_not_the_end) {
  check(R"(
config
receiver ops webhook
times night 00:00-06:00
times day 08:00-20:00
route * -> ops by alertname wait 30s interval 1h repeat 100h
  route team=a -> ops mute night
  route team=b -> ops active day

at 5h fire A team=a
at 5h fire B team=b
at 23h resolve B team=b
at 24h30m resolve A team=a
until 48h
----
6h30s ops/webhook/0 {alertname="A"} firing: A
8h30s ops/webhook/0 {alertname="B"} firing: B
23h30s ops/webhook/0 {alertname="B"} resolved: B
1d1h30s ops/webhook/0 {alertname="A"} resolved: A
)");
}

// --- receivers that do not take it ---

TEST(PipelineTest, a_busy_receiver_is_asked_again_when_it_said_so) {
  check(R"(
config
receiver ops webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h

at 0s answer ops/webhook/0 busy 45s
at 0s fire A
at 1m answer ops/webhook/0 ok
until 10m
----
30s ops/webhook/0 {alertname="A"} firing: A (busy)
1m15s ops/webhook/0 {alertname="A"} firing: A
)");
}

TEST(PipelineTest, a_message_is_composed_when_it_leaves) {
  check(R"(
config
receiver ops webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h

at 0s answer ops/webhook/0 busy 10m
at 0s fire A instance=1
at 1m fire A instance=2
at 2m resolve A instance=1
at 3m answer ops/webhook/0 ok
until 1h
----
30s ops/webhook/0 {alertname="A"} firing: A/1 (busy)
10m30s ops/webhook/0 {alertname="A"} firing: A/2 resolved: A/1
)");
}

TEST(PipelineTest, an_alert_that_was_over_before_the_receiver_came_back_is_told_as_over) {
  check(R"(
config
receiver ops webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h

at 0s answer ops/webhook/0 busy 1h
at 0s fire A
at 2m resolve A
at 3m answer ops/webhook/0 ok
until 3h
----
30s ops/webhook/0 {alertname="A"} firing: A (busy)
1h30s ops/webhook/0 {alertname="A"} resolved: A
)");
}

TEST(PipelineTest, slack_is_told_once_a_second_and_what_waited_is_merged) {
  check(R"(
config
receiver chat slack
route * -> chat by alertname wait 30s interval 5m repeat 4h

at 0s fire A
at 0s fire B
at 0s fire C
at 0s fire D
until 2m
----
30s chat/slack/0 {alertname="A"} firing: A
31s chat/slack/0 {alertname="B"} firing: B
  + {alertname="C"} firing: C
  + {alertname="D"} firing: D
)");
}

TEST(PipelineTest, what_came_while_slack_was_busy_is_merged) {
  check(R"(
config
receiver chat slack
route * -> chat by alertname wait 30s interval 5m repeat 4h

at 0s answer chat/slack/0 busy 60s
at 0s fire A
at 10s fire B
at 40s answer chat/slack/0 ok
at 50s fire C
until 5m
----
30s chat/slack/0 {alertname="A"} firing: A (busy)
1m30s chat/slack/0 {alertname="B"} firing: B
  + {alertname="C"} firing: C
  + {alertname="A"} firing: A
)");
}

TEST(PipelineTest, a_refused_message_is_dropped_and_another_receiver_hears_of_it) {
  check(R"(
config
receiver ops webhook
receiver backup webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h

at 0s answer ops/webhook/0 refuse
at 0s fire A
at 10m resolve A
until 1h
----
30s ops/webhook/0 {alertname="A"} firing: A (refused)
1m backup/webhook/0 {alertname="SluiceNotificationRefused"} firing: SluiceNotificationRefused
31m backup/webhook/0 {alertname="SluiceNotificationRefused"} resolved: SluiceNotificationRefused
)");
}

TEST(PipelineTest, a_refused_message_is_tried_again_when_it_says_more) {
  check(R"(
config
receiver ops webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h

at 0s answer ops/webhook/0 refuse
at 0s fire A instance=1
at 1m answer ops/webhook/0 ok
at 8m fire A instance=2
at 11m resolve A instance=1
at 11m resolve A instance=2
until 1h
----
30s ops/webhook/0 {alertname="A"} firing: A/1 (refused)
10m30s ops/webhook/0 {alertname="A"} firing: A/1,A/2
15m30s ops/webhook/0 {alertname="A"} resolved: A/1,A/2
)");
}

// --- death and change ---

TEST(PipelineTest, a_kill_neither_repeats_nor_forgets) {
  check(R"(
config
receiver pager pagerduty
route * -> pager by alertname wait 30s interval 5m repeat 4h

at 0s fire A
at 1m kill
at 2m resolve A
at 3m kill
until 1h
----
30s pager/pagerduty/0 {alertname="A"} firing: A
5m30s pager/pagerduty/0 {alertname="A"} resolved: A
)");
}

TEST(PipelineTest, a_message_whose_answer_was_lost_is_resolved_even_if_nothing_says_it_arrived) {
  check(R"(
config
receiver pager pagerduty
route * -> pager by alertname wait 30s interval 5m repeat 4h

at 0s answer pager/pagerduty/0 lost
at 0s fire A
at 30s kill
at 30s silence alertname=A for 5h
at 31s answer pager/pagerduty/0 ok
at 2m resolve A
until 1h
----
30s pager/pagerduty/0 {alertname="A"} firing: A (answer lost)
5m30s pager/pagerduty/0 {alertname="A"} resolved: A
)");
}

TEST(PipelineTest, an_alert_that_returns_joins_the_groups_that_had_let_go_of_it) {
  check(R"(
config
receiver ops webhook
receiver pager pagerduty
route * -> ops by alertname wait 10s interval 1m repeat 4h
  route alertname=A -> pager continue
  route alertname=A -> ops

at 0s fire A
at 20s answer ops/webhook/0 busy 10m
at 30s resolve A
at 2m fire A
at 3m answer ops/webhook/0 ok
until 30m
----
10s pager/pagerduty/0 {alertname="A"} firing: A
10s ops/webhook/0 {alertname="A"} firing: A
1m10s pager/pagerduty/0 {alertname="A"} resolved: A
1m10s ops/webhook/0 {alertname="A"} resolved: A (busy)
2m10s pager/pagerduty/0 {alertname="A"} firing: A
)");
}

TEST(PipelineTest, an_alert_that_returns_while_the_answer_to_its_end_is_lost_is_told_again) {
  check(R"(
config
receiver pager pagerduty
route * -> pager by alertname wait 10s interval 1m repeat 4h

at 0s fire A
at 20s answer pager/pagerduty/0 lost 30s
at 30s resolve A
at 80s fire A
at 80s answer pager/pagerduty/0 ok
until 3m
----
10s pager/pagerduty/0 {alertname="A"} firing: A
1m10s pager/pagerduty/0 {alertname="A"} resolved: A (answer lost)
1m40s pager/pagerduty/0 {alertname="A"} firing: A
)");
}

TEST(PipelineTest, a_reload_keeps_what_did_not_change) {
  check(R"(
config
receiver ops webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h

at 0s fire A
at 1m reload
receiver ops webhook
receiver dba webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h
  route team=db -> dba

at 2m resolve A
until 1h
----
30s ops/webhook/0 {alertname="A"} firing: A
5m30s ops/webhook/0 {alertname="A"} resolved: A
)");
}

TEST(PipelineTest, after_a_reload_that_routes_elsewhere_the_old_receiver_still_hears_the_end) {
  check(R"(
config
receiver pager pagerduty
route * -> pager by alertname wait 30s interval 5m repeat 4h

at 0s fire A
at 1m reload
receiver ops webhook
route * -> ops by alertname wait 30s interval 5m repeat 4h

at 2m resolve A
until 1h
----
30s pager/pagerduty/0 {alertname="A"} firing: A
1m ops/webhook/0 {alertname="A"} firing: A
5m30s pager/pagerduty/0 {alertname="A"} resolved: A
6m ops/webhook/0 {alertname="A"} resolved: A
)");
}

}  // namespace
}  // namespace sluice::alerts
