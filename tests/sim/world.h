#pragma once
// A fleet in one thread: agents that run the real scheduler, health, votes, decision and commit code, what
// they watch, the network between, one Redis, and readers of its flags. Virtual time; every choice comes from
// one seed.
//
// World knows no faults by itself: its controls say what is broken (faults.h composes them, scenario.h
// scripts them). After each thing that happens the referee compares what was decided with what was true
// (referee.h).

#include <fmt/format.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "agent/gate/gate.h"
#include "agent/gate/votes.h"
#include "agent/schedule/scheduler.h"
#include "core/random.h"
#include "core/shared_clock.h"
#include "tests/support/memory_redis.h"

namespace sluice::sim {

// A broken invariant: the run ends here.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What the fleet is configured with. A generation is one version of the configuration; agents move between
// them.
struct Setting {
  int agents = 3;
  int zones = 1;
  bool alerts = false;  // agents tell people, too (people.h)
  std::vector<std::vector<gate::PoolSetup>> generations;
};

enum class TargetState { kUp, kRefuses, kHangs, kSlow, kFlaps, kImpostor };  // answers as somebody else
std::string_view to_string(TargetState state);

struct Target {
  std::string name;
  TargetState state = TargetState::kUp;
  Instant since{};         // of the state
  Duration flap_period{};  // kFlaps: up for one period, down for the next
  bool answers(Instant now) const;
};

struct Link {
  bool requests_lost = false;
  bool replies_lost = false;
  int loss_percent = 0;
  Duration delay_max = 5ms;
  bool ok() const { return !requests_lost && !replies_lost && loss_percent == 0; }
};

// An API server of one pool: it looks at the flags now and then, keeps the contract of docs/readers.md, and
// spreads its requests over what it may use. What it serves fails as often as they meet a dead member.
struct Reader {
  std::string pool;
  bool cut = false;      // from Redis
  bool stopped = false;  // does not look any more
  std::map<std::string, Instant> disabled_until;
  std::map<std::string, Instant> leases_end;  // when the flags that it saw were to end
  Instant read_at{};                          // successfully
};

struct Counts {
  uint64_t events = 0;
  uint64_t probes = 0;
  uint64_t turns = 0;
  uint64_t commits = 0;
  uint64_t conflicts = 0;
  uint64_t unreachable = 0;
  uint64_t decisions = 0;
  uint64_t reads = 0;      // of flags, by readers
  uint64_t commands = 0;   // Redis's
  uint64_t bytes_in = 0;   // of commands
  uint64_t bytes_out = 0;  // of answers
  uint64_t messages = 0;   // to people
  uint64_t messages_again = 0;
  std::map<std::string, uint64_t> faults;
  void add(const Counts& other);
};

class Referee;
class People;

class World {
 public:
  struct Agent {
    std::string name;
    std::string zone;
    bool running = false;
    bool paused = false;
    uint64_t life = 0;           // grows with every start: what was sent by an earlier one does not reach it
    size_t generation = 0;       // of the configuration it has loaded
    size_t file_generation = 0;  // of what it will load next
    bool sick = false;           // every probe of it fails
    std::set<std::pair<std::string, std::string>> cut_from;  // pool, target
    std::set<std::pair<std::string, std::string>> stuck;     // its probe of that one never ends
    Link link;
    // Its monotonic clock runs at its own rate from its own beginning.
    Duration clock_base{};
    int clock_ppm = 0;

    std::unique_ptr<gate::Gate> gate;
    schedule::Scheduler scheduler;
    SharedClock clock;
    uint64_t assignments_seen = 0;
    std::map<schedule::TargetId, std::pair<std::string, std::string>> targets;  // pool, target
    std::map<std::pair<std::string, std::string>, schedule::TargetId> ids;
    std::set<std::string> turning;              // pools with a turn under way
    std::deque<std::function<void()>> backlog;  // while paused
    Instant wake_at = Instant::max();
    Instant resumed_at{};  // started, woken or configured
    std::map<std::pair<std::string, std::string>, Instant> last_probe;
  };

  World(Setting setting, uint64_t seed);
  ~World();

  void run_for(Duration time);
  Instant now() const { return now_; }
  uint64_t step() const { return counts_.events; }

  // Controls. Agents and targets by index and name; a name that does not exist is a mistake of the test.
  void start(size_t agent);
  void stop(size_t agent);  // SIGTERM: it says good-bye
  void kill(size_t agent);  // SIGKILL
  void pause(size_t agent);
  void resume(size_t agent);
  void reload(size_t agent, size_t generation);
  void set_target(const std::string& pool, const std::string& target, TargetState state,
                  Duration flap_period = 20s);
  void say(const std::string& pool, const gate::Override& word);
  void unsay(const std::string& pool, const std::string& target);
  void set_redis_up(bool up);
  void fail_over(Duration lost, Duration clock_difference);
  void step_redis_clock(Duration by);
  void flush_redis();
  void damage_record(const std::string& pool);
  void lose_record(const std::string& pool);
  void at(Duration from_now, std::function<void()> what) { schedule_event(now_ + from_now, std::move(what)); }
  // The API of a pool fails (or not) for a reason of its own.
  void break_api(const std::string& pool, bool broken);
  std::vector<Reader>& readers() { return readers_; }
  const std::vector<Reader>& readers() const { return readers_; }
  void note_fault(const std::string& name, const std::string& detail);

  std::vector<Agent>& agents() { return agents_; }
  const std::vector<Agent>& agents() const { return agents_; }
  std::map<std::string, std::vector<Target>>& pools() { return pools_; }
  const Target& target(const std::string& pool, const std::string& name) const;
  std::vector<std::string> pool_names() const;
  std::vector<std::string> target_names(const std::string& pool) const;
  const Setting& setting() const { return setting_; }
  const gate::PoolSetup* setup(size_t generation, const std::string& pool) const;
  test::MemoryRedis& redis() { return redis_; }
  Timestamp redis_time() const;
  Timestamp unix_time() const;
  bool redis_up() const { return redis_up_; }
  // Whether an agent can do its part right now.
  bool able(const Agent& agent) const {
    return agent.running && !agent.paused && agent.link.ok() && redis_up_;
  }
  Random& random() { return random_; }
  Counts& counts() { return counts_; }
  Referee& referee() { return *referee_; }
  People* people() { return people_.get(); }  // null without Setting::alerts

  using Replies = std::shared_ptr<const std::vector<test::RedisReply>>;  // null: no answer in time

  // What a turn has read, and what its decision and its commit rest on, however late that arrives.
  struct Basis {
    Instant at{};           // when Redis answered
    Timestamp time;         // Redis's, then
    Replies replies;        // the votes are the last but one
    size_t generation = 0;  // the agent's configuration when it decided

    const test::RedisReply& votes() const { return (*replies)[replies->size() - 2]; }
  };

  // The newest lines of what happened, for a person who looks for the reason.
  const std::deque<std::string>& trace() const { return trace_; }
  void say_trace(std::string line);
  bool verbose = false;
  std::map<std::pair<std::string, std::string>, uint64_t> probes_of;    // by pool and target
  std::map<std::pair<std::string, std::string>, uint64_t> disables_of;  // committed
  Instant calm_since = Instant::max();  // nothing has been broken since; max() while something is

 private:
  friend class People;
  struct Event {
    Instant at;
    uint64_t order;
    size_t slot;  // of what_, so that sorting moves nothing large
    bool operator>(const Event& other) const { return std::tie(at, order) > std::tie(other.at, other.order); }
  };

  void schedule_event(Instant at, std::function<void()> what);
  // Runs on the agent if it is still the same one, later if it is paused, and lets it look for what is due.
  void on_agent(size_t agent, uint64_t life, std::function<void()> what);
  Instant local(const Agent& agent) const;
  Instant global(const Agent& agent, Instant local) const;

  void sample();
  void sample_people();
  void look_at_flags();
  void probe_api(Agent& agent, const std::string& pool, Instant now);
  void look(size_t agent);
  void plan_wake(size_t agent);
  void configure(Agent& agent);
  void assign(Agent& agent);
  void begin_probe(size_t agent, const schedule::Due& due);
  void end_probe(size_t agent, schedule::TargetId id, bool good);
  void begin_turn(size_t agent, const std::string& pool);
  void decide(size_t agent, const std::string& pool, Instant asked,
              const std::shared_ptr<test::MemoryRedis::Session>& session, const gate::Reading& reading,
              const std::shared_ptr<Basis>& basis);
  // Without a pool: nothing of the gate's. A turn's two round trips share a basis: the first one fills it in.
  void send(size_t agent, const std::string& pool, std::shared_ptr<test::MemoryRedis::Session> session,
            gate::Commands commands, std::function<void(Replies)> then,
            std::shared_ptr<Basis> basis = nullptr);
  Replies execute(const std::string& pool, size_t agent, test::MemoryRedis::Session& session,
                  const gate::Commands& commands, Basis* basis);

  Setting setting_;
  Random random_;
  std::vector<Agent> agents_;
  std::vector<Reader> readers_;
  std::set<std::string> broken_apis_;
  std::map<std::string, std::vector<Target>> pools_;
  test::MemoryRedis redis_;
  bool redis_up_ = true;
  Duration redis_offset_{};
  Instant now_{Duration(1000s)};
  uint64_t next_order_ = 0;
  std::vector<std::function<void()>> what_;
  std::vector<size_t> free_slots_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  Counts counts_;
  std::deque<std::string> trace_;
  std::unique_ptr<Referee> referee_;
  std::unique_ptr<People> people_;
};

}  // namespace sluice::sim
