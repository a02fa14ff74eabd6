#include "alerts/outbox.h"

#include <gtest/gtest.h>

namespace sluice::alerts {
namespace {

const Timestamp kNow = from_unix_ms(1'800'000'000'000);

std::shared_ptr<const Integration> slack() {
  auto out = std::make_shared<Integration>();
  SlackConfig config;
  config.api_url.value = "http://slack";
  out->config = config;
  return out;
}

std::shared_ptr<const Integration> webhook(const std::string& url) {
  auto out = std::make_shared<Integration>();
  WebhookConfig config;
  config.url.value = url;
  out->config = config;
  return out;
}

// The ids of all turns that may be taken now, each sent.
std::vector<std::vector<ConversationId>> drain(Outbox& outbox, Timestamp now) {
  std::vector<std::vector<ConversationId>> out;
  while (const auto turn = outbox.next(now)) {
    outbox.sent(turn->endpoint, now);
    out.push_back(turn->ids);
  }
  return out;
}

using Turns = std::vector<std::vector<ConversationId>>;

TEST(OutboxTest, speaks_to_slack_once_a_second_and_merges_what_waited) {
  Outbox outbox;
  Outbox::Endpoint* endpoint = outbox.endpoint(*slack());
  for (ConversationId id = 1; id <= 25; ++id) outbox.put(endpoint, id, kNow, kNow, 7);
  EXPECT_EQ(drain(outbox, kNow), Turns{{1}});
  EXPECT_EQ(outbox.next_wake(), std::nullopt) << "one request at a time";
  outbox.on_answer(endpoint);
  EXPECT_EQ(*outbox.next_wake(), kNow + std::chrono::seconds(1));
  EXPECT_TRUE(drain(outbox, kNow + std::chrono::milliseconds(999)).empty());
  const Turns second = drain(outbox, kNow + std::chrono::seconds(1));
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].size(), 20u);
  EXPECT_EQ(outbox.waiting(), 4u);
}

TEST(OutboxTest, different_merge_keys_and_zero_never_share) {
  Outbox outbox;
  Outbox::Endpoint* endpoint = outbox.endpoint(*slack());
  outbox.put(endpoint, 1, kNow, kNow, 7);
  outbox.put(endpoint, 2, kNow, kNow, 8);
  outbox.put(endpoint, 3, kNow, kNow, 7);
  outbox.put(endpoint, 4, kNow, kNow, 0);
  const Timestamp later = kNow + std::chrono::seconds(1);
  EXPECT_EQ(drain(outbox, later), (Turns{{1, 3}}));
}

TEST(OutboxTest, a_receiver_that_hangs_delays_nobody_else) {
  Outbox outbox;
  Outbox::Endpoint* hung = outbox.endpoint(*webhook("http://a"));
  Outbox::Endpoint* well = outbox.endpoint(*webhook("http://b"));
  for (ConversationId id = 1; id <= 20; ++id) outbox.put(hung, id, kNow, kNow, 0);
  outbox.put(well, 100, kNow, kNow, 0);
  const Turns turns = drain(outbox, kNow);
  EXPECT_EQ(turns.size(), 9u) << "eight at once for the one, and the other";
  EXPECT_EQ(turns.back(), std::vector<ConversationId>{100});
}

TEST(OutboxTest, a_failing_endpoint_is_tried_alone_and_later) {
  Outbox outbox;
  Random random(1);
  Outbox::Endpoint* endpoint = outbox.endpoint(*webhook("http://a"));
  for (ConversationId id = 1; id <= 5; ++id) outbox.put(endpoint, id, kNow, kNow, 0);
  ASSERT_EQ(drain(outbox, kNow).size(), 5u);
  EXPECT_TRUE(outbox.on_failure(endpoint, kNow, 30s, random)) << "it lived until now";
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(outbox.on_failure(endpoint, kNow, std::nullopt, random));
  for (ConversationId id = 1; id <= 5; ++id) outbox.put(endpoint, id, kNow, kNow, 0);
  EXPECT_TRUE(drain(outbox, kNow + std::chrono::milliseconds(29'999)).empty());
  EXPECT_EQ(drain(outbox, kNow + std::chrono::seconds(30)).size(), 1u) << "one to see whether it lives";
  outbox.on_answer(endpoint);
  EXPECT_EQ(drain(outbox, kNow + std::chrono::seconds(30)).size(), 4u);
}

TEST(OutboxTest, what_is_removed_is_not_sent) {
  Outbox outbox;
  Outbox::Endpoint* endpoint = outbox.endpoint(*webhook("http://a"));
  outbox.put(endpoint, 1, kNow, kNow, 0);
  outbox.put(endpoint, 2, kNow, kNow + std::chrono::seconds(5), 0);
  outbox.remove(endpoint, 1);
  EXPECT_EQ(*outbox.next_wake(), kNow + std::chrono::seconds(5));
  EXPECT_EQ(drain(outbox, kNow + std::chrono::seconds(5)), Turns{{2}});
}

TEST(OutboxTest, a_clock_that_is_set_takes_the_waiting_along) {
  Outbox outbox;
  Outbox::Endpoint* endpoint = outbox.endpoint(*webhook("http://a"));
  outbox.put(endpoint, 1, kNow, kNow + std::chrono::hours(1), 0);
  outbox.shift(-std::chrono::hours(24));
  EXPECT_EQ(*outbox.next_wake(), kNow - std::chrono::hours(23));
}

TEST(BackoffTest, grows_by_half_up_to_a_minute_within_its_spread) {
  Random random(3);
  const Backoff backoff;
  double seconds = 0.5;
  for (int failures = 1; failures <= 40; ++failures) {
    for (int i = 0; i < 50; ++i) {
      const double delay = to_seconds(backoff.delay(failures, random));
      EXPECT_GE(delay, seconds * 0.5 - 1e-6);
      EXPECT_LE(delay, seconds * 1.5 + 1e-6);
    }
    seconds = std::min(60.0, seconds * 1.5);
  }
}

TEST(BackoffTest, a_retry_after_is_a_floor_and_believed_up_to_an_hour) {
  Random random(3);
  EXPECT_EQ(retry_delay({}, 1, 30s, random), Duration(30s));
  EXPECT_EQ(retry_delay({}, 1, 48h, random), Duration(1h));
  EXPECT_GE(retry_delay({}, 30, 1s, random), Duration(30s));
}

}  // namespace
}  // namespace sluice::alerts
