#pragma once
// The replies of the Redis in memory as fleet::Sharing takes them.

#include <vector>

#include "agent/fleet/sharing.h"
#include "tests/support/memory_redis.h"

namespace sluice::test {

inline fleet::Replies fleet_replies(const std::vector<RedisReply>& replies) {
  fleet::Replies out;
  for (const RedisReply& reply : replies) {
    fleet::Reply& plain = out.emplace_back(reply.is_nil(), reply.text, std::vector<std::string>{});
    for (const RedisReply& item : reply.items) plain.items.push_back(item.text);
  }
  return out;
}

}  // namespace sluice::test
