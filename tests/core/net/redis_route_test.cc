#include "core/net/redis_route.h"

#include <gtest/gtest.h>

#include "core/redis_slot.h"

namespace sluice::net {
namespace {

RedisReply error(std::string text) {
  return {RedisReply::Kind::kError, std::move(text), 0, {}};
}

TEST(RedisRouteTest, a_call_belongs_to_the_slot_of_its_first_key) {
  EXPECT_EQ(slot_of({{"TIME"}, {"MULTI"}, {"SET", "{a}x", "1"}}), redis_slot("a"));
  EXPECT_EQ(slot_of({{"PUBLISH", "channel", "word"}, {"PING"}}), std::nullopt);
}

TEST(RedisRouteTest, redirections_are_understood) {
  using enum RedisRedirect::Kind;
  struct Case {
    std::string error;
    std::optional<RedisRedirect::Kind> kind;
    std::string node;
  };
  const Case kCases[] = {
      {"MOVED 3999 127.0.0.1:6381", kMoved, "127.0.0.1:6381"},
      {"MOVED 3999 :6381", kMoved, ":6381"},
      {"MOVED 3999 [::1]:6381", kMoved, "[::1]:6381"},
      {"MOVED 99999 127.0.0.1:6381", {}, ""},
      {"MOVED x", {}, ""},
      {"ASK 3999 127.0.0.1:6381", kWait, ""},
      {"TRYAGAIN Multiple keys request during rehashing of slot", kWait, ""},
      {"CLUSTERDOWN The cluster is down", kWait, ""},
      {"READONLY You can't write against a read only replica.", kDemoted, ""},
      {"NOAUTH Authentication required.", {}, ""},
  };
  for (const Case& c : kCases) {
    const auto redirect = redirect_of({{RedisReply::Kind::kStatus, "OK", 0, {}}, error(c.error)});
    ASSERT_EQ(redirect.has_value(), c.kind.has_value()) << c.error;
    if (!redirect) continue;
    EXPECT_EQ(redirect->kind, *c.kind) << c.error;
    EXPECT_EQ(redirect->node, c.node) << c.error;
  }
}

TEST(RedisRouteTest, slots_are_learned_and_forgotten_with_their_servers) {
  RedisMap map({"one:1", "two:2"});
  EXPECT_EQ(map.server_of(7), "one:1");
  map.moved(7, "three:3");
  EXPECT_EQ(map.server_of(7), "three:3");
  EXPECT_EQ(map.server_of(8), "one:1");
  map.failed("three:3");
  EXPECT_EQ(map.server_of(7), "one:1") << "somebody else knows who has it now";
  map.failed("one:1");
  EXPECT_EQ(map.server_of(7), "two:2");
  map.failed("two:2");
  EXPECT_EQ(map.server_of(7), "one:1") << "when nobody is left, everybody gets another chance";
  map.failed("one:1");
  map.answered("one:1");
  EXPECT_EQ(map.server_of({}), "one:1");
}

}  // namespace
}  // namespace sluice::net
