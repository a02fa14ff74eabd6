#include "agent/app/gate_loop.h"

#include <charconv>

#include "core/random.h"

namespace sluice::app {

namespace asio = boost::asio;

namespace {

constexpr size_t kLocalLogMax = 1000;

bool carries_the_flags(const config::Config& config, const config::Job& job, const config::Target& target) {
  if (!config.redis || config.module_of(job).prober != "redis") return false;
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
    for (const config::Target& target : job.targets) {
      setup.members.push_back({target.address, target.instance, carries_the_flags(config, job, target)});
    }
    setup.config = config.hash_of(job);
    setups.push_back(std::move(setup));
  }
  return setups;
}

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The answer of TIME: seconds and microseconds.
std::optional<Timestamp> time_of(const net::RedisReply& reply) {
  if (reply.elements.size() != 2) return std::nullopt;
  const auto seconds = number(reply.elements[0].text), micros = number(reply.elements[1].text);
  if (!seconds || !micros) return std::nullopt;
  return from_unix_ms(*seconds * 1000 + *micros / 1000);
}

std::vector<std::pair<std::string, std::string>> hash_of(const net::RedisReply& reply) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (size_t i = 0; i + 1 < reply.elements.size(); i += 2)
    pairs.emplace_back(reply.elements[i].text, reply.elements[i + 1].text);
  return pairs;
}

// The last replies of the read plan: how many doubtful flags exist (if it asked), TIME, the record, votes,
// overrides.
std::optional<gate::Reading> reading_of(const net::RedisReplies& replies, bool flags_counted) {
  if (replies.size() < (flags_counted ? 5 : 4)) return std::nullopt;
  const net::RedisReply* last = &replies[replies.size() - 4];
  for (int i = 0; i < 4; ++i) {
    if (last[i].is_error()) return std::nullopt;
  }
  const auto time = time_of(last[0]);
  if (!time) return std::nullopt;
  gate::Reading reading;
  reading.time = *time;
  if (!last[1].is_nil()) reading.record = last[1].text;
  reading.votes = hash_of(last[2]);
  reading.overrides = hash_of(last[3]);
  if (flags_counted && !last[-1].is_error()) reading.flags_out = last[-1].integer;
  return reading;
}

std::string error_in(const net::RedisReplies& replies) {
  for (const net::RedisReply& reply : replies) {
    if (reply.is_error()) return reply.text;
  }
  return "";
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

GateLoop::GateLoop(Edge& edge, Instruments& instruments, std::string agent, std::string zone)
    : edge_(edge),
      instruments_(instruments),
      gate_(agent, std::move(zone)),
      agent_(std::move(agent)),
      wakeup_(edge) {}

void GateLoop::configure(const config::Config& config) {
  if (config.redis != redis_) {
    redis_ = config.redis;
    link_.reset();
    redis_said_ = false;
    if (redis_) {
      net::RedisOptions options;
      // The loader has checked the URL.
      options.url = net::parse_redis_url(redis_->url).value();
      if (!redis_->username.empty()) options.url.user = redis_->username;
      if (!redis_->password.empty()) options.url.password = redis_->password;
      options.password_file = redis_->password_file;
      options.tls = redis_->tls;
      link_ = std::make_unique<net::RedisLink>(edge_.net, options, stable_hash(agent_));
    }
  }
  gate_.configure(edge_.clock.now(), setups_of(config));
  wakeup_.notify();
}

gate::Attention GateLoop::observe(const std::string& pool, const std::string& target, bool good,
                                  std::string_view reason) {
  const gate::Seen seen = gate_.observe(edge_.clock.now(), pool, target, good, reason);
  if (seen.change) wakeup_.notify();
  return seen.attention;
}

Timestamp GateLoop::shared_now() const {
  return link_ != nullptr && shared_clock_.known() ? shared_clock_.at(edge_.clock.now())
                                                   : edge_.clock.unix_now();
}

asio::awaitable<void> GateLoop::run() {
  while (!stopping_) {
    Instant next = Instant::max();
    const Instant now = edge_.clock.now();
    for (const std::string& pool : gate_.pools()) {
      if (gate_.next_turn(pool) <= now) co_await turn(pool);
      next = std::min(next, gate_.next_turn(pool));
    }
    if (!stopping_) co_await wakeup_.wait_until(next);
  }
  co_await leave(stop_deadline_);
}

void GateLoop::stop(Instant deadline) {
  stopping_ = true;
  stop_deadline_ = deadline;
  wakeup_.notify();
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

asio::awaitable<bool> GateLoop::learn_time(Instant until) {
  const Instant asked = edge_.clock.now();
  std::vector<net::RedisCommand> commands = {{"TIME"}};
  const auto replies = co_await link_->run(std::move(commands), until);
  if (replies.has_error()) {
    note_redis(false, replies.error().message);
    co_return false;
  }
  const auto time = replies->empty() ? std::nullopt : time_of(replies->front());
  if (!time) {
    note_redis(false, error_in(*replies));
    co_return false;
  }
  shared_clock_.learn(asked, edge_.clock.now(), *time);
  co_return true;
}

std::optional<gate::GateEffects> GateLoop::decide(const std::string& pool, Instant asked, bool flags_counted,
                                                  const net::RedisReplies& replies) {
  const std::optional<gate::Reading> reading = reading_of(replies, flags_counted);
  if (!reading) {
    note_redis(false, error_in(replies));
    return std::nullopt;
  }
  const Instant now = edge_.clock.now();
  shared_clock_.learn(asked, now, reading->time);
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
  if (!shared_clock_.known()) {
    const bool learned = co_await learn_time(until);
    if (!learned) {
      gate_.unreachable(pool, edge_.clock.now(), edge_.clock.unix_now());
      co_return;
    }
  }
  const Instant asked = edge_.clock.now();
  const gate::PoolKeys keys = gate::pool_keys(pool, redis_->prefix);
  const gate::AgentVotes own = gate_.own_votes(pool, asked, shared_clock_.at(asked));
  std::optional<gate::GateEffects> effects;
  net::RedisTransaction transaction;
  transaction.watch = {keys.record, keys.overrides};
  const std::vector<std::string> doubtful = gate_.doubtful_flags(pool);
  transaction.reads = without_framing(gate::read_plan(keys, gate_.retiring(pool) ? nullptr : &own, doubtful));
  transaction.decide = [&](const net::RedisReplies& replies) -> std::vector<net::RedisCommand> {
    effects = decide(pool, asked, !doubtful.empty(), replies);
    return effects ? without_framing(gate::commit_plan(keys, *effects)) : std::vector<net::RedisCommand>{};
  };
  const auto commit = co_await link_->transact(std::move(transaction), until);
  if (commit.has_error() || !effects) {
    if (commit.has_error()) note_redis(false, commit.error().message);
    gate_.unreachable(pool, edge_.clock.now(), shared_now());
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
  word.at = shared_now();
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
      gate::withdraw_plan(gate::pool_keys(pool, redis_->prefix), target, by, shared_now());
  const auto replies = co_await link_->run(std::move(commands), command_deadline());
  if (replies.has_error()) co_return replies.error();
  if (const std::string error = error_in(*replies); !error.empty()) co_return unavailable(error);
  gate_.look_again(pool, edge_.clock.now());
  wakeup_.notify();
  co_return Result<void>{};
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
