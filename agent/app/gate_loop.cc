#include "agent/app/gate_loop.h"

#include <fmt/format.h>

#include "agent/app/shared_redis.h"
#include "agent/gate/json_text.h"
#include "core/random.h"

namespace sluice::app {

namespace asio = boost::asio;

namespace {

constexpr size_t kLocalLogMax = 1000;
constexpr Duration kListenPauseMin = 500ms;
constexpr Duration kListenPauseMax = 5s;

bool carries_the_flags(const config::Config& config, const config::Job& job, const config::Target& target) {
  if (!config.redis || config.module_of(job).prober != "redis") return false;
  // Which of them it is changes with every fail-over.
  if (config.redis->url.empty()) return true;
  const Result<net::RedisUrl> url = net::parse_redis_url(config.redis->url);
  return url.has_value() && url->instance() == target.instance;
}

std::vector<gate::PoolSetup> setups_of(const config::Config& config) {
  std::vector<gate::PoolSetup> setups;
  for (const config::Job& job : config.jobs) {
    if (!job.upstream) continue;
    gate::PoolSetup setup;
    setup.policy = *job.upstream;
    setup.health = job.health;
    setup.timeout = job.timeout;
    for (const config::Target& target : job.targets) {
      setup.members.push_back({target.address, target.instance, carries_the_flags(config, job, target)});
    }
    setup.config = config.hash_of(job);
    setups.push_back(std::move(setup));
  }
  return setups;
}

// The last replies of the read plan: PTTL of each doubtful flag, TIME, the record, votes, overrides.
std::optional<gate::Reading> reading_of(const net::RedisReplies& replies,
                                        const std::vector<std::string>& doubtful) {
  if (replies.size() < doubtful.size() + 4) return std::nullopt;
  const net::RedisReply* last = &replies[replies.size() - 4];
  for (int i = 0; i < 4; ++i) {
    if (last[i].is_error()) return std::nullopt;
  }
  const auto time = redis_time(last[0]);
  if (!time) return std::nullopt;
  gate::Reading reading;
  reading.time = *time;
  if (!last[1].is_nil()) reading.record = last[1].text;
  reading.votes = redis_hash(last[2]);
  reading.overrides = redis_hash(last[3]);
  if (doubtful.empty()) return reading;
  reading.flags_out.emplace();
  const net::RedisReply* ttl = last - doubtful.size();
  for (const std::string& key : doubtful) {
    if (ttl->is_error()) return std::nullopt;
    if ((ttl++)->integer >= 0) reading.flags_out->push_back(key);
  }
  return reading;
}

// A cluster runs a transaction only when all of its keys are in one slot.
std::string advice(const std::string& pool, const std::string& error) {
  if (!error.starts_with("CROSSSLOT")) return error;
  return fmt::format(
      "in a Redis Cluster the keys of a pool must share a hash tag: write the flag's key with the pool in "
      "doubled braces, as in key: \"{{{{{}}}}}:disabled:{{target}}\" (it said: {})",
      pool, error);
}

// What the link's transaction adds by itself.
bool is_framing(const gate::Command& command) {
  const std::string& name = command.front();
  return name == "WATCH" || name == "UNWATCH" || name == "MULTI" || name == "EXEC";
}

gate::Commands without_framing(gate::Commands commands) {
  std::erase_if(commands, is_framing);
  return commands;
}

}  // namespace

std::vector<gate::PoolSetup> pool_setups(const config::Config& config) {
  return setups_of(config);
}

GateLoop::GateLoop(Edge& edge, Instruments& instruments, std::string agent, std::string zone)
    : edge_(edge),
      instruments_(instruments),
      gate_(agent, std::move(zone)),
      agent_(std::move(agent)),
      random_(stable_hash(agent_)),
      wakeup_(edge),
      listen_again_(edge) {}

void GateLoop::configure(const config::Config& config) {
  if (config.redis != redis_) {
    redis_ = config.redis;
    link_.reset();
    clocks_.clear();
    redis_said_ = false;
    if (redis_) {
      link_ = std::make_unique<net::RedisLink>(edge_.net, redis_options(*redis_), stable_hash(agent_));
    }
  }
  gate_.configure(edge_.clock.now(), setups_of(config));
  // What is listened to may be another Redis's, or other channels.
  if (subscription_ != nullptr) subscription_->close();
  wakeup_.notify();
  listen_again_.notify();
}

gate::Attention GateLoop::observe(const std::string& pool, const std::string& target, bool good,
                                  std::string_view reason) {
  const gate::Seen seen = gate_.observe(edge_.clock.now(), pool, target, good, reason);
  if (seen.change) wakeup_.notify();
  return seen.attention;
}

void GateLoop::observe_api(std::string_view job, std::string_view instance, bool good) {
  gate_.observe_api(edge_.clock.now(), job, instance, good);
}

Timestamp GateLoop::shared_now(std::string_view pool) const {
  const auto clock = clocks_.find(pool);
  return link_ != nullptr && clock != clocks_.end() ? clock->second.at(edge_.clock.now())
                                                    : edge_.clock.unix_now();
}

Duration GateLoop::phase_shift(std::string_view pool, std::string_view target) const {
  if (link_ == nullptr || !clocks_.contains(pool)) return Duration::zero();
  return gate_.phase_shift(pool, target, edge_.clock.now(), shared_now(pool));
}

asio::awaitable<void> GateLoop::run() {
  while (!stopping_) {
    const Instant now = edge_.clock.now();
    for (const std::string& pool : gate_.pools()) {
      if (gate_.next_turn(pool) <= now) co_await turn(pool);
    }
    if (const uint64_t seen = gate_.assignments(); std::exchange(assignments_seen_, seen) != seen)
      on_assigned_();
    if (!stopping_) co_await wakeup_.wait_until(gate_.next_turn());
  }
  co_await leave(stop_deadline_);
}

// Every commit and every word of an operator is published on its pool's channel: the others look at once
// instead of at their next turn.
asio::awaitable<void> GateLoop::listen() {
  Duration pause{};
  while (!stopping_) {
    const std::vector<std::string> pools = gate_.pools();
    if (link_ == nullptr || pools.empty()) {
      co_await listen_again_.wait_until(Instant::max());
      continue;
    }
    std::map<std::string, std::string, std::less<>> pool_of;
    std::vector<std::string> channels;
    for (const std::string& pool : pools) {
      channels.push_back(gate::pool_keys(pool, redis_->prefix).channel);
      pool_of.emplace(channels.back(), pool);
    }
    auto opened = co_await net::RedisSubscription::open(edge_.net, redis_options(*redis_),
                                                        std::move(channels), command_deadline());
    if (opened) {
      subscription_ = std::move(*opened);
      pause = {};
      for (const std::string& pool : pools) look_soon(pool);
      co_await hear(pool_of);
      subscription_.reset();
    }
    pause = std::clamp(pause * 2, kListenPauseMin, kListenPauseMax);
    if (!stopping_) co_await listen_again_.wait_until(edge_.clock.now() + pause);
  }
}

// Until the subscription ends.
asio::awaitable<void> GateLoop::hear(std::map<std::string, std::string, std::less<>> pool_of) {
  for (;;) {
    const auto message = co_await subscription_->next();
    if (!message) co_return;
    const auto pool = pool_of.find(message->channel);
    const bool own = message->payload.find("\"by\":" + gate::json_quote(agent_)) != std::string::npos;
    if (pool != pool_of.end() && !own) look_soon(pool->second);
  }
}

// Spread a little, so that a large fleet does not come all at once.
void GateLoop::look_soon(const std::string& pool) {
  const gate::PoolView* view = gate_.view(pool);
  const Duration spread =
      view == nullptr ? Duration::zero() : std::min<Duration>(view->live_agents * 1ms, 1s);
  gate_.look_again(pool,
                   edge_.clock.now() + (spread > Duration::zero() ? random_.between(0s, spread) : spread));
  wakeup_.notify();
}

void GateLoop::stop(Instant deadline) {
  stopping_ = true;
  stop_deadline_ = deadline;
  if (subscription_ != nullptr) subscription_->close();
  wakeup_.notify();
  listen_again_.notify();
}

asio::awaitable<void> GateLoop::turn(std::string pool) {
  if (link_ == nullptr) {
    turn_alone(pool);
  } else {
    co_await turn_shared(pool);
  }
}

void GateLoop::turn_alone(const std::string& pool) {
  const Instant now = edge_.clock.now();
  const Timestamp shared = edge_.clock.unix_now();
  const gate::GateEffects effects = gate_.tick(pool, now, gate_.local_facts(pool, now, shared), shared);
  remember(effects.events);
  log_events(effects.events);
  gate_.committed(pool, effects);
}

asio::awaitable<bool> GateLoop::learn_time(std::string pool, Instant until) {
  const Instant asked = edge_.clock.now();
  // The key leads to the server, of a cluster, that has the pool: each has its own clock.
  std::vector<net::RedisCommand> commands = {{"TIME"},
                                             {"EXISTS", gate::pool_keys(pool, redis_->prefix).record}};
  const auto replies = co_await link_->run(std::move(commands), until);
  if (replies.has_error()) {
    note_redis(false, replies.error().message);
    co_return false;
  }
  const auto time = replies->empty() ? std::nullopt : redis_time(replies->front());
  if (!time) {
    note_redis(false, error_in(*replies));
    co_return false;
  }
  clocks_[pool].learn(asked, edge_.clock.now(), *time);
  co_return true;
}

std::optional<gate::GateEffects> GateLoop::decide(const std::string& pool, Instant asked,
                                                  const std::vector<std::string>& doubtful,
                                                  const net::RedisReplies& replies) {
  const std::optional<gate::Reading> reading = reading_of(replies, doubtful);
  if (!reading) {
    note_redis(false, error_in(replies));
    return std::nullopt;
  }
  const Instant now = edge_.clock.now();
  clocks_[pool].learn(asked, now, reading->time);
  const Result<gate::PoolFacts> facts = gate_.facts(pool, now, *reading);
  if (facts.has_error()) {
    // A record that is missing is looked into first; only one that is damaged is worth a line.
    if (facts.error().kind == ErrorKind::kUnavailable) return std::nullopt;
    edge_.log.error("the decision record of a pool is unreadable; it is left alone",
                    {{"pool", pool}, {"error", facts.error().message}});
    return std::nullopt;
  }
  return gate_.tick(pool, now, *facts, reading->time);
}

asio::awaitable<void> GateLoop::turn_shared(const std::string& pool) {
  const Instant until = command_deadline();
  if (!clocks_.contains(pool)) {
    const bool learned = co_await learn_time(pool, until);
    if (!learned) {
      gate_.unreachable(pool, edge_.clock.now(), edge_.clock.unix_now());
      co_return;
    }
  }
  const Instant asked = edge_.clock.now();
  const gate::PoolKeys keys = gate::pool_keys(pool, redis_->prefix);
  const gate::AgentVotes own = gate_.own_votes(pool, asked, clocks_[pool].at(asked));
  std::optional<gate::GateEffects> effects;
  net::RedisTransaction transaction;
  transaction.watch = {keys.record, keys.overrides};
  const std::vector<std::string> doubtful = gate_.doubtful_flags(pool);
  transaction.reads = without_framing(gate::read_plan(keys, gate_.retiring(pool) ? nullptr : &own, doubtful));
  transaction.decide = [&](const net::RedisReplies& replies) -> std::vector<net::RedisCommand> {
    effects = decide(pool, asked, doubtful, replies);
    return effects ? without_framing(gate::commit_plan(keys, *effects)) : std::vector<net::RedisCommand>{};
  };
  const auto commit = co_await link_->transact(std::move(transaction), until);
  if (commit.has_error() || !effects) {
    if (commit.has_error()) note_redis(false, advice(pool, commit.error().message));
    gate_.unreachable(pool, edge_.clock.now(), shared_now(pool));
    co_return;
  }
  note_redis(true, "");
  if (commit->outcome == net::RedisCommit::Outcome::kConflict) {
    gate_.conflicted(pool, edge_.clock.now());
    co_return;
  }
  log_events(effects->events);
  gate_.committed(pool, *effects);
}

asio::awaitable<void> GateLoop::leave(Instant until) {
  if (link_ == nullptr || !redis_ok_) co_return;
  for (const std::string& pool : gate_.pools()) {
    gate::Commands commands = gate::leave_plan(gate::pool_keys(pool, redis_->prefix), agent_);
    (void)co_await link_->run(std::move(commands), until);
  }
}

asio::awaitable<Result<void>> GateLoop::set_override(std::string pool, gate::Override word) {
  const Duration held = word.until - word.at;
  word.at = shared_now(pool);
  word.until = word.at + std::chrono::duration_cast<std::chrono::milliseconds>(held);
  if (link_ == nullptr) {
    gate_.add_override(pool, std::move(word));
    wakeup_.notify();
    co_return Result<void>{};
  }
  gate::Commands commands = gate::override_plan(gate::pool_keys(pool, redis_->prefix), word);
  const auto replies = co_await link_->run(std::move(commands), command_deadline());
  if (replies.has_error()) co_return replies.error();
  if (const std::string error = error_in(*replies); !error.empty()) co_return unavailable(error);
  gate_.look_again(pool, edge_.clock.now());
  wakeup_.notify();
  co_return Result<void>{};
}

asio::awaitable<Result<void>> GateLoop::withdraw_override(std::string pool, std::string target,
                                                          std::string by) {
  if (link_ == nullptr) {
    gate_.withdraw_override(pool, target);
    wakeup_.notify();
    co_return Result<void>{};
  }
  gate::Commands commands =
      gate::withdraw_plan(gate::pool_keys(pool, redis_->prefix), target, by, shared_now(pool));
  const auto replies = co_await link_->run(std::move(commands), command_deadline());
  if (replies.has_error()) co_return replies.error();
  if (const std::string error = error_in(*replies); !error.empty()) co_return unavailable(error);
  gate_.look_again(pool, edge_.clock.now());
  wakeup_.notify();
  co_return Result<void>{};
}

asio::awaitable<Result<net::RedisReplies>> GateLoop::ask(std::vector<net::RedisCommand> commands) {
  co_return co_await link_->run(std::move(commands), command_deadline());
}

asio::awaitable<Result<std::vector<std::string>>> GateLoop::audit_log(std::string pool) {
  std::vector<std::string> lines;
  if (link_ == nullptr) {
    lines.assign(local_log_[pool].rbegin(), local_log_[pool].rend());
    co_return lines;
  }
  std::vector<net::RedisCommand> commands = {
      {"LRANGE", gate::pool_keys(pool, redis_->prefix).log, "0", "199"}};
  const auto replies = co_await link_->run(std::move(commands), command_deadline());
  if (replies.has_error()) co_return replies.error();
  for (const net::RedisReply& line : replies->front().elements) lines.push_back(line.text);
  co_return lines;
}

void GateLoop::note_redis(bool ok, std::string_view error) {
  if (!ok) instruments_.redis_error();
  const bool changed = !redis_said_ || ok != redis_ok_;
  redis_ok_ = ok;
  redis_said_ = true;
  if (!changed) return;
  if (ok) {
    edge_.log.info("shared Redis answers");
  } else {
    edge_.log.error("shared Redis is away: nothing new is disabled, flags lapse, people are still told",
                    {{"error", error}});
  }
}

void GateLoop::remember(const std::vector<gate::GateEvent>& events) {
  for (const gate::GateEvent& event : events) {
    std::vector<std::string>& log = local_log_[event.pool];
    log.push_back(gate::to_json(event));
    if (log.size() > kLocalLogMax) log.erase(log.begin());
  }
}

void GateLoop::log_events(const std::vector<gate::GateEvent>& events) {
  for (const gate::GateEvent& event : events) {
    std::vector<LogField> fields = {{"pool", event.pool},
                                    {"target", event.target},
                                    {"action", to_string(event.action)},
                                    {"mode", to_string(event.mode)},
                                    {"epoch", event.epoch},
                                    {"by", event.by},
                                    {"reason", event.reason}};
    if (!event.evidence.empty()) fields.emplace_back("evidence", event.evidence);
    if (event.action == gate::Action::kDisable) {
      edge_.log.warn("gate", fields);
    } else {
      edge_.log.info("gate", fields);
    }
  }
}

}  // namespace sluice::app
