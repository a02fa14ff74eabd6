#include "alerts/notification_log.h"

#include <gtest/gtest.h>

namespace sluice::alerts {
namespace {

constexpr Timestamp kNow = from_unix_ms(1'000'000'000);
constexpr Fingerprint kA = 1, kB = 2, kC = 3;

LogEntry told(FingerprintSet firing, FingerprintSet resolved = {}) {
  LogEntry entry;
  record_delivered(entry, {std::move(firing), std::move(resolved)}, {}, kNow);
  return entry;
}

TEST(NotificationLogTest, there_is_something_to_say_when_alertmanager_says_so) {
  using enum NotifyReason;
  struct Case {
    const char* what;
    LogEntry entry;
    Visible visible;
    std::optional<NotifyReason> reason;
    Duration later{};
    bool send_resolved = true;
  };
  const Case cases[] = {
      {"nothing is visible", {}, {}, {}},
      {"the first", {}, {{kA}, {}}, kFirst},
      {"over before anybody was told", {}, {{}, {kA}}, {}},
      {"the same again", told({kA}), {{kA}, {}}, {}},
      {"fewer", told({kA, kB}), {{kA}, {}}, {}},
      {"one more", told({kA}), {{kA, kB}, {}}, kNewAlerts},
      {"after all was over, the first again", told({}, {kA}), {{kA}, {}}, kFirst},
      {"one of two is over", told({kA, kB}), {{kA}, {kB}}, kResolved},
      {"all are over", told({kA}), {{}, {kA}}, kResolved},
      {"all are over, and nobody wants to know", told({kA}), {{}, {kA}}, {}, {}, false},
      {"over, and told", told({kB}, {kA}), {{kB}, {kA}}, {}},
      {"repeat_interval has not passed", told({kA}), {{kA}, {}}, {}, 4h - 1ms},
      {"repeat_interval has passed, to the millisecond", told({kA}), {{kA}, {}}, kRepeat, 4h},
      {"there is no repetition of an end", told({}, {kA}), {{}, {kA}}, {}, 5h},
  };
  for (const Case& c : cases) {
    const NotifyRules rules{.send_resolved = c.send_resolved};
    EXPECT_EQ(reason_to_notify(c.entry, c.visible, rules, kNow + to_ms(c.later)), c.reason) << c.what;
  }
}

TEST(NotificationLogTest, what_was_told_stays_open_until_its_end_is_told) {
  LogEntry entry = told({kA, kB});
  EXPECT_EQ(entry.open, (FingerprintSet{kA, kB}));
  record_delivered(entry, {{kB, kC}, {}}, {}, kNow);  // A was silenced meanwhile
  EXPECT_EQ(entry.open, (FingerprintSet{kA, kB, kC}));
  EXPECT_EQ(reason_to_notify(entry, {{kB, kC}, {kA}}, {}, kNow), NotifyReason::kResolved);
  record_delivered(entry, {{kB, kC}, {kA}}, {}, kNow);
  EXPECT_EQ(entry.open, (FingerprintSet{kB, kC}));
}

TEST(NotificationLogTest, an_owed_message_is_due_though_the_alert_is_over_and_a_lost_answer_counts_as_told) {
  LogEntry entry;
  EXPECT_TRUE(record_owed(entry, {{kA}, {}}, {}));
  EXPECT_FALSE(record_owed(entry, {{kA}, {}}, {}));
  EXPECT_EQ(reason_to_notify(entry, {{}, {kA}}, {}, kNow), NotifyReason::kResolved);
  EXPECT_TRUE(record_uncertain(entry, {{kA}, {}}, {}));
  EXPECT_EQ(entry.open, FingerprintSet{kA});
  EXPECT_EQ(entry.owed, FingerprintSet{});
}

TEST(NotificationLogTest, a_lost_answer_is_no_news_of_what_was_said_last_and_news_of_all_else) {
  LogEntry entry = told({kA, kB});
  record_delivered(entry, {{kB}, {}}, {}, kNow);  // A was silenced meanwhile
  const LogEntry before = entry;
  EXPECT_FALSE(record_uncertain(entry, {{kB}, {}}, {}));
  EXPECT_TRUE(record_uncertain(entry, {{kA, kB}, {}}, {})) << "A is said again, and others may have ended it";
  EXPECT_EQ(entry, before);
}

TEST(NotificationLogTest, what_was_refused_rests_until_there_is_more_to_say) {
  LogEntry entry;
  record_refused(entry, {{kA}, {}}, kNow);
  EXPECT_EQ(reason_to_notify(entry, {{kA}, {}}, {}, kNow + 14min), std::nullopt);
  EXPECT_EQ(reason_to_notify(entry, {{kA, kB}, {}}, {}, kNow + 14min), NotifyReason::kFirst);
  EXPECT_EQ(reason_to_notify(entry, {{kA}, {}}, {}, kNow + 15min), NotifyReason::kFirst);
}

TEST(NotificationLogTest, a_route_that_is_gone_only_closes_what_is_open) {
  const NotifyRules closing{.closing = true};
  const LogEntry entry = told({kA});
  EXPECT_EQ(reason_to_notify(entry, {{kA, kB}, {}}, closing, kNow + 10h), std::nullopt);
  EXPECT_EQ(reason_to_notify(entry, {{kB}, {kA}}, closing, kNow), NotifyReason::kResolved);
  EXPECT_EQ(repeat_due(entry, closing), std::nullopt);
}

TEST(NotificationLogTest, an_alert_that_returns_while_its_end_is_on_the_way_is_news) {
  LogEntry entry = told({kA});
  const FingerprintSet withdrawn = withdraw_resolved(entry, {{}, {kA}});
  EXPECT_EQ(withdrawn, FingerprintSet{kA});
  EXPECT_EQ(reason_to_notify(entry, {{kA}, {}}, {}, kNow), NotifyReason::kFirst);
  EXPECT_TRUE(put_back(entry, withdrawn));
  EXPECT_EQ(reason_to_notify(entry, {{kA}, {}}, {}, kNow), std::nullopt);
}

TEST(NotificationLogTest, who_does_not_want_ends_is_told_of_the_next_beginning) {
  const NotifyRules rules{.send_resolved = false};
  LogEntry entry;
  record_delivered(entry, {{kA}, {}}, rules, kNow);
  EXPECT_EQ(entry.open, FingerprintSet{});
  EXPECT_TRUE(record_ended_quietly(entry, {{}, {kA}}, rules));
  EXPECT_EQ(reason_to_notify(entry, {{kA}, {}}, rules, kNow), NotifyReason::kFirst);
  EXPECT_FALSE(record_ended_quietly(entry, {{kA}, {}}, rules));
}

TEST(NotificationLogTest, sets_are_sets) {
  const FingerprintSet ab{kA, kB}, bc{kB, kC};
  EXPECT_EQ(united(ab, bc), (FingerprintSet{kA, kB, kC}));
  EXPECT_EQ(without(ab, bc), FingerprintSet{kA});
  EXPECT_TRUE(intersects(ab, bc));
  EXPECT_FALSE(intersects({kA}, bc));
  EXPECT_TRUE(is_subset({}, ab));
  EXPECT_FALSE(is_subset(bc, ab));
  EXPECT_TRUE(contains(ab, kB));
}

}  // namespace
}  // namespace sluice::alerts
