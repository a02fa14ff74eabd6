#pragma once
// Who is told: every agent of the world with the real sharing, notifier role, alert board and pipeline, a
// state file that loses its end when the agent is killed, and one receiver that keeps books. Alerts are what
// the agents' own probes say: a target that is down for an agent fires there.
//
// What must hold, besides what the referee of the gate checks: whoever tells may tell; two never hold the
// lease, unless Redis lost it; while nothing is wrong somebody may tell, and only one; nothing is said twice
// unless something was wrong since the first time; and when everything is whole again, what the receiver
// believes is true.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/fleet/sharing.h"
#include "alerts/pipeline.h"
#include "tests/sim/world.h"

namespace sluice::sim {

class People {
 public:
  explicit People(World& world);

  // --- the agents' lives ---
  void on_start(size_t agent);
  void on_kill(size_t agent);
  void on_stop(size_t agent);
  // Does what is due.
  void look(size_t agent);
  Instant next_wake(size_t agent) const;  // by the agent's monotonic clock

  // --- controls ---
  void set_receiver(bool up, bool loses_answers);
  // An agent's API takes a silence.
  void silence(size_t agent, const std::string& pool, const std::string& target, Duration time);
  // Redis lost writes or data, or its clock was set `back`.
  void on_redis_disturbed(Duration back);

  // --- what came of it ---
  // Every second.
  void sample();
  // Call when the world has been whole for at least kTellMax.
  void check_settled(size_t generation) const;
  // Whether the receiver believes that the target is down.
  bool believes_down(const std::string& pool, const std::string& target) const;
  // Messages that said that the target is down.
  uint64_t told(const std::string& pool, const std::string& target) const;

  static constexpr Duration kTellMax = 90s;

 private:
  struct Seen {
    Timestamp since;
    Timestamp ended{};  // the epoch: it fires
  };
  struct Agent {
    std::unique_ptr<fleet::Sharing> sharing;
    std::unique_ptr<alerts::Pipeline> pipeline;
    std::chrono::milliseconds skew{};  // of its wall clock
    std::string file;                  // what it has written
    size_t synced = 0;                 // and what of that is on the disk
    Instant synced_at{};
    std::map<std::pair<std::string, std::string>, Seen> seen;
    Instant next_round{}, next_evaluation{};
    bool in_round = false;
  };
  // What the receiver knows of one conversation.
  struct Book {
    std::set<std::string> open;
    std::set<std::pair<std::string, bool>> last;  // instance, resolved
    Instant last_at{};
  };

  fleet::Moment moment(size_t agent) const;
  Timestamp wall(size_t agent) const { return moment(agent).wall; }
  fleet::Role role(size_t agent) const;
  void evaluate(size_t agent);
  void next_question(size_t agent);
  void take_writes(size_t agent, const std::shared_ptr<test::MemoryRedis::Session>& session,
                   const fleet::Replies& reads);
  void apply_role(size_t agent);
  void take_news(size_t agent, fleet::News news);
  void carry_out(size_t agent, alerts::Effects effects);
  void receive(size_t agent, const alerts::Delivery& delivery);
  bool something_is_wrong() const;

  World& world_;
  std::shared_ptr<const alerts::Config> config_;
  std::vector<Agent> agents_;
  std::map<std::string, Book> books_;
  std::map<std::string, uint64_t> told_;
  bool receiver_up_ = true;
  bool receiver_loses_answers_ = false;
  Instant wrong_at_{};       // something was wrong then, or will have been
  Instant lease_lost_at_{};  // Redis may have forgotten the lease then
};

}  // namespace sluice::sim
