#include "agent/app/shared_redis.h"

#include "core/shared_clock.h"

namespace sluice::app {

net::RedisOptions redis_options(const config::Redis& redis) {
  net::RedisOptions options;
  if (!redis.url.empty()) {
    options.url = net::parse_redis_url(redis.url).value();
  } else {
    options.url.tls = redis.use_tls;
    options.url.database = redis.database;
  }
  if (!redis.username.empty()) options.url.user = redis.username;
  if (!redis.password.empty()) options.url.password = redis.password;
  options.password_file = redis.password_file;
  options.tls = redis.tls;
  options.sentinels = redis.sentinels;
  options.master_name = redis.master_name;
  options.sentinel_user = redis.sentinel_username;
  options.sentinel_password = redis.sentinel_password;
  options.sentinel_password_file = redis.sentinel_password_file;
  options.nodes = redis.cluster_nodes;
  return options;
}

std::optional<Timestamp> redis_time(const net::RedisReply& reply) {
  if (reply.elements.size() != 2) return std::nullopt;
  return sluice::redis_time(reply.elements[0].text, reply.elements[1].text);
}

std::vector<std::pair<std::string, std::string>> redis_hash(const net::RedisReply& reply) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (size_t i = 0; i + 1 < reply.elements.size(); i += 2)
    pairs.emplace_back(reply.elements[i].text, reply.elements[i + 1].text);
  return pairs;
}

std::string error_in(const net::RedisReplies& replies) {
  for (const net::RedisReply& reply : replies) {
    if (reply.is_error()) return reply.text;
  }
  return "";
}

}  // namespace sluice::app
