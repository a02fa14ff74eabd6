#include "core/shared_clock.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice {
namespace {

TEST(SharedClockTest, goes_on_with_the_monotonic_clock_from_the_middle_of_the_round_trip) {
  SharedClock clock;
  EXPECT_FALSE(clock.known());
  EXPECT_EQ(clock.at(Instant(10s)), Timestamp{});
  clock.learn(Instant(10s), Instant(10s + 200ms), from_unix_ms(1'000'000));
  EXPECT_TRUE(clock.known());
  EXPECT_EQ(clock.at(Instant(10s + 100ms)), from_unix_ms(1'000'000));
  EXPECT_EQ(clock.at(Instant(15s + 100ms)), from_unix_ms(1'005'000));
}

TEST(SharedClockTest, takes_no_other_times_than_a_clock_can_show) {
  EXPECT_EQ(redis_time("1700000000", "250000"), from_unix_ms(1'700'000'000'250));
  for (const auto& [seconds, micros] :
       std::vector<std::pair<std::string, std::string>>{{"", "0"},
                                                        {"1.5", "0"},
                                                        {"-1", "0"},
                                                        {"7258118400", "0"},
                                                        {"9999999999999999", "0"},
                                                        {"1700000000", "1000000"},
                                                        {"1700000000", "-1"}}) {
    EXPECT_EQ(redis_time(seconds, micros), std::nullopt) << seconds << " " << micros;
  }
}

}  // namespace
}  // namespace sluice
