#include "agent/gate/health.h"

#include <gtest/gtest.h>

#include "core/random.h"

namespace sluice::gate {
namespace {

constexpr Instant kStart{Duration(1000s)};

// Feeds probes ('+' good, '-' bad), one a second, and writes the verdict after each: u up, d down, ? unknown.
std::string verdicts(Health& health, std::string_view probes) {
  std::string out;
  Instant now = kStart;
  for (const char probe : probes) {
    now += 1s;
    health.observe(now, probe == '+', probe == '+' ? "ok" : "connect_refused");
    out += to_string(health.verdict())[0] == 'u' && health.verdict() == Verdict::kUp ? 'u'
           : health.verdict() == Verdict::kDown                                      ? 'd'
                                                                                     : '?';
  }
  return out;
}

struct Case {
  int rise;
  int fall;
  std::string_view probes;
  std::string_view wanted;
};

TEST(HealthTest, walks_as_haproxys_counter_does) {
  const Case cases[] = {
      {2, 3, "++", "?u"},              // unknown until rise
      {2, 3, "---", "??d"},            // or fall
      {2, 3, "+-+-+-", "??????"},      // in a row, or it stays unknown
      {2, 3, "++--+--+", "?uuuuuuu"},  // one good probe restores the margin
      {2, 3, "++---", "?uuud"},
      {2, 3, "---+-+-", "??ddddd"},  // one bad probe on the way up begins anew
      {2, 3, "---++", "??ddu"},
      {2, 3, "---++--", "??dduuu"},  // and then the margin is full
      {1, 1, "+-+", "udu"},
      {3, 1, "-++-+++", "ddddddu"},
  };
  for (const Case& c : cases) {
    Health health({.rise = c.rise, .fall = c.fall, .fast_interval = {}, .down_interval = {}});
    EXPECT_EQ(verdicts(health, c.probes), c.wanted) << c.probes;
  }
}

TEST(HealthTest, asks_for_attention_while_in_doubt) {
  Health health;
  EXPECT_EQ(health.attention(), Attention::kFast);  // never probed
  verdicts(health, "++");
  EXPECT_EQ(health.attention(), Attention::kNormal);
  verdicts(health, "-");
  EXPECT_EQ(health.attention(), Attention::kFast);
  verdicts(health, "--");
  EXPECT_EQ(health.attention(), Attention::kSlow);
  verdicts(health, "+");
  EXPECT_EQ(health.attention(), Attention::kFast);
}

TEST(HealthTest, tells_each_change_once_with_reason_and_time) {
  Health health;
  EXPECT_FALSE(health.observe(kStart, true, "ok"));
  EXPECT_EQ(health.observe(kStart + 1s, true, "ok"), (Transition{Verdict::kUnknown, Verdict::kUp, "ok"}));
  EXPECT_EQ(health.since(), kStart + 1s);
  EXPECT_FALSE(health.observe(kStart + 2s, false, "timeout_headers"));
  EXPECT_FALSE(health.observe(kStart + 3s, false, "timeout_headers"));
  EXPECT_EQ(health.observe(kStart + 4s, false, "connect_refused"),
            (Transition{Verdict::kUp, Verdict::kDown, "connect_refused"}));
  EXPECT_FALSE(health.observe(kStart + 5s, false, "connect_refused"));
  EXPECT_EQ(health.since(), kStart + 4s);
  EXPECT_EQ(health.last_probe(), kStart + 5s);
}

TEST(HealthTest, keeps_its_verdict_when_the_thresholds_change) {
  Health health;
  verdicts(health, "++");
  health.set_policy({.rise = 5, .fall = 1, .fast_interval = {}, .down_interval = {}});
  EXPECT_EQ(health.verdict(), Verdict::kUp);
  EXPECT_EQ(health.attention(), Attention::kNormal);
  EXPECT_EQ(verdicts(health, "-+++++"), "dddddu");
}

// The definition, said another way: up after `rise` good ones in a row, down after `fall` bad ones in a row
// since the last good one.
TEST(HealthTest, agrees_with_counting_by_hand) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    const HealthPolicy policy{.rise = 1 + static_cast<int>(random.below(5)),
                              .fall = 1 + static_cast<int>(random.below(5)),
                              .fast_interval = {},
                              .down_interval = {}};
    Health health(policy);
    int good_in_a_row = 0;
    int bad_in_a_row = 0;
    Verdict wanted = Verdict::kUnknown;
    for (int i = 0; i < 200; ++i) {
      const bool good = random.below(3) != 0;
      good_in_a_row = good ? good_in_a_row + 1 : 0;
      bad_in_a_row = good ? 0 : bad_in_a_row + 1;
      if (good_in_a_row >= policy.rise) wanted = Verdict::kUp;
      if (bad_in_a_row >= policy.fall) wanted = Verdict::kDown;
      health.observe(kStart + i * 1s, good, "");
      ASSERT_EQ(health.verdict(), wanted) << "seed " << seed << " probe " << i;
    }
  }
}

}  // namespace
}  // namespace sluice::gate
