#pragma once
// Compares what the fleet did with what was true. It counts by itself: it follows every probe with its own
// rise and fall, reads votes and record out of Redis after each commit, and works the rules out again in the
// plainest way.

#include <map>
#include <string>
#include <vector>

#include "tests/sim/world.h"

namespace sluice::sim {

class Referee {
 public:
  explicit Referee(World& world) : world_(world) {}

  void on_start(size_t agent);
  // Redis has answered `agent`'s question about `pool` with these votes: what its next commit may rest on.
  void on_read(size_t agent, const std::string& pool,
               std::shared_ptr<const std::vector<test::RedisReply>> replies);
  void on_probe(size_t agent, const std::string& pool, const std::string& target, bool good);
  // A transaction of `agent` on `pool` has been accepted; `before` is the record as it was.
  void on_commit(size_t agent, const std::string& pool, const std::optional<std::string>& before);
  // Redis lost writes, data or its time: what was true of it before is not, for a while.
  // A clock that is set back by `back` makes all that was stamped before younger by as much.
  void on_redis_disturbed(Duration back = {});
  void on_record_damaged(const std::string& pool);  // before it happens
  // A reader has looked at the flags, or would have.
  void on_reader(const Reader& reader) const;
  // Every few seconds.
  void on_sample();

  // Call after everything has been whole, on one configuration, for at least settling_time().
  void check_settled(size_t generation);
  Duration settling_time() const;

 private:
  struct Seen {  // one agent's probes of one target, followed independently
    int good_in_a_row = 0;
    int bad_in_a_row = 0;
    bool down = false;
    Instant last_down = Instant::min();
  };
  struct Votes {
    std::vector<gate::AgentVotes> agents;
    int expected = 0;
    int fresh = 0;
  };

  struct Read {
    Timestamp at;
    std::shared_ptr<const std::vector<test::RedisReply>> replies;  // the votes are the last but one

    const test::RedisReply& votes() const { return (*replies)[replies->size() - 2]; }
  };

  Votes count_votes(const test::RedisReply& reply, Timestamp now, const gate::PoolPolicy& policy,
                    Duration fresh_for) const;
  void check_flags(const std::string& pool, const gate::Record& record) const;
  void check_ends(const std::string& pool, const gate::Record& before, const gate::Record& after) const;
  void check_room(const gate::PoolSetup& setup, const gate::Record& after, int allowed) const;
  void note(std::map<std::string, Instant>& times, const std::string& pool);
  Duration longest_ttl(const std::string& pool) const;
  bool operators_orphans(const std::string& pool) const;
  void check_operator(size_t agent, const std::string& pool, const std::string& target) const;
  void check_disabling(size_t agent, const std::string& pool, const std::string& target,
                       const gate::Entry& entry, const gate::Record& before);
  void check_evidence(size_t agent, const std::string& pool, const std::string& target, bool renewal);
  void check_freeze(size_t agent, const std::string& pool, const std::string& target);
  [[noreturn]] void fail(const std::string& what) const;
  bool disturbed() const { return world_.now() < disturbed_until_; }
  Duration lifetime(const gate::PoolSetup& setup) const;

  World& world_;
  std::map<std::tuple<size_t, std::string, std::string>, Seen> seen_;
  std::map<std::pair<size_t, std::string>, Read> reads_;
  Instant disturbed_until_{};
  Timestamp ended_until_{};  // the latest that Redis's clock ever was before it was set back
  std::map<std::string, Instant> leases_end_;     // per pool: whatever was out when a clock was set back
  std::map<std::string, Instant> orphans_until_;  // per pool: flags without record are possible until then
  std::map<std::string, Instant> operators_orphans_until_;  // and some of them were an operator's
  std::map<std::string, Instant> quorum_possible_at_;  // per pool: when a majority could last renew a lease
  std::map<std::string, Instant>
      anybody_able_at_;                     // and when anybody could; ahead where a clock was set back
  std::map<std::string, Instant> able_at_;  // per agent
};

}  // namespace sluice::sim
