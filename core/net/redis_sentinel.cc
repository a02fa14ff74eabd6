#include "core/net/redis_sentinel.h"

#include <fmt/format.h>

#include <boost/asio/use_awaitable.hpp>

#include "core/net/clock.h"
#include "core/whole_number.h"

namespace asio = boost::asio;

namespace sluice::net {
namespace {

RedisOptions options_for(const HostPort& sentinel, const RedisOptions& options) {
  RedisOptions how;
  how.url.host = sentinel.host;
  how.url.port = sentinel.port;
  how.url.tls = options.url.tls;
  how.url.user = options.sentinel_user;
  how.url.password = options.sentinel_password;
  how.password_file = options.sentinel_password_file;
  how.tls = options.tls;
  how.limits = options.limits;
  return how;
}

NetResult<HostPort> address_in(const RedisReply& reply, const std::string& master_name) {
  if (reply.is_error()) return Fault{FaultKind::kInvalid, reply.text};
  if (reply.is_nil())
    return Fault{FaultKind::kInvalid, fmt::format("it watches no primary named \"{}\"", master_name)};
  HostPort address;
  if (reply.elements.size() == 2) {
    address.host = reply.elements[0].text;
    address.port = parse_whole<uint16_t>(reply.elements[1].text).value_or(0);
    if (!address.host.empty() && address.port != 0) return address;
  }
  return Fault{FaultKind::kProtocol, "its answer is no address"};
}

asio::awaitable<NetResult<HostPort>> ask(Net net, HostPort sentinel, RedisOptions options, Instant until) {
  auto connection = co_await RedisConnection::connect(net, options_for(sentinel, options), until);
  if (!connection) co_return connection.error();
  RedisCommand command = {"SENTINEL", "get-master-addr-by-name", options.master_name};
  const auto reply = co_await (*connection)->command(std::move(command), until);
  if (!reply) co_return reply.error();
  co_return address_in(*reply, options.master_name);
}

}  // namespace

asio::awaitable<NetResult<HostPort>> ask_sentinels(Net net, RedisOptions options, Instant until) {
  Fault last{FaultKind::kInvalid, "no sentinels are configured"};
  const size_t count = options.sentinels.size();
  for (size_t i = 0; i < count; ++i) {
    const HostPort& sentinel = options.sentinels[i];
    const Instant now = net.clock.now();
    const Instant share = now + (until - now) / static_cast<int64_t>(count - i);
    auto address = co_await ask(net, sentinel, options, share);
    if (address) co_return std::move(*address);
    last = address.error();
    last.message = fmt::format("sentinel {}: {}", sentinel.to_string(), last.message);
  }
  co_return last;
}

asio::awaitable<NetResult<std::unique_ptr<RedisConnection>>> connect_to_primary(Net net, RedisOptions options,
                                                                                Instant until,
                                                                                HostPort* named) {
  // Half of the time is for the primary itself.
  const Instant now = net.clock.now();
  const auto address = co_await ask_sentinels(net, options, now + (until - now) / 2);
  if (!address) co_return address.error();
  if (named != nullptr) *named = *address;
  options.url.host = address->host;
  options.url.port = address->port;
  auto connection = co_await RedisConnection::connect(net, options, until);
  if (!connection) co_return connection.error();
  RedisCommand command = {"ROLE"};
  const auto role = co_await (*connection)->command(std::move(command), until);
  if (!role) co_return role.error();
  // A user whose rules forbid ROLE finds out with the first write.
  const bool forbidden = role->is_error();
  if (!forbidden && (role->elements.empty() || role->elements[0].text != "master")) {
    co_return Fault{FaultKind::kInvalid,
                    fmt::format("{} is named by the sentinels but is no primary", options.url.instance())};
  }
  co_return std::move(*connection);
}

}  // namespace sluice::net
