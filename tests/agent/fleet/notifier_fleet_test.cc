// Many agents and one lease on a virtual clock, with agents cut off, paused, killed and restarted, and a
// Redis that goes away, comes back, and forgets its newest writes in a fail-over. From one seed each.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

#include "agent/fleet/notifier_role.h"
#include "core/random.h"

namespace sluice::fleet {
namespace {

constexpr Duration kStep = 250ms;
constexpr Duration kTakeover = 10s;  // kLease, one look, and a little

class Fleet {
 public:
  Fleet(uint64_t seed, size_t size) : random_(seed) {
    for (size_t i = 0; i < size; ++i) {
      agents_.emplace_back().name = "agent-" + std::to_string(100 + i);
      start(agents_.back());
    }
  }

  void run(Duration time) {
    for (const Instant end = now_ + time; now_ < end; now_ += kStep) {
      disturb();
      for (Agent& agent : agents_) turn(agent);
      check();
    }
  }

  int holders_seen = 0;
  int takeovers = 0;

 private:
  struct Agent {
    std::string name;
    std::unique_ptr<NotifierRole> role;  // null: dead
    bool cut = false;
    bool paused = false;
    Instant next_look{};
    Instant cut_since = Instant::max();
    Instant awake_since{};
  };

  void start(Agent& agent) {
    agent.role = std::make_unique<NotifierRole>(agent.name, now_);
    agent.paused = agent.cut = false;
    agent.cut_since = Instant::max();
    agent.next_look = now_;
  }

  bool chance(int in) { return random_.below(static_cast<uint64_t>(in)) == 0; }

  void disturb() {
    const bool calm = (now_.time_since_epoch() / 60s) % 2 == 1;  // every other minute everything heals
    for (Agent& agent : agents_) {
      if (calm) {
        if (agent.role == nullptr) start(agent);
        agent.paused = agent.cut = false;
      } else if (chance(200)) {
        agent.role.reset();
      } else if (agent.role == nullptr && chance(40)) {
        start(agent);
      } else if (chance(120)) {
        agent.cut = !agent.cut;
      } else if (chance(200)) {
        agent.paused = !agent.paused;
      }
    }
    if (calm) {
      redis_up_ = true;
    } else if (chance(300)) {
      redis_up_ = !redis_up_;
    } else if (chance(400)) {
      holder_.clear();  // a fail-over that lost the lease: the one way to two holders
      doubtful_until_ = now_ + kLease;
    }
    if (!calm) disturbed_at_ = now_;
    for (Agent& agent : agents_) {
      if (agent.paused) agent.awake_since = now_;
      const bool reaches = redis_up_ && !agent.cut;
      if (reaches) agent.cut_since = Instant::max();
      if (!reaches && agent.cut_since == Instant::max()) agent.cut_since = now_;
    }
  }

  void turn(Agent& agent) {
    if (agent.role == nullptr || agent.paused || now_ < agent.next_look) return;
    agent.next_look = now_ + 1s;
    if (!redis_up_ || agent.cut) return agent.role->unreachable();
    if (now_ >= lease_until_) holder_.clear();
    std::vector<std::string> live;
    for (const Agent& other : agents_) {
      if (other.role != nullptr) live.push_back(other.name);
    }
    agent.role->heard(now_, holder_, live);
    const bool may = holder_.empty() || holder_ == agent.name;
    if (agent.role->wish(now_) == NotifierRole::Wish::kNothing || !may) return;
    if (holder_ != agent.name) ++takeovers;
    holder_ = agent.name;
    lease_until_ = now_ + kLease;
    agent.role->granted(now_);
  }

  void check() {
    int holders = 0;
    for (const Agent& agent : agents_) {
      if (agent.role == nullptr) continue;
      const Role role = agent.role->role(now_);
      if (role == Role::kHolder) ++holders;
      const bool long_cut = !agent.paused && agent.cut_since != Instant::max() &&
                            now_ - std::max(agent.cut_since, agent.awake_since) > 25s;
      if (long_cut) ASSERT_NE(role, Role::kStandby) << agent.name << " is silent without Redis";
    }
    if (now_ >= doubtful_until_) ASSERT_LE(holders, 1) << "two hold the lease";
    if (now_ - disturbed_at_ > kTakeover) ASSERT_EQ(holders, 1) << "nobody tells although all is well";
    holders_seen += holders;
  }

  Random random_;
  Instant now_{1000s};
  std::vector<Agent> agents_;
  bool redis_up_ = true;
  std::string holder_;
  Instant lease_until_{};
  Instant doubtful_until_{};
  Instant disturbed_at_{1000s};
};

TEST(NotifierFleetTest, one_tells_when_all_is_well_nobody_is_silent_for_long_and_two_never_hold_the_lease) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    Fleet fleet(seed, 1 + seed % 12);
    fleet.run(30min);
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
    EXPECT_GT(fleet.holders_seen, 0);
  }
}

}  // namespace
}  // namespace sluice::fleet
