#pragma once
// Asks Redis Sentinels who the primary is.

#include <boost/asio/awaitable.hpp>

#include "core/net/redis_link.h"

namespace sluice::net {

// The address of the primary named options.master_name, from the first of options.sentinels that knows it.
// Each gets its share of the time, so that one that hangs does not use up what the others need.
boost::asio::awaitable<NetResult<HostPort>> ask_sentinels(Net net, RedisOptions options, Instant until);

// As RedisConnection::connect, to whomever the sentinels name, and only if that server says that it is a
// primary: right after a fail-over a sentinel may still name the old one. `named`, if any, learns whom they
// named, and must outlive the call.
boost::asio::awaitable<NetResult<std::unique_ptr<RedisConnection>>> connect_to_primary(
    Net net, RedisOptions options, Instant until, HostPort* named = nullptr);

}  // namespace sluice::net
