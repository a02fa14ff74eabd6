#include "agent/fleet/alert_board.h"

#include <gtest/gtest.h>

namespace sluice::fleet {
namespace {

const Timestamp kNow = from_unix_ms(1'767'225'600'000);

Alert alert(const std::string& name, Timestamp starts_at, Timestamp ends_at) {
  Alert out;
  out.labels = Labels{{"alertname", name}};
  out.starts_at = starts_at;
  out.ends_at = ends_at;
  out.updated_at = starts_at;
  return out;
}

TEST(AlertBoardTest, an_alert_fires_while_anybody_says_so) {
  AlertBoard board("a");
  auto said = board.hear(kNow, "a", {alert("Down", kNow - 60s, kNow + 240s)});
  ASSERT_EQ(said.size(), 1u);
  said = board.replace(kNow, "b", {alert("Down", kNow, kNow + 300s)});
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].starts_at, kNow - 60s) << "since the earliest";
  EXPECT_EQ(said[0].ends_at, kNow + 300s) << "until the latest end";

  const Timestamp later = kNow + 120s;
  said = board.hear(later, "a", {alert("Down", kNow - 60s, later)});
  ASSERT_EQ(said.size(), 1u);
  EXPECT_FALSE(said[0].resolved_at(later)) << "b still says so";
  EXPECT_EQ(said[0].starts_at, kNow);
  said = board.replace(later + 60s, "b", {alert("Down", kNow, later + 60s)});
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].ends_at, later + 60s) << "resolved when the last one says so";
}

TEST(AlertBoardTest, what_a_dead_agent_said_ends_by_itself) {
  AlertBoard board("a");
  const auto said = board.replace(kNow, "b", {alert("Down", kNow, kNow + 240s)});
  EXPECT_EQ(said.at(0).ends_at, kNow + 240s);
  board.forget_old(kNow + 240s + 14min);
  EXPECT_EQ(board.size(), 1u);
  board.forget_old(kNow + 240s + 16min);
  EXPECT_EQ(board.size(), 0u);
}

TEST(AlertBoardTest, only_what_is_different_is_said_again) {
  AlertBoard board("a");
  const std::vector<Alert> two = {alert("Down", kNow, kNow + 240s), alert("Slow", kNow, kNow + 240s)};
  EXPECT_EQ(board.replace(kNow, "b", two).size(), 2u);
  EXPECT_EQ(board.replace(kNow, "b", two).size(), 0u);
  EXPECT_EQ(board.replace(kNow, "c", {two[0]}).size(), 1u);
  const auto said = board.replace(kNow, "b", {two[1]});
  ASSERT_EQ(said.size(), 1u) << "b says nothing of it any more, c does";
  EXPECT_EQ(said[0].labels.get("alertname"), "Down");
}

TEST(AlertBoardTest, the_end_of_what_began_before_a_restart_is_said) {
  AlertBoard board("a");
  EXPECT_TRUE(board.hear(kNow, "b", {alert("Down", kNow - 60s, kNow)}).empty()) << "that is for b to say";
  EXPECT_TRUE(board.hear(kNow, "a", {alert("Down", kNow - 30min, kNow - 20min)}).empty()) << "long ago";
  EXPECT_FALSE(board.to_be_published(kNow));
  const auto said = board.hear(kNow, "a", {alert("Down", kNow - 60s, kNow)});
  ASSERT_EQ(said.size(), 1u);
  EXPECT_TRUE(said[0].resolved_at(kNow));
  EXPECT_TRUE(board.to_be_published(kNow));
  EXPECT_EQ(board.own(kNow).size(), 1u);
}

TEST(AlertBoardTest, own_words_are_published_when_they_change_and_before_they_run_out) {
  AlertBoard board("a");
  EXPECT_FALSE(board.to_be_published(kNow));
  board.hear(kNow, "a", {alert("Down", kNow, kNow + 240s)});
  EXPECT_TRUE(board.to_be_published(kNow));
  board.publishing();
  board.published(kNow, board.own(kNow));
  board.hear(kNow + 60s, "a", {alert("Down", kNow, kNow + 300s)});
  EXPECT_FALSE(board.to_be_published(kNow + 60s)) << "a later end alone is none";
  EXPECT_TRUE(board.to_be_published(kNow + 180s)) << "a minute before it ends for the others";
  board.publishing();
  board.published(kNow + 180s, board.own(kNow + 180s));
  board.hear(kNow + 200s, "a", {alert("Down", kNow, kNow + 200s)});
  EXPECT_TRUE(board.to_be_published(kNow + 200s)) << "it has ended";
  EXPECT_EQ(board.own(kNow + 200s).size(), 1u) << "and others may still have to tell";
}

TEST(AlertBoardTest, what_enough_others_say_is_not_said_again_until_one_of_them_falls_silent) {
  AlertBoard board("a");
  const Alert down = alert("Down", kNow, kNow + 240s);
  for (const char* other : {"b", "c", "d"}) board.replace(kNow, other, {down});
  board.hear(kNow, "a", {down});
  EXPECT_FALSE(board.to_be_published(kNow));
  EXPECT_TRUE(board.own(kNow).empty());
  board.replace(kNow + 5s, "c", {});
  EXPECT_TRUE(board.to_be_published(kNow + 5s));
  EXPECT_EQ(board.own(kNow + 5s).size(), 1u);
  board.publishing();
  board.published(kNow + 5s, board.own(kNow + 5s));
  board.replace(kNow + 6s, "c", {down});
  EXPECT_EQ(board.own(kNow + 6s).size(), 1u) << "what was published is seen through to its end";
  board.hear(kNow + 9s, "a", {alert("Down", kNow, kNow + 9s)});
  EXPECT_TRUE(board.to_be_published(kNow + 9s));
}

TEST(AlertBoardTest, alerts_survive_the_way_through_redis_whatever_the_clocks_say) {
  Alert sent = alert("Down\twith\nodd \\ text", kNow, kNow + 240s);
  sent.annotations = Labels{{"summary", "it is down"}};
  sent.generator_url = "http://agent/graph";
  const auto got = read_alerts(write_alerts({sent}, 90s), 30s);
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 1u);
  EXPECT_EQ((*got)[0].labels, sent.labels);
  EXPECT_EQ((*got)[0].annotations, sent.annotations);
  EXPECT_EQ((*got)[0].starts_at, kNow + 60s) << "a reader whose clock is a minute behind the sender's offset";
  EXPECT_TRUE(read_alerts("0123456789abcdef garbage\nmore\n", 0ms).has_error());
}

}  // namespace
}  // namespace sluice::fleet
