#pragma once
// How the Redis that all agents share is reached, as its configuration says, and what its replies hold.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/config/config.h"
#include "core/net/redis_link.h"

namespace sluice::app {

// The loader has checked it.
net::RedisOptions redis_options(const config::Redis& redis);

// The answer of TIME: seconds and microseconds.
std::optional<Timestamp> redis_time(const net::RedisReply& reply);
// The answer of HGETALL.
std::vector<std::pair<std::string, std::string>> redis_hash(const net::RedisReply& reply);
// The first error among the replies; empty when there is none.
std::string error_in(const net::RedisReplies& replies);

}  // namespace sluice::app
