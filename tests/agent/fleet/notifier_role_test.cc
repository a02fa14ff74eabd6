#include "agent/fleet/notifier_role.h"

#include <gtest/gtest.h>

namespace sluice::fleet {
namespace {

constexpr Instant kStart{1000s};
const std::vector<std::string> kThree = {"a", "b", "c"};

NotifierRole standby(const std::string& self) {
  NotifierRole role(self, kStart);
  role.heard(kStart, "somebody", kThree);
  return role;
}

TEST(NotifierRoleTest, a_free_lease_is_taken_and_renewed_and_ends_before_it_ends) {
  NotifierRole role("a", kStart);
  EXPECT_EQ(role.role(kStart), Role::kStandby) << "nothing is known yet";
  EXPECT_EQ(role.wish(kStart), NotifierRole::Wish::kNothing);
  role.heard(kStart, "", kThree);
  EXPECT_EQ(role.wish(kStart), NotifierRole::Wish::kTake);
  role.granted(kStart);
  EXPECT_EQ(role.role(kStart), Role::kHolder);
  EXPECT_EQ(role.wish(kStart + 1s), NotifierRole::Wish::kNothing);
  EXPECT_EQ(role.wish(kStart + kRenewAfter), NotifierRole::Wish::kRenew);
  EXPECT_EQ(role.next_change(kStart), kStart + 5s);
  EXPECT_EQ(role.role(kStart + 5s), Role::kStandby) << "a second before the lease ends in Redis";
  role.granted(kStart + 3s);
  EXPECT_EQ(role.role(kStart + 5s), Role::kHolder);
}

TEST(NotifierRoleTest, who_finds_another_in_its_place_stops_at_once) {
  NotifierRole role("a", kStart);
  role.heard(kStart, "", kThree);
  role.granted(kStart);
  role.heard(kStart + 1s, "b", kThree);
  EXPECT_EQ(role.role(kStart + 1s), Role::kStandby);
  EXPECT_EQ(role.wish(kStart + 1s), NotifierRole::Wish::kNothing);
  role.heard(kStart + 9s, "", kThree);
  EXPECT_EQ(role.wish(kStart + 9s), NotifierRole::Wish::kTake) << "and tries again for ever";
}

TEST(NotifierRoleTest, who_was_restarted_takes_up_its_own_lease) {
  NotifierRole role("a", kStart);
  role.heard(kStart, "a", kThree);
  EXPECT_EQ(role.role(kStart), Role::kStandby) << "what it told is not read yet";
  EXPECT_EQ(role.wish(kStart), NotifierRole::Wish::kRenew);
}

TEST(NotifierRoleTest, without_redis_each_tells_after_a_delay_by_rank_and_all_within_22s) {
  struct Case {
    std::string self;
    Duration after;
  };
  for (const Case& c : {Case{"a", 7s}, Case{"b", 12s}, Case{"c", 17s}}) {
    NotifierRole role = standby(c.self);
    role.unreachable();
    EXPECT_EQ(role.next_change(kStart), kStart + c.after) << c.self;
    EXPECT_FALSE(role.may_tell(kStart + c.after - 1ms)) << c.self;
    EXPECT_TRUE(role.may_tell(kStart + c.after)) << c.self;
    role.heard(kStart + 30s, "a", kThree);
    EXPECT_EQ(role.may_tell(kStart + 30s), false) << "with Redis back nobody tells without the lease";
  }
  std::vector<std::string> many;
  for (int i = 0; i < 1000; ++i) many.push_back("agent-" + std::to_string(1000 + i));
  NotifierRole last(many.back(), kStart);
  last.heard(kStart, "x", many);
  last.unreachable();
  EXPECT_LE(last.next_change(kStart), kStart + 22s);
}

TEST(NotifierRoleTest, the_only_agent_does_not_wait_for_others) {
  NotifierRole role("a", kStart);
  role.heard(kStart, "", {"a"});
  role.granted(kStart);
  role.unreachable();
  EXPECT_TRUE(role.may_tell(kStart + 4s));
  EXPECT_TRUE(role.may_tell(kStart + 5s)) << "its lease is over, but whose could it be";
  NotifierRole fresh("a", kStart);
  fresh.unreachable();
  EXPECT_FALSE(fresh.may_tell(kStart)) << "it has never heard who else there is";
  EXPECT_TRUE(fresh.may_tell(kStart + kAloneAfter));
}

}  // namespace
}  // namespace sluice::fleet
