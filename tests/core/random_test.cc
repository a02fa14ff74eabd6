#include "core/random.h"

#include <gtest/gtest.h>

#include <array>

namespace sluice {
namespace {

TEST(RandomTest, the_same_seed_gives_the_same_numbers_for_ever) {
  // The published first outputs of SplitMix64 for the seed 1234567.
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317u);
  EXPECT_EQ(random.next(), 3203168211198807973u);
  EXPECT_EQ(random.next(), 9817491932198370423u);
}

TEST(RandomTest, stays_within_its_bounds_and_reaches_them) {
  Random random(1);
  std::array<int, 5> seen{};
  for (int i = 0; i < 1000; ++i) {
    ++seen.at(random.below(5));
    const double unit = random.unit();
    EXPECT_TRUE(unit >= 0 && unit < 1);
    const Duration d = random.between(2ns, 4ns);
    EXPECT_TRUE(d >= 2ns && d <= 4ns);
  }
  for (const int count : seen) EXPECT_GT(count, 100);
  EXPECT_EQ(random.below(0), 0u);
  EXPECT_EQ(random.below(1), 0u);
  EXPECT_EQ(random.between(5s, 5s), 5s);
  EXPECT_EQ(random.between(5s, 1s), 5s);
}

TEST(StableHashTest, is_fnv_1a) {
  EXPECT_EQ(stable_hash(""), 0xcbf29ce484222325u);
  EXPECT_EQ(stable_hash("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(stable_hash("foobar"), 0x85944171f73967e8u);
  EXPECT_NE(stable_hash("a", 1), stable_hash("a", 2));
}

}  // namespace
}  // namespace sluice
