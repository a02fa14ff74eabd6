#include "core/net/clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace sluice::net {
namespace {

// How often, of 1,000 times asked, the most frequent answer came.
int most_frequent_answer(RealClock& clock, Instant at) {
  std::map<Timestamp, int> answers;
  for (int i = 0; i < 1000; ++i) ++answers[clock.unix_at(at)];
  return std::max_element(answers.begin(), answers.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->second;
}

// An instant on the edge between two milliseconds may fall to either side; half a millisecond away from it
// nothing does.
TEST(ClockTest, an_instant_is_always_the_same_millisecond) {
  RealClock clock;
  const Instant at = clock.now();
  EXPECT_GT(std::max(most_frequent_answer(clock, at), most_frequent_answer(clock, at + 500us)), 950);
}

TEST(ClockTest, even_steps_of_one_clock_are_even_on_the_other) {
  RealClock clock;
  const Instant at = clock.now();
  EXPECT_NEAR(static_cast<double>((clock.unix_at(at + 15s) - clock.unix_at(at)).count()), 15'000, 1);
}

TEST(ClockTest, the_instant_that_is_now_is_the_time_that_is_now) {
  RealClock clock;
  const Timestamp before = clock.unix_now();
  const Timestamp now = clock.unix_at(clock.now());
  EXPECT_LE(before - 1ms, now);
  EXPECT_LE(now, clock.unix_now());
}

}  // namespace
}  // namespace sluice::net
