#include "core/net/redis_link.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/url/url_view.hpp>
#include <list>
#include <map>
#include <utility>

#include "core/file/file.h"
#include "core/net/address.h"
#include "core/net/clock.h"
#include "core/net/redis_route.h"
#include "core/net/redis_sentinel.h"
#include "core/net/resolver.h"
#include "core/net/time_point.h"
#include "core/net/tls.h"
#include "core/net/uri.h"
#include "core/random.h"
#include "core/whole_number.h"

namespace asio = boost::asio;

namespace sluice::net {
namespace {

constexpr size_t kChunkBytes = 16 << 10;
constexpr size_t kWaitersMax = 256;
constexpr Duration kPauseMin = 100ms;
constexpr Duration kPauseMax = 5s;
constexpr Duration kAskAgain = 10s;
constexpr Duration kAskAgainPatience = 300ms;
constexpr Duration kSlotPause = 50ms;
constexpr int kRedirectsMax = 100;

bool plausible_host(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  for (const char c : host) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '/' || c == '@' || c == '\x7f') return false;
  }
  return true;
}

std::optional<int> parse_database(std::string_view text) {
  const auto number = parse_whole<int>(text);
  return number && *number >= 0 && *number <= 1'000'000 ? number : std::nullopt;
}

}  // namespace

std::string RedisUrl::instance() const {
  return HostPort{host, port}.to_string();
}

Result<RedisUrl> parse_redis_url(std::string_view text) {
  if (text.size() > 4096) return limit_met("a Redis URL has at most 4096 bytes");
  RedisUrl url;
  if (text.find("://") == std::string_view::npos) {
    if (text.find('@') != std::string_view::npos) {
      return invalid("a Redis address with credentials must be a URL that starts with redis:// or rediss://");
    }
    auto plain = parse_host_port(text, url.port);
    if (!plain) return plain.error();
    if (!plausible_host(plain->host) || plain->port == 0)
      return invalid(fmt::format("\"{}\" is not host:port", text));
    url.host = std::move(plain->host);
    url.port = plain->port;
    return url;
  }
  const auto parsed = parse_uri(text);
  if (!parsed) return invalid("not a valid URL (special characters in the password must be percent-encoded)");
  const boost::urls::url_view view = *parsed;
  const std::string_view scheme(view.scheme().data(), view.scheme().size());
  if (scheme != "redis" && scheme != "rediss")
    return invalid("a Redis URL starts with redis:// or rediss://");
  url.tls = scheme == "rediss";
  url.host = std::string(view.host_address());
  if (!plausible_host(url.host)) return invalid("the Redis URL names no host");
  if (view.has_port()) {
    url.port = parse_whole<uint16_t>({view.port().data(), view.port().size()}).value_or(0);
    if (url.port == 0) return invalid("the Redis URL's port is not in 1 to 65535");
  }
  if (view.has_userinfo()) {
    url.user = std::string(view.user());
    url.password = std::string(view.password());
  }
  if (view.has_fragment())
    return invalid("the Redis URL has a fragment ('#' in a password must be written %23)");
  std::string path = view.path();
  if (path.starts_with('/')) path.erase(0, 1);
  if (!path.empty()) {
    const auto database = parse_database(path);
    if (!database) return invalid("the Redis URL's path is not the number of a database");
    url.database = *database;
    url.has_database = true;
  }
  for (const auto& parameter : view.params()) {
    if (parameter.key == "db") {
      const auto database = parse_database(parameter.value);
      if (!database) return invalid("the Redis URL's db is not the number of a database");
      url.database = *database;
      url.has_database = true;
    } else if (parameter.key.starts_with("ssl")) {
      // The others tune the client whose URL this is; those would change what is trusted.
      const std::string name(parameter.key);
      return invalid(fmt::format("the Redis URL's parameter \"{}\" belongs into tls_config", name));
    }
  }
  return url;
}

RedisConnection::RedisConnection(std::unique_ptr<Stream> stream, RedisLimits limits)
    : stream_(std::move(stream)), decoder_(limits), chunk_(kChunkBytes) {}

RedisConnection::~RedisConnection() = default;

void RedisConnection::close() {
  open_ = false;
  stream_->close();
}

asio::awaitable<NetResult<std::unique_ptr<RedisConnection>>> RedisConnection::connect(Net net,
                                                                                      RedisOptions options,
                                                                                      Instant until) {
  std::string password = options.url.password;
  if (!options.password_file.empty()) {
    auto read = file::read_secret(options.password_file);
    if (!read) co_return Fault{FaultKind::kInvalid, read.error().message};
    password = std::move(*read);
  }
  const auto executor = co_await asio::this_coro::executor;
  Deadline deadline(executor, until);
  ResolveOptions any_family;
  auto addresses = co_await net.resolver.resolve(options.url.host, any_family, until);
  if (!addresses) co_return addresses.error();
  auto stream = co_await connect_any(std::move(*addresses), options.url.port, deadline);
  if (!stream) co_return stream.error();
  if (options.url.tls) {
    auto context = net.tls.client(options.tls);
    if (!context) co_return context.error();
    TlsClientOptions tls_options;
    tls_options.server_name = options.tls.server_name.empty() ? options.url.host : options.tls.server_name;
    TlsFacts facts;
    stream = co_await tls_connect(std::move(*stream), *context, tls_options, facts, deadline);
    if (!stream) co_return stream.error();
  }
  deadline.release();
  auto connection = std::make_unique<RedisConnection>(std::move(*stream), options.limits);
  std::vector<RedisCommand> greeting;
  if (!options.url.user.empty()) {
    greeting.push_back({"AUTH", options.url.user, password});
  } else if (!password.empty()) {
    greeting.push_back({"AUTH", password});
  }
  if (options.url.database != 0) greeting.push_back({"SELECT", fmt::format("{}", options.url.database)});
  if (!greeting.empty()) {
    const auto replies = co_await connection->pipeline(std::move(greeting), until);
    if (!replies) co_return replies.error();
    for (const RedisReply& reply : *replies) {
      if (reply.is_error()) co_return Fault{FaultKind::kInvalid, reply.text};
    }
  }
  co_return std::move(connection);
}

asio::awaitable<NetResult<void>> RedisConnection::send(RedisCommand command) {
  const std::string bytes = encode(command);
  auto sent = co_await stream_->write_all(bytes);
  if (!sent) open_ = false;
  co_return sent;
}

asio::awaitable<NetResult<RedisReply>> RedisConnection::receive() {
  for (;;) {
    auto reply = decoder_.next();
    if (!reply) {
      close();
      co_return reply.error();
    }
    if (*reply) co_return std::move(**reply);
    const auto read = co_await stream_->read_some(chunk_);
    if (!read) {
      close();
      co_return read.error();
    }
    if (*read == 0) {
      close();
      co_return Fault{FaultKind::kReset, "Redis closed the connection"};
    }
    decoder_.feed({chunk_.data(), *read});
  }
}

asio::awaitable<NetResult<RedisReplies>> RedisConnection::pipeline(std::vector<RedisCommand> commands,
                                                                   Instant until) {
  if (!open_) co_return Fault{FaultKind::kClosed, "the connection is closed"};
  const auto executor = co_await asio::this_coro::executor;
  Deadline deadline(executor, until);
  deadline.closes(*stream_);
  std::string bytes;
  for (const RedisCommand& command : commands) bytes += encode(command);
  const auto sent = co_await stream_->write_all(bytes);
  if (!sent && sent.error().kind != FaultKind::kReset) {
    close();
    co_return deadline.judge(sent.error(), FaultKind::kTimeout);
  }
  // After a reset there may still be a last word to read: "max number of clients reached".
  RedisReplies replies;
  replies.reserve(commands.size());
  while (replies.size() < commands.size()) {
    auto reply = co_await receive();
    if (!reply) {
      Fault fault = deadline.judge(reply.error(), FaultKind::kTimeout);
      if (!replies.empty() && replies.back().is_error()) fault.message += " after: " + replies.back().text;
      co_return fault;
    }
    replies.push_back(std::move(*reply));
  }
  if (!sent) close();
  co_return std::move(replies);
}

asio::awaitable<NetResult<RedisReply>> RedisConnection::command(RedisCommand command, Instant until) {
  std::vector<RedisCommand> one;
  one.push_back(std::move(command));
  auto replies = co_await pipeline(std::move(one), until);
  if (!replies) co_return replies.error();
  co_return std::move(replies->front());
}

namespace {

// A caller in the queue, in the frame of its coroutine.
struct Waiter {
  asio::steady_timer timer;
  bool granted = false;
};

// A server of the link: the one there is, whomever the sentinels name, or one of a cluster.
struct Server {
  std::shared_ptr<RedisConnection> connection;
  Duration pause{};
  Instant retry_at{};
  std::string last_error;
};

}  // namespace

// The link proper. Every call holds it, so that the RedisLink may go away meanwhile.
struct RedisLink::State {
  State(Net with, RedisOptions how, uint64_t seed)
      : net(with), options(std::move(how)), random(seed), map(seeds(options)) {}

  Net net;
  RedisOptions options;
  Random random;
  RedisMap map;
  std::map<std::string, Server> servers;
  HostPort primary;        // as the sentinels said
  Instant ask_again_at{};  // them
  bool over = false;       // the RedisLink is gone
  bool busy = false;
  std::list<Waiter*> waiters;  // in the order they came
  RedisLinkStats stats;

  static std::vector<std::string> seeds(const RedisOptions& options) {
    std::vector<std::string> out;
    for (const HostPort& node : options.nodes) out.push_back(node.to_string());
    if (out.empty()) out.push_back(options.sentinels.empty() ? options.url.instance() : options.master_name);
    return out;
  }

  void pass_turn() {
    if (waiters.empty()) {
      busy = false;
      return;
    }
    Waiter* next = waiters.front();
    waiters.pop_front();
    next->granted = true;
    next->timer.cancel();
  }

  // Where a call goes. A connection that watches keys must see its transaction through.
  struct Route {
    std::string server;
    std::shared_ptr<RedisConnection> connection;
  };

  using Self = std::shared_ptr<State>;
  static asio::awaitable<Result<void>> take_turn(Self self, Instant until);
  static asio::awaitable<Result<Route>> ensure_connected(Self self, std::optional<uint16_t> slot,
                                                         Instant until);
  static asio::awaitable<NetResult<std::unique_ptr<RedisConnection>>> connect(Self self, std::string server,
                                                                              Instant until);
  static asio::awaitable<void> ask_sentinels_again(Self self, Instant until);
  static asio::awaitable<Result<RedisReplies>> exchange(Self self, Route route,
                                                        std::vector<RedisCommand> commands, Instant until);
  static asio::awaitable<Result<bool>> redirected(Self self, Route route, std::optional<uint16_t> slot,
                                                  const RedisReplies& replies, int& redirects, Instant until);
  static asio::awaitable<Result<RedisCommit>> commit(Self self, Route route, std::optional<uint16_t> slot,
                                                     std::vector<RedisCommand> writes, Instant until);
  static asio::awaitable<Result<RedisReplies>> run(Self self, std::vector<RedisCommand> commands,
                                                   Instant until);
  static asio::awaitable<Result<RedisCommit>> transact(Self self, RedisTransaction transaction,
                                                       Instant until);
  static asio::awaitable<Result<RedisReply>> command(Self self, RedisCommand command, Instant until);
};

namespace {

// Whoever took the turn passes it on at the end, also when its coroutine is destroyed.
template <typename State>
class Turn {
 public:
  explicit Turn(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~Turn() { state_->pass_turn(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::shared_ptr<State> state_;
};

// Leaves the queue, or hands on a turn that nobody took.
template <typename State>
class InQueue {
 public:
  InQueue(State& state, Waiter& waiter) : state_(state), waiter_(waiter) {
    state_.waiters.push_back(&waiter);
  }
  ~InQueue() {
    if (!waiter_.granted) {
      state_.waiters.remove(&waiter_);
    } else if (!taken) {
      state_.pass_turn();
    }
  }
  InQueue(const InQueue&) = delete;
  InQueue& operator=(const InQueue&) = delete;
  bool taken = false;

 private:
  State& state_;
  Waiter& waiter_;
};

Error link_is_gone() {
  return unavailable("the connection to Redis is no longer wanted");
}

}  // namespace

// The caller has the turn when this succeeds, and must make a Turn of it before it awaits anything.
asio::awaitable<Result<void>> RedisLink::State::take_turn(Self self, Instant until) {
  if (self->over) co_return link_is_gone();
  if (!self->busy) {
    self->busy = true;
    co_return Result<void>();
  }
  if (self->waiters.size() >= kWaitersMax) {
    ++self->stats.refused_waiters;
    co_return limit_met(fmt::format("{} callers are waiting for Redis already", kWaitersMax));
  }
  const auto executor = co_await asio::this_coro::executor;
  Waiter waiter{asio::steady_timer(executor, to_steady(until))};
  InQueue<State> place(*self, waiter);
  boost::system::error_code ignored;
  co_await waiter.timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  if (!waiter.granted) co_return timed_out("Redis is busy with earlier commands");
  if (self->over) co_return link_is_gone();
  place.taken = true;
  co_return Result<void>();
}

asio::awaitable<NetResult<std::unique_ptr<RedisConnection>>> RedisLink::State::connect(Self self,
                                                                                       std::string server,
                                                                                       Instant until) {
  if (!self->options.sentinels.empty()) {
    self->ask_again_at = self->net.clock.now() + kAskAgain;
    co_return co_await connect_to_primary(self->net, self->options, until, &self->primary);
  }
  RedisOptions how = self->options;
  if (server != how.url.instance()) {
    const auto address = parse_host_port(server);
    if (!address) co_return Fault{FaultKind::kInvalid, address.error().message};
    how.url.host = address->host;
    how.url.port = address->port;
  }
  co_return co_await RedisConnection::connect(self->net, std::move(how), until);
}

// A primary that was cut off from its sentinels does not know that it is none any more.
asio::awaitable<void> RedisLink::State::ask_sentinels_again(Self self, Instant until) {
  const Instant now = self->net.clock.now();
  if (self->options.sentinels.empty() || now < self->ask_again_at) co_return;
  self->ask_again_at = now + kAskAgain;
  const auto address =
      co_await ask_sentinels(self->net, self->options, std::min(until, now + kAskAgainPatience));
  if (!address) co_return;
  const bool moved = *address != self->primary;
  self->primary = *address;
  if (!moved) co_return;
  for (auto& [name, server] : self->servers) {
    if (server.connection != nullptr) server.connection->close();
  }
}

asio::awaitable<Result<RedisLink::State::Route>> RedisLink::State::ensure_connected(
    Self self, std::optional<uint16_t> slot, Instant until) {
  co_await ask_sentinels_again(self, until);
  RedisLinkStats& stats = self->stats;
  for (size_t tries = self->map.size(); tries > 0; --tries) {
    const std::string name = self->map.server_of(slot);
    Server& server = self->servers[name];
    if (server.connection != nullptr && server.connection->open()) co_return Route{name, server.connection};
    server.connection.reset();
    stats.connected = false;
    const Instant now = self->net.clock.now();
    if (now < server.retry_at) {
      const Duration left = std::max<Duration>(server.retry_at - now, 1ms);
      stats.last_error = fmt::format("{}; next try in {}", server.last_error, format_human(left));
    } else {
      auto connected = co_await connect(self, name, now + (until - now) / static_cast<int64_t>(tries));
      if (self->over) co_return link_is_gone();
      if (connected) {
        server.connection = std::move(*connected);
        server.pause = {};
        server.retry_at = {};
        self->map.answered(name);
        ++stats.connects;
        stats.connected = true;
        stats.last_error.clear();
        co_return Route{name, server.connection};
      }
      ++stats.connect_failures;
      stats.last_error = server.last_error =
          fmt::format("Redis at {} is not reachable: {}", name, connected.error().message);
      server.pause = std::min(std::max(server.pause * 2, kPauseMin), kPauseMax);
      server.retry_at = self->net.clock.now() + self->random.between(server.pause / 2, server.pause);
    }
    self->map.failed(name);
  }
  co_return unavailable(stats.last_error);
}

asio::awaitable<Result<RedisReplies>> RedisLink::State::exchange(Self self, Route route,
                                                                 std::vector<RedisCommand> commands,
                                                                 Instant until) {
  auto replies = co_await route.connection->pipeline(std::move(commands), until);
  if (replies) co_return std::move(*replies);
  RedisLinkStats& stats = self->stats;
  ++stats.broken;
  stats.connected = false;
  stats.last_error = fmt::format("Redis at {}: {}", route.server, replies.error().message);
  if (replies.error().kind == FaultKind::kTimeout) co_return timed_out(stats.last_error);
  co_return unavailable(stats.last_error);
}

// Whether the call must be made again because of what was answered: at another server, or here in a while.
asio::awaitable<Result<bool>> RedisLink::State::redirected(Self self, Route route,
                                                           std::optional<uint16_t> slot,
                                                           const RedisReplies& replies, int& redirects,
                                                           Instant until) {
  const std::optional<RedisRedirect> redirect = redirect_of(replies);
  if (!redirect) co_return false;
  RedisLinkStats& stats = self->stats;
  using enum RedisRedirect::Kind;
  if (redirect->kind == kDemoted) {
    // Its sentinels, or the name's next resolution, know the new one.
    route.connection->close();
    stats.connected = false;
    stats.last_error = fmt::format("Redis at {} takes no writes any more: it is a replica", route.server);
    co_return unavailable(stats.last_error);
  }
  if (++redirects > kRedirectsMax) co_return unavailable("Redis sends us round in circles");
  if (redirect->kind == kMoved && slot && redirect->slot != *slot) {
    co_return invalid("CROSSSLOT the keys of one call are in different slots");
  }
  if (redirect->kind == kMoved) {
    ++stats.redirects;
    std::string server = redirect->node;
    if (server.starts_with(':')) server.insert(0, route.server.substr(0, route.server.rfind(':')));
    self->map.moved(redirect->slot, std::move(server));
    co_return true;
  }
  const auto executor = co_await asio::this_coro::executor;
  const Instant again = self->net.clock.now() + kSlotPause;
  if (again >= until) co_return unavailable("Redis is moving the keys, or has no primary for them");
  asio::steady_timer timer(executor, to_steady(again));
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  co_return true;
}

asio::awaitable<Result<RedisReplies>> RedisLink::State::run(Self self, std::vector<RedisCommand> commands,
                                                            Instant until) {
  const auto mine = co_await take_turn(self, until);
  if (!mine) co_return mine.error();
  const Turn<State> turn(self);
  const std::optional<uint16_t> slot = slot_of(commands);
  for (int redirects = 0;;) {
    const auto route = co_await ensure_connected(self, slot, until);
    if (!route) co_return route.error();
    auto replies = co_await exchange(self, *route, commands, until);
    if (!replies) co_return replies.error();
    const auto again = co_await redirected(self, *route, slot, *replies, redirects, until);
    if (!again) co_return again.error();
    if (!*again) co_return std::move(*replies);
  }
}

asio::awaitable<Result<RedisReply>> RedisLink::State::command(Self self, RedisCommand command,
                                                              Instant until) {
  std::vector<RedisCommand> one;
  one.push_back(std::move(command));
  auto replies = co_await run(self, std::move(one), until);
  if (!replies) co_return replies.error();
  co_return std::move(replies->front());
}

asio::awaitable<Result<RedisCommit>> RedisLink::State::transact(Self self, RedisTransaction transaction,
                                                                Instant until) {
  const auto mine = co_await take_turn(self, until);
  if (!mine) co_return mine.error();
  const Turn<State> turn(self);

  std::vector<RedisCommand> opening;
  RedisCommand watch{"WATCH"};
  watch.insert(watch.end(), transaction.watch.begin(), transaction.watch.end());
  opening.push_back(std::move(watch));
  for (RedisCommand& read : transaction.reads) opening.push_back(std::move(read));
  const std::optional<uint16_t> slot = slot_of(opening);
  RedisReplies reads;
  Route route;
  for (int redirects = 0;;) {
    const auto connected = co_await ensure_connected(self, slot, until);
    if (!connected) co_return connected.error();
    route = *connected;
    auto replies = co_await exchange(self, route, opening, until);
    if (!replies) co_return replies.error();
    reads = std::move(*replies);
    const auto again = co_await redirected(self, route, slot, reads, redirects, until);
    if (!again) co_return again.error();
    if (!*again) break;
  }
  if (self->over) co_return link_is_gone();  // whoever decides may be gone with the link
  if (reads.front().is_error()) co_return invalid(reads.front().text);
  reads.erase(reads.begin());

  std::vector<RedisCommand> writes = transaction.decide(reads);
  if (writes.empty()) {
    std::vector<RedisCommand> closing;
    closing.push_back({"UNWATCH"});
    const auto closed = co_await exchange(self, route, std::move(closing), until);
    if (!closed) co_return closed.error();
    co_return RedisCommit{};
  }
  co_return co_await commit(self, route, slot, std::move(writes), until);
}

asio::awaitable<Result<RedisCommit>> RedisLink::State::commit(Self self, Route route,
                                                              std::optional<uint16_t> slot,
                                                              std::vector<RedisCommand> writes,
                                                              Instant until) {
  std::vector<RedisCommand> commands;
  commands.push_back({"MULTI"});
  for (RedisCommand& write : writes) commands.push_back(std::move(write));
  commands.push_back({"EXEC"});
  auto replies = co_await exchange(self, route, std::move(commands), until);
  if (!replies) co_return replies.error();
  RedisCommit result;
  int redirects = 0;
  const auto again = co_await redirected(self, route, slot, *replies, redirects, until);
  if (!again) co_return again.error();
  if (*again) {
    // The slot has left between the two round trips: nothing was written, and what was read is old.
    result.outcome = RedisCommit::Outcome::kConflict;
    co_return result;
  }
  RedisReply& executed = replies->back();
  if (executed.is_nil()) {
    result.outcome = RedisCommit::Outcome::kConflict;
    co_return result;
  }
  if (executed.is_error()) {
    // "EXECABORT ... because of previous errors": the refused command says what was wrong.
    for (const RedisReply& queued : *replies) {
      if (queued.is_error()) co_return invalid(queued.text);
    }
  }
  if (executed.kind != RedisReply::Kind::kArray)
    co_return invalid("EXEC was answered with something that is no array");
  result.outcome = RedisCommit::Outcome::kCommitted;
  result.replies = std::move(executed.elements);
  co_return result;
}

RedisLink::RedisLink(Net net, RedisOptions options, uint64_t seed)
    : state_(std::make_shared<State>(net, std::move(options), seed)) {}

RedisLink::~RedisLink() {
  state_->over = true;
  disconnect();
}

asio::awaitable<Result<RedisReplies>> RedisLink::run(std::vector<RedisCommand> commands, Instant until) {
  return State::run(state_, std::move(commands), until);
}
asio::awaitable<Result<RedisCommit>> RedisLink::transact(RedisTransaction transaction, Instant until) {
  return State::transact(state_, std::move(transaction), until);
}
asio::awaitable<Result<RedisReply>> RedisLink::command(RedisCommand command, Instant until) {
  return State::command(state_, std::move(command), until);
}

RedisLinkStats RedisLink::stats() const {
  return state_->stats;
}

void RedisLink::disconnect() {
  for (auto& [name, server] : state_->servers) {
    if (server.connection != nullptr) server.connection->close();
  }
}

namespace {

std::optional<RedisSubscription::Message> to_message(const RedisReply& reply) {
  const auto& parts = reply.elements;
  if (parts.size() != 3 || parts[0].text != "message") return std::nullopt;
  return RedisSubscription::Message{parts[1].text, parts[2].text};
}

}  // namespace

RedisSubscription::RedisSubscription(Net net, std::shared_ptr<RedisConnection> connection)
    : net_(net), connection_(std::move(connection)) {}

asio::awaitable<NetResult<std::unique_ptr<RedisSubscription>>> RedisSubscription::open(
    Net net, RedisOptions options, std::vector<std::string> channels, Instant until) {
  if (!options.nodes.empty()) {
    options.url.host = options.nodes.front().host;
    options.url.port = options.nodes.front().port;
  }
  auto connection = options.sentinels.empty()
                        ? co_await RedisConnection::connect(net, std::move(options), until)
                        : co_await connect_to_primary(net, std::move(options), until);
  if (!connection) co_return connection.error();
  RedisCommand subscribe{"SUBSCRIBE"};
  const size_t wanted = channels.size();
  for (std::string& channel : channels) subscribe.push_back(std::move(channel));
  const auto executor = co_await asio::this_coro::executor;
  std::shared_ptr<RedisConnection> shared = std::move(*connection);
  Deadline deadline(executor, until);
  deadline.on_expiry([shared] { shared->close(); });
  const auto sent = co_await shared->send(std::move(subscribe));
  if (!sent) co_return deadline.judge(sent.error(), FaultKind::kTimeout);
  std::unique_ptr<RedisSubscription> subscription(new RedisSubscription(net, shared));
  for (size_t confirmed = 0; confirmed < wanted;) {
    auto reply = co_await shared->receive();
    if (!reply) co_return deadline.judge(reply.error(), FaultKind::kTimeout);
    if (reply->is_error()) co_return Fault{FaultKind::kInvalid, reply->text};
    // One channel may speak while the next is not yet confirmed.
    if (auto message = to_message(*reply)) {
      subscription->early_.push_back(std::move(*message));
    } else {
      ++confirmed;
    }
  }
  co_return std::move(subscription);
}

namespace {

asio::awaitable<void> ping(std::shared_ptr<RedisConnection> connection) {
  RedisCommand command{"PING"};
  // When it cannot be sent, the receiver notices.
  co_await connection->send(std::move(command));
}

}  // namespace

asio::awaitable<NetResult<RedisSubscription::Message>> RedisSubscription::next(Duration heartbeat) {
  if (!early_.empty()) {
    Message message = std::move(early_.front());
    early_.pop_front();
    co_return std::move(message);
  }
  const auto executor = co_await asio::this_coro::executor;
  for (;;) {
    const Instant now = net_.clock.now();
    Deadline remind(executor, now + heartbeat);
    remind.on_expiry([executor, connection = connection_] {
      asio::co_spawn(executor, ping(connection), [](std::exception_ptr bug) {
        if (bug) std::rethrow_exception(bug);
      });
    });
    Deadline lost(executor, now + 2 * heartbeat);
    lost.on_expiry([connection = connection_] { connection->close(); });
    auto reply = co_await connection_->receive();
    if (!reply) co_return lost.judge(reply.error(), FaultKind::kTimeout);
    if (reply->is_error()) {
      close();
      co_return Fault{FaultKind::kInvalid, reply->text};
    }
    if (auto message = to_message(*reply)) co_return std::move(*message);
  }
}

void RedisSubscription::close() {
  connection_->close();
}

}  // namespace sluice::net
