#include "core/redis_slot.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// Known slots: the specification's example 123456789, and keys that Redis's own CLUSTER KEYSLOT was asked
// for.
TEST(RedisSlotTest, is_what_redis_says) {
  EXPECT_EQ(redis_slot("123456789"), 0x31c3 % 16384);
  EXPECT_EQ(redis_slot("foo"), 12182);
  EXPECT_EQ(redis_slot("{foo}bar"), 12182);
  EXPECT_NE(redis_slot("{}foo"), redis_slot("foo"));
}

}  // namespace
}  // namespace sluice
