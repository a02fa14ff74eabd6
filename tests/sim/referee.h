#pragma once
// Compares what the fleet did with what was true. It counts by itself: it follows every probe with its own
// rise and fall, knows when every vote was really sent, reads votes and record out of Redis after each
// commit, and works the rules out again in the plainest way.
//
// A commit is judged by what its turn had read, with the configuration that it was decided with: it may
// arrive late, after a lease has ended, a clock was set or another configuration was loaded, and nobody can
// call it back. So a fail-over, lost data or a clock that jumps are no excuse for what is decided; a clock
// that is set back makes leases, and what was stamped before, last longer by just that much.

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/world.h"

namespace sluice::sim {

class Referee {
 public:
  explicit Referee(World& world) : world_(world) {}

  void on_start(size_t agent);
  void on_configure(size_t agent);
  // An agent sends its votes, which it stamps with what it believes is Redis's time.
  void on_votes(const std::string& agent, const std::string& pool, Timestamp stamp);
  // An agent has looked at what it read in the first half of a turn.
  void on_look(size_t agent, const std::string& pool, const World::Basis& basis);
  void on_probe(size_t agent, const std::string& pool, const std::string& target, bool good);
  // A transaction of `agent` on `pool` has been accepted; `before` is the record as it was.
  void on_commit(size_t agent, const std::string& pool, const World::Basis& basis,
                 const std::optional<std::string>& before);
  // Redis's clock was set back.
  void on_set_back(Duration back);
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
    gate::HealthPolicy policy;
    int good_in_a_row = 0;
    int bad_in_a_row = 0;
    bool down = false;
    Instant last_down = Instant::min();
  };
  struct Look {         // at the votes
    Instant read_at{};  // in Redis
    Instant at{};       // by the agent
    Timestamp time;     // Redis's, when they were read
  };
  struct Met {  // what one agent has read of another's votes
    Timestamp stamp;
    // Older ones were read before: these were written since, whatever the clocks say.
    bool dated = false;
    bool surely_dated = false;  // and the pool has not left the configuration in between
    bool pool_left = false;
  };
  // The votes that a commit rests on, and the agents behind them.
  struct Voter {
    gate::AgentVotes votes;
    Instant sent{};
    Instant sent_first{};  // where that is not certain
  };
  struct Votes {
    std::vector<Voter> voters;  // whose votes were sent within the memory of agents
    int expected = 0;
    int fresh = 0;
  };
  struct Case {  // a commit
    size_t agent;
    const std::string& pool;
    const World::Basis& basis;
    const gate::PoolSetup& setup;  // decided with this one
  };

  Met met(const Case& commit, const Voter& voter) const;
  Votes count_votes(const Case& commit) const;
  std::set<std::string> find_sick(const Case& commit, const Votes& votes) const;
  std::vector<Look> first_looks(const Case& commit, const Voter& voter) const;
  bool may_count(const Case& commit, const Voter& voter, Timestamp stamp) const;
  bool must_count(const Case& commit, const Voter& voter, Timestamp stamp) const;
  void check_flags(const std::string& pool, const gate::Record& record) const;
  void check_ends(const std::string& pool, const World::Basis& basis, const gate::Record& before,
                  const gate::Record& after) const;
  void check_room(const gate::PoolSetup& setup, const gate::Record& after, int allowed) const;
  void note(std::map<std::string, Instant>& times, const std::string& pool);
  Duration longest_ttl(const std::string& pool) const;
  void check_operator(const Case& commit, const std::string& target) const;
  void check_disabling(const Case& commit, const std::string& target, const gate::Entry& entry,
                       const gate::Record& before);
  void check_evidence(const Case& commit, const std::string& target, bool renewal);
  void check_freeze(const Case& commit, const std::string& target);
  [[noreturn]] void fail(const std::string& what) const;
  Duration lifetime(const gate::PoolSetup& setup) const;

  World& world_;
  std::map<std::tuple<size_t, std::string, std::string>, Seen> seen_;
  std::map<std::string, size_t> index_of_;  // agents by name
  std::map<std::pair<std::string, std::string>, std::deque<std::pair<Timestamp, Instant>>>
      votes_sent_;  // by agent and pool: stamp, and when really
  // By agent and pool, of this life of it.
  std::map<std::pair<size_t, std::string>, std::deque<Look>> looks_;
  std::map<std::pair<size_t, std::string>, std::map<std::string, Met, std::less<>>> met_;
  Timestamp ended_until_{};  // the latest that Redis's clock ever was before it was set back
  std::map<std::string, Instant> leases_end_;     // per pool: whatever was out when a clock was set back
  std::map<std::string, Instant> orphans_until_;  // per pool: flags without record are possible until then
  std::map<std::string, Instant> quorum_possible_at_;  // per pool: when a majority could last renew a lease
  std::map<std::string, Instant>
      anybody_able_at_;                     // and when anybody could; ahead where a clock was set back
  std::map<std::string, Instant> able_at_;  // per agent
};

}  // namespace sluice::sim
