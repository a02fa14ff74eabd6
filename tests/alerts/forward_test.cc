#include "alerts/forward.h"

#include <gtest/gtest.h>

namespace sluice::alerts {
namespace {

constexpr Timestamp kStart = from_unix_ms(1'000'000);

Alert alert(const std::string& name, Timestamp ends_at = kStart + 240s) {
  Alert out;
  out.labels = Labels{{"alertname", name}};
  out.starts_at = kStart;
  out.ends_at = ends_at;
  return out;
}

std::string names(const std::vector<Alert>& alerts) {
  std::string out;
  for (const Alert& one : alerts) {
    out += std::string(out.empty() ? "" : " ") + std::string(one.labels.get("alertname")) +
           (one.resolved_at(kStart + 1s) ? "(ended)" : "");
  }
  return out;
}

TEST(ForwardTest, sends_in_order_and_one_batch_at_a_time) {
  Forwarder forwarder(1);
  EXPECT_EQ(forwarder.next_due(), std::nullopt);
  forwarder.put({alert("a"), alert("b")});
  EXPECT_EQ(names(forwarder.take(kStart)), "a b");
  forwarder.put({alert("c")});
  EXPECT_EQ(forwarder.next_due(), std::nullopt);
  EXPECT_EQ(names(forwarder.take(kStart)), "");
  forwarder.answered(kStart, Forwarder::Answer::kTaken);
  EXPECT_EQ(names(forwarder.take(kStart)), "c");
  forwarder.answered(kStart, Forwarder::Answer::kTaken);
  EXPECT_EQ(forwarder.stats().sent_total, 3u);
}

TEST(ForwardTest, a_newer_word_replaces_the_older_one_in_its_place) {
  Forwarder forwarder(1);
  forwarder.put({alert("a"), alert("b")});
  forwarder.put({alert("a", kStart)});
  EXPECT_EQ(names(forwarder.take(kStart)), "a(ended) b");
}

TEST(ForwardTest, what_failed_is_tried_again_as_it_is_by_then) {
  Forwarder forwarder(1);
  forwarder.put({alert("a"), alert("b")});
  forwarder.take(kStart);
  forwarder.put({alert("c"), alert("a", kStart)});
  forwarder.answered(kStart, Forwarder::Answer::kFailed);
  ASSERT_TRUE(forwarder.next_due());
  const Timestamp due = *forwarder.next_due();
  EXPECT_GT(due, kStart);
  EXPECT_LE(due, kStart + 1s);
  EXPECT_EQ(names(forwarder.take(kStart)), "");
  EXPECT_EQ(names(forwarder.take(due)), "b c a(ended)");
  forwarder.answered(due, Forwarder::Answer::kFailed, 20s);
  EXPECT_GE(*forwarder.next_due(), due + 20s);
  EXPECT_EQ(forwarder.stats().errors_total, 5u);
  EXPECT_EQ(forwarder.stats().dropped_total, 0u);
}

TEST(ForwardTest, a_long_outage_is_asked_about_every_half_minute) {
  Forwarder forwarder(1);
  forwarder.put({alert("a")});
  Timestamp now = kStart;
  for (int i = 0; i < 100; ++i) {
    forwarder.take(now);
    forwarder.answered(now, Forwarder::Answer::kFailed);
    EXPECT_LE(*forwarder.next_due(), now + 45s);
    now = *forwarder.next_due();
  }
  EXPECT_EQ(forwarder.waiting(), 1u);
}

TEST(ForwardTest, what_is_refused_for_good_is_dropped_and_counted) {
  Forwarder forwarder(1);
  forwarder.put({alert("a")});
  forwarder.take(kStart);
  forwarder.answered(kStart, Forwarder::Answer::kRefused);
  EXPECT_EQ(forwarder.waiting(), 0u);
  EXPECT_EQ(forwarder.stats().dropped_total, 1u);
}

TEST(ForwardTest, a_full_queue_drops_the_oldest_and_batches_are_bounded) {
  Forwarder forwarder(1, 100);
  for (int i = 0; i < 150; ++i) forwarder.put({alert("n" + std::to_string(i))});
  EXPECT_EQ(forwarder.waiting(), 100u);
  EXPECT_EQ(forwarder.stats().dropped_total, 50u);
  const std::vector<Alert> batch = forwarder.take(kStart);
  EXPECT_EQ(batch.size(), kForwardBatchMax);
  EXPECT_EQ(batch.front().labels.get("alertname"), "n50");
  for (int i = 200; i < 300; ++i) forwarder.put({alert("n" + std::to_string(i))});
  forwarder.answered(kStart, Forwarder::Answer::kFailed);
  EXPECT_EQ(forwarder.waiting(), 100u);
}

}  // namespace
}  // namespace sluice::alerts
