#include "exporters/oidc/key_tracker.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

namespace sluice::exporters::oidc {
namespace {

// Plays a script and returns what was said after each line. A line is a time and the set served then: "90m
// a:1 b:2" is key a with material 1 and key b with material 2. The answer: changes, flips, the newest kid,
// then what is told.
std::string play(std::string_view script, std::optional<Duration> max_age = std::nullopt) {
  KeyTracker tracker;
  std::istringstream lines{std::string(script)};
  std::string line, out;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string word;
    if (!(words >> word)) continue;
    Timestamp now = from_unix_ms(1'800'000'000'000) + to_ms(parse_duration(word).value());
    std::vector<Jwk> keys;
    while (words >> word) {
      Jwk key;
      size_t colon = word.find(':');
      key.kid = word.substr(0, colon);
      key.thumbprint = word.substr(colon + 1);
      key.kty = "RSA";
      keys.push_back(key);
    }
    Report report = tracker.observe(now, keys, max_age);
    out += fmt::format("{} {} {}", tracker.stats().changes, tracker.stats().flips,
                       tracker.newest() ? tracker.newest()->kid : "-");
    for (const Problem& problem : report.problems) out += fmt::format(" {}", to_string(problem.reason));
    for (const Remark& remark : report.remarks) out += fmt::format(" {}", to_string(remark.warning));
    out += "\n";
  }
  return out;
}

TEST(KeyTrackerTest, a_rotation_with_overlap_is_silent) {
  EXPECT_EQ(play("0m a:1\n5m b:2 a:1\n60m b:2\n61m b:2\n"),
            "0 0 a\n"
            "1 0 b\n"
            "2 0 b\n"
            "2 0 b\n");
}

TEST(KeyTrackerTest, of_keys_that_came_together_the_first_in_the_document_is_the_newest) {
  EXPECT_EQ(play("0m a:1 b:2\n1m a:1 c:3 d:4 b:2\n"), "0 0 a\n1 0 c\n");
}

TEST(KeyTrackerTest, when_the_newest_is_withdrawn_the_next_newest_is) {
  EXPECT_EQ(play("0m a:1\n1m a:1 b:2\n2m a:1 b:2 c:3\n3m a:1 b:2\n4m\n"),
            "0 0 a\n1 0 b\n2 0 c\n3 0 b\n4 0 -\n");
}

TEST(KeyTrackerTest, a_kid_with_other_material_is_told_until_caches_have_forgotten) {
  EXPECT_EQ(play("0m a:1\n1m a:2\n2m a:2\n10m59s a:2\n11m a:2\n"),
            "0 0 a\n"
            "1 0 a jwks_key_reused\n"
            "1 0 a jwks_key_reused\n"
            "1 0 a jwks_key_reused\n"
            "1 0 a\n");
}

TEST(KeyTrackerTest, a_longer_max_age_keeps_it_told_for_longer) {
  EXPECT_EQ(play("0m a:1\n1m a:2\n60m a:2\n122m a:2\n", std::chrono::hours(2)),
            "0 0 a\n1 0 a jwks_key_reused\n1 0 a jwks_key_reused\n1 0 a\n");
}

TEST(KeyTrackerTest, a_kid_used_again_after_all_caches_expired_is_no_reuse) {
  EXPECT_EQ(play("0m a:1 b:9\n1m b:9\n20m a:2 b:9\n"), "0 0 a\n1 0 b\n2 0 a\n");
}

TEST(KeyTrackerTest, two_replicas_that_do_not_agree_are_flips_and_reuse) {
  EXPECT_EQ(play("0m a:1\n1m a:2\n2m a:1\n3m a:2\n"),
            "0 0 a\n"
            "1 0 a jwks_key_reused\n"
            "2 1 a jwks_key_reused key_set_flips\n"
            "3 2 a jwks_key_reused key_set_flips\n");
}

TEST(KeyTrackerTest, keys_of_one_kid_side_by_side_are_no_reuse) {
  EXPECT_EQ(play("0m a:1 a:2\n1m a:1\n2m a:1 a:2\n"), "0 0 a\n1 0 a\n2 1 a key_set_flips\n");
}

TEST(KeyTrackerTest, an_empty_set_in_between_is_a_flip_and_ages_go_on) {
  KeyTracker tracker;
  Jwk key;
  key.kid = "a";
  key.thumbprint = "1";
  Timestamp start = from_unix_ms(1'800'000'000'000);
  tracker.observe(start, std::vector{key}, {});
  tracker.observe(start + 60s, {}, {});
  tracker.observe(start + 120s, std::vector{key}, {});
  EXPECT_EQ(tracker.find("a", "1")->first_seen, start);
  EXPECT_EQ(tracker.stats().flips, 1u);
  EXPECT_EQ(tracker.stats().last_change, start + 120s);
}

TEST(KeyTrackerTest, a_clock_that_steps_back_changes_nothing) {
  KeyTracker tracker;
  Jwk key;
  key.kid = "a";
  key.thumbprint = "1";
  Timestamp start = from_unix_ms(1'800'000'000'000);
  tracker.observe(start, std::vector{key}, {});
  tracker.observe(start - std::chrono::hours(48), std::vector{key}, {});
  EXPECT_EQ(tracker.find("a", "1")->last_seen, start);
}

TEST(KeyTrackerTest, withdrawn_keys_are_forgotten_and_their_number_is_bounded) {
  KeyTracker tracker;
  Timestamp now = from_unix_ms(1'800'000'000'000);
  for (int i = 0; i < 2000; ++i) {
    Jwk key;
    key.kid = std::to_string(i);
    key.thumbprint = key.kid;
    tracker.observe(now += 1s, std::vector{key}, {});
    ASSERT_LE(tracker.known().size(), KeyTracker::kKnownMax);
  }
  EXPECT_EQ(tracker.newest()->kid, "1999");
  tracker.observe(now + std::chrono::hours(25), {}, {});
  tracker.observe(now + std::chrono::hours(50), {}, {});
  EXPECT_TRUE(tracker.known().empty());
}

}  // namespace
}  // namespace sluice::exporters::oidc
