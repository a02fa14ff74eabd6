#include "core/shared_clock.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace sluice
