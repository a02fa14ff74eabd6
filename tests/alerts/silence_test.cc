#include "alerts/silence.h"

#include <gtest/gtest.h>

#include "alerts/matcher_text.h"

namespace sluice::alerts {
namespace {

const Timestamp kNow = from_unix_ms(1'800'000'000'000);

Silence a_silence(std::string_view matchers, Duration from, Duration to) {
  Silence silence;
  silence.matchers = parse_matchers(matchers).value();
  silence.starts_at = kNow + to_ms(from);
  silence.ends_at = kNow + to_ms(to);
  silence.created_by = "me";
  silence.comment = "why";
  return silence;
}

class SilencesTest : public testing::Test {
 protected:
  std::string set(const Silence& silence, Timestamp now = kNow) {
    const auto change = silences_.set(now, silence, random_);
    EXPECT_TRUE(change) << (change ? "" : change.error().message);
    return change ? change->id : "";
  }
  Random random_{7};
  Silences silences_{3};
};

TEST_F(SilencesTest, is_pending_then_active_then_expired) {
  const std::string id = set(a_silence("a=b", 1h, 2h));
  const Silence& silence = *silences_.find(id);
  EXPECT_EQ(silence.state(kNow), SilenceState::kPending);
  EXPECT_EQ(silence.state(kNow + 1h), SilenceState::kActive);
  EXPECT_EQ(silence.state(kNow + 2h), SilenceState::kExpired);
  EXPECT_TRUE(silences_.silencing(kNow, Labels{{"a", "b"}}).empty());
  EXPECT_EQ(silences_.silencing(kNow + 90min, Labels{{"a", "b"}}), std::vector{id});
  EXPECT_TRUE(silences_.silencing(kNow + 90min, Labels{{"a", "c"}}).empty());
}

TEST_F(SilencesTest, a_new_one_begins_now_at_the_earliest_and_gets_a_uuid) {
  const std::string id = set(a_silence("a=b", -1h, 1h));
  EXPECT_EQ(silences_.find(id)->starts_at, kNow);
  ASSERT_EQ(id.size(), 36u);
  EXPECT_EQ(id[14], '4');
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos) << id;
}

TEST_F(SilencesTest, its_end_is_moved_in_place) {
  const std::string id = set(a_silence("a=b", 0s, 1h));
  Silence longer = *silences_.find(id);
  longer.ends_at = kNow + 5h;
  EXPECT_EQ(set(longer, kNow + 10min), id);
  EXPECT_EQ(silences_.find(id)->ends_at, kNow + 5h);
}

TEST_F(SilencesTest, other_matchers_make_another_silence_and_end_the_old_one) {
  const std::string id = set(a_silence("a=b", 0s, 1h));
  Silence other = *silences_.find(id);
  other.matchers = parse_matchers("a=c").value();
  const std::string next = set(other, kNow + 10min);
  EXPECT_NE(next, id);
  EXPECT_EQ(silences_.find(id)->state(kNow + 10min), SilenceState::kExpired);
  EXPECT_EQ(silences_.find(next)->state(kNow + 10min), SilenceState::kActive);
}

TEST_F(SilencesTest, ends_when_told_once) {
  const std::string id = set(a_silence("a=b", 1h, 2h));
  ASSERT_TRUE(silences_.expire(kNow + 1min, id));
  EXPECT_EQ(silences_.find(id)->state(kNow + 1min), SilenceState::kExpired);
  EXPECT_EQ(silences_.find(id)->starts_at, kNow + 1min);
  EXPECT_FALSE(silences_.expire(kNow + 2min, id));
  EXPECT_FALSE(silences_.expire(kNow + 2min, "nobody"));
}

TEST_F(SilencesTest, one_that_would_match_everything_is_refused) {
  for (const char* matchers : {"", "a=~\".*\"", "a!=b"}) {
    EXPECT_FALSE(silences_.set(kNow, a_silence(matchers, 0s, 1h), random_)) << matchers;
  }
}

TEST_F(SilencesTest, no_more_than_the_limit_are_kept) {
  for (int i = 0; i < 3; ++i) set(a_silence("a=b", 0s, 1h));
  const auto fourth = silences_.set(kNow, a_silence("a=b", 0s, 1h), random_);
  ASSERT_FALSE(fourth);
  EXPECT_EQ(fourth.error().kind, ErrorKind::kLimit);
}

TEST_F(SilencesTest, are_forgotten_after_the_retention) {
  const std::string id = set(a_silence("a=b", 0s, 1h));
  EXPECT_EQ(*silences_.next_collect(), kNow + 121h);
  EXPECT_TRUE(silences_.collect(kNow + 120h).empty());
  EXPECT_EQ(silences_.collect(kNow + 121h), std::vector{id});
  EXPECT_EQ(silences_.find(id), nullptr);
}

// --- matchers as people write them ---

struct MatcherCase {
  const char* text;
  const char* expected;  // what it means, or the error
};

TEST(MatcherTextTest, reads_what_alertmanager_reads) {
  const MatcherCase cases[] = {
      {"a=b", "{a=\"b\"}"},
      {" a = \"b\" ", "{a=\"b\"}"},
      {"{a=\"b\", c=~\"d|e\"}", "{a=\"b\",c=~\"d|e\"}"},
      {"a!=b,c!~d,", "{a!=\"b\",c!~\"d\"}"},
      {"a=\"x,y\",b=\"\\\"q\\\"\"", "{a=\"x,y\",b=\"\\\"q\\\"\"}"},
      {"a=", "{a=\"\"}"},
      {"a=\"line\\nbreak\"", "{a=\"line\\nbreak\"}"},
      {"", "{}"},
      {"bad", "bad matcher format: bad"},
      {"=b", "bad matcher format: =b"},
      // Names in UTF-8, where the older syntax makes nothing of it.
      {"1a=b", "{\"1a\"=\"b\"}"},
      {"{\"service.name\"=\"x, y\", d\u00e9j\u00e0=~v|w,}",
       "{\"service.name\"=\"x, y\",\"d\u00e9j\u00e0\"=~\"v|w\"}"},
      {"\"a b\" != \"\\t\\u00e9\"", "{\"a b\"!=\"\t\u00e9\"}"},
      {"a-b=\"x\" and more", "bad matcher format: a-b=\"x\" and more"},
      {"{a-b=x", "bad matcher format: a-b=x"},
      {"\"\"=x", "bad matcher format: \"\"=x"},
      {"a-b==x", "bad matcher format: a-b==x"},
      {"a-b=~\"(\"", "bad matcher format: a-b=~\"(\""},
      {"a=\"b", "matcher value contains unescaped double quote: \"b"},
      {"a=b\"c", "matcher value contains unescaped double quote: b\"c"},
  };
  for (const MatcherCase& c : cases) {
    const auto matchers = parse_matchers(c.text);
    std::string got = matchers ? "{" : matchers.error().message;
    for (size_t i = 0; matchers && i < matchers->size(); ++i)
      got += (i > 0 ? "," : "") + (*matchers)[i].to_string();
    EXPECT_EQ(matchers ? got + "}" : got, c.expected) << c.text;
  }
  EXPECT_FALSE(parse_matchers("a=~\"(\""));
}

}  // namespace
}  // namespace sluice::alerts
