#pragma once
// Drives the gate: verdicts in, votes and decisions to Redis and back. Without Redis, flags live in this
// process.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/app/edge.h"
#include "agent/app/self_metrics.h"
#include "agent/config/config.h"
#include "agent/gate/gate.h"
#include "agent/gate/votes.h"
#include "core/net/redis_link.h"
#include "core/random.h"
#include "core/shared_clock.h"

namespace sluice::app {

// The pools of a configuration, as the gate takes them.
std::vector<gate::PoolSetup> pool_setups(const config::Config& config);

class GateLoop {
 public:
  GateLoop(Edge& edge, Instruments& instruments, std::string agent, std::string zone);

  // Health and decisions of pools that are in both configurations stay; one that is gone gets a last turn.
  void configure(const config::Config& config);
  gate::Attention observe(const std::string& pool, const std::string& target, bool good,
                          std::string_view reason);
  // A probe of any job: pools whose efficacy is judged by that job take notice.
  void observe_api(std::string_view job, std::string_view instance, bool good);
  // An operator's word; kUnavailable when Redis cannot be told.
  boost::asio::awaitable<Result<void>> set_override(std::string pool, gate::Override word);
  boost::asio::awaitable<Result<void>> withdraw_override(std::string pool, std::string target,
                                                         std::string by);
  // For what stands beside the decisions: commands to the shared Redis, and the keys of a pool in it. Only
  // with has_redis().
  boost::asio::awaitable<Result<net::RedisReplies>> ask(std::vector<net::RedisCommand> commands);
  gate::PoolKeys keys(std::string_view pool) const { return gate::pool_keys(pool, redis_->prefix); }
  // The audit trail of a pool, newest first, as JSON objects.
  boost::asio::awaitable<Result<std::vector<std::string>>> audit_log(std::string pool);

  boost::asio::awaitable<void> run();
  // Beside run(): hears what the other agents commit, and looks at once. Until stop().
  boost::asio::awaitable<void> listen();
  // Takes this agent's voice out of the fleet's, then run() returns. Flags stay: they are leases.
  void stop(Instant deadline);

  const gate::Gate& gate() const { return gate_; }
  // Redis's time as far as it is known, else our own.
  Timestamp shared_now(std::string_view pool) const;
  // How far this agent's probes of a member are moved, so that the fleet's come evenly (gate/assign.h).
  Duration phase_shift(std::string_view pool, std::string_view target) const;
  // Called when it may have changed which members this agent probes (gate::Gate::probes).
  void set_on_assigned(std::function<void()> act) { on_assigned_ = std::move(act); }
  bool has_redis() const { return link_ != nullptr; }
  bool redis_connected() const { return redis_ok_; }

 private:
  boost::asio::awaitable<void> turn(std::string pool);
  void turn_alone(const std::string& pool);
  boost::asio::awaitable<void> turn_shared(const std::string& pool);
  boost::asio::awaitable<bool> learn_time(std::string pool, Instant until);
  boost::asio::awaitable<void> hear(std::map<std::string, std::string, std::less<>> pool_of);
  void look_soon(const std::string& pool);
  boost::asio::awaitable<void> leave(Instant until);
  std::optional<gate::GateEffects> decide(const std::string& pool, Instant asked,
                                          const std::vector<std::string>& doubtful,
                                          const net::RedisReplies& replies);
  void note_redis(bool ok, std::string_view error);
  void log_events(const std::vector<gate::GateEvent>& events);
  void remember(const std::vector<gate::GateEvent>& events);
  Instant command_deadline() const { return edge_.clock.now() + redis_->timeout; }

  Edge& edge_;
  Instruments& instruments_;
  gate::Gate gate_;
  std::string agent_;
  std::optional<config::Redis> redis_;
  std::unique_ptr<net::RedisLink> link_;
  // Redis's time by pool: in a cluster they may be on different servers.
  std::map<std::string, SharedClock, std::less<>> clocks_;
  std::map<std::string, std::vector<std::string>> local_log_;  // the audit trail without Redis, newest last
  bool redis_ok_ = false;
  bool redis_said_ = false;  // whether the log knows
  std::function<void()> on_assigned_ = [] {};
  uint64_t assignments_seen_ = 0;
  Random random_;
  std::unique_ptr<net::RedisSubscription> subscription_;
  Wakeup wakeup_;
  Wakeup listen_again_;
  bool stopping_ = false;
  Instant stop_deadline_ = Instant::max();
};

}  // namespace sluice::app
