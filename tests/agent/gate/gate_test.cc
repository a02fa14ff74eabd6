#include "agent/gate/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/gate/votes.h"
#include "tests/support/memory_redis.h"

namespace sluice::gate {
namespace {

using test::MemoryRedis;
using test::RedisReply;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Instant kStart{Duration(1000s)};
constexpr Timestamp kEpoch = from_unix_ms(1'700'000'000'000);

PoolSetup setup(std::vector<std::string> targets = {"https://a", "https://b"}) {
  PoolSetup out;
  out.policy.pool = "auth";
  out.policy.flag.key = "auth_server:disabled:{target}";
  out.policy.flag.ttl = 30s;
  out.policy.interval = 5s;
  out.policy.disable_time = {.base = 10s, .max = 300s, .decay = {}, .jitter_percent = 0};
  for (std::string& target : targets)
    out.members.push_back({.target = target, .instance = target, .carries_the_flags = false});
  out.config = "c1";
  return out;
}

Reading read(const std::vector<RedisReply>& replies, size_t first) {
  Reading out;
  const auto& time = replies[first].items;
  out.time = from_unix_ms(std::stoll(time[0].text) * 1000 + std::stoll(time[1].text) / 1000);
  if (!replies[first + 1].is_nil()) out.record = replies[first + 1].text;
  const auto pairs = [](const RedisReply& reply) {
    std::vector<std::pair<std::string, std::string>> fields;
    for (size_t i = 0; i + 1 < reply.items.size(); i += 2)
      fields.emplace_back(reply.items[i].text, reply.items[i + 1].text);
    return fields;
  };
  out.votes = pairs(replies[first + 2]);
  out.overrides = pairs(replies[first + 3]);
  return out;
}

// A world of one second steps: agents with their gates, one Redis, and probes whose answers the test
// dictates.
class GateTest : public testing::Test {
 protected:
  // The pool has been decided about before, so its record is there.
  GateTest() {
    redis_.set_time(kEpoch);
    MemoryRedis::Session session;
    redis_.run_all(session, {{"SET", pool_keys("auth").record, write_record(Record{})}});
  }

  Gate& agent(const std::string& name) {
    const auto [it, is_new] = gates_.try_emplace(name, name, "");
    if (is_new) it->second.configure(now_, {setup()});
    return it->second;
  }
  void probe(const std::string& name, const std::string& target, bool good, int times = 3) {
    for (int i = 0; i < times; ++i)
      agent(name).observe(now_, "auth", target, good, good ? "ok" : "connect_refused");
  }
  // One turn of one agent against Redis. Returns the events it committed as "action target".
  std::vector<std::string> turn(const std::string& name) {
    Gate& gate = agent(name);
    const AgentVotes votes = gate.own_votes("auth", now_, redis_.time());
    const PoolKeys keys = pool_keys("auth");
    MemoryRedis::Session session;
    const auto look = [&] {
      const std::vector<std::string> doubtful = gate.doubtful_flags("auth");
      const auto replies =
          redis_.run_all(session, read_plan(keys, gate.retiring("auth") ? nullptr : &votes, doubtful));
      Reading reading = read(replies, replies.size() - 4);
      if (!doubtful.empty()) reading.flags_out.emplace();
      for (size_t i = 0; i < doubtful.size(); ++i) {
        if (replies[replies.size() - 4 - doubtful.size() + i].integer >= 0)
          reading.flags_out->push_back(doubtful[i]);
      }
      return reading;
    };
    Reading reading = look();
    auto facts = gate.facts("auth", now_, reading);
    if (facts.has_error() && !reading.record) {  // the next turn is at once, and asks for the flags
      reading = look();
      facts = gate.facts("auth", now_, reading);
    }
    if (facts.has_error()) return {"error " + facts.error().message};
    const GateEffects effects = gate.tick("auth", now_, *facts, reading.time);
    const RedisReply outcome = redis_.run_all(session, commit_plan(keys, effects)).back();
    if (effects.commit && outcome.is_nil()) {
      gate.conflicted("auth", now_);
      return {"conflict"};
    }
    std::vector<std::string> out;
    for (const GateEvent& event : effects.events)
      out.push_back(std::string(to_string(event.action)) + " " + event.target);
    gate.committed("auth", effects);
    return out;
  }
  // What some other agent writes that believes it is `at`.
  void publish(const std::string& name, Timestamp at, Verdict verdict) {
    AgentVotes votes = agent("n1").own_votes("auth", now_, at);
    votes.agent = name;
    votes.ballots["https://a"] = {verdict, verdict == Verdict::kDown, at, at, "connect_refused"};
    MemoryRedis::Session session;
    redis_.run_all(session, {{"HSET", pool_keys("auth").votes, name, encode_votes(votes)}});
  }
  void pass(Duration time) {
    now_ += time;
    redis_.set_time(redis_.time() + to_ms(time));
  }
  bool flag(const std::string& target) const {
    return redis_.get("auth_server:disabled:" + target).has_value();
  }

  Instant now_ = kStart;
  MemoryRedis redis_;
  std::map<std::string, Gate> gates_;
};

TEST_F(GateTest, one_agent_disables_renews_and_enables) {
  probe("n1", "https://a", true);
  probe("n1", "https://b", true);
  EXPECT_THAT(turn("n1"), ElementsAre());
  probe("n1", "https://a", false);
  EXPECT_THAT(turn("n1"), ElementsAre("disable https://a"));
  EXPECT_TRUE(flag("https://a"));
  EXPECT_EQ(redis_.get("auth_server:disabled:https://a"), "1");
  EXPECT_EQ(*redis_.expires_at("auth_server:disabled:https://a"), redis_.time() + 30s);
  EXPECT_THAT(redis_.published.back().second, HasSubstr("\"action\":\"disable\""));

  // Renewed for as long as it fails: the flag outlives its first lease several times.
  for (int i = 0; i < 40; ++i) {
    pass(5s);
    probe("n1", "https://a", false, 1);
    probe("n1", "https://b", true, 1);
    EXPECT_THAT(turn("n1"), ElementsAre());
    EXPECT_TRUE(flag("https://a")) << i;
  }

  probe("n1", "https://a", true, 2);
  EXPECT_THAT(turn("n1"), ElementsAre("enable https://a"));
  EXPECT_FALSE(flag("https://a"));
}

TEST_F(GateTest, the_flag_lapses_when_the_agent_dies) {
  probe("n1", "https://a", false);
  turn("n1");
  pass(29s);
  EXPECT_TRUE(flag("https://a"));
  pass(1s);
  EXPECT_FALSE(flag("https://a"));
}

TEST_F(GateTest, an_agent_that_returns_notes_what_lapsed_and_starts_over) {
  probe("n1", "https://a", false);
  turn("n1");
  pass(60s);
  gates_.clear();
  EXPECT_THAT(turn("n1"), ElementsAre("lapse https://a"));
  probe("n1", "https://a", false);
  EXPECT_THAT(turn("n1"), ElementsAre("disable https://a"));
}

TEST_F(GateTest, a_member_stays_disabled_for_its_least_time_and_is_looked_at_when_that_ends) {
  probe("n1", "https://a", false);
  turn("n1");
  pass(2s);
  probe("n1", "https://a", true);
  EXPECT_THAT(turn("n1"), ElementsAre());
  const auto& target = agent("n1").view("auth")->targets[0];
  EXPECT_EQ(target.hold, Hold::kDisableTime);
  EXPECT_EQ(agent("n1").next_turn("auth"), now_ + 5s);
  pass(5s);
  probe("n1", "https://a", true, 1);
  turn("n1");
  EXPECT_EQ(agent("n1").next_turn("auth"), now_ + 3s);
  pass(3s);
  EXPECT_THAT(turn("n1"), ElementsAre("enable https://a"));
}

TEST_F(GateTest, without_redis_the_flags_live_in_the_process) {
  Gate gate("n1", "");
  gate.configure(now_, {setup()});
  for (int i = 0; i < 3; ++i) gate.observe(now_, "auth", "https://a", false, "connect_refused");
  const Timestamp shared = kEpoch;
  const GateEffects effects = gate.tick("auth", now_, gate.local_facts("auth", now_, shared), shared);
  ASSERT_EQ(effects.events.size(), 1u);
  EXPECT_EQ(effects.events[0].evidence, "1 of 1 fails; reason connect_refused");
  gate.committed("auth", effects);
  EXPECT_TRUE(gate.disabled("auth", "https://a", shared));
  EXPECT_FALSE(gate.disabled("auth", "https://a", shared + 30s));
  EXPECT_FALSE(gate.disabled("auth", "https://b", shared));
}

TEST_F(GateTest, of_two_agents_that_decide_at_once_one_wins_and_the_budget_holds) {
  // Four members, at most two disabled. Two agents see different ones fail in the same instant.
  PoolSetup four = setup({"https://a", "https://b", "https://c", "https://d"});
  four.policy.max_disabled_percent = 25;
  const PoolKeys keys = pool_keys("auth");
  std::vector<GateEffects> effects;
  std::vector<MemoryRedis::Session> sessions(2);
  for (int i = 0; i < 2; ++i) {
    Gate gate("n1", "");
    gate.configure(now_, {four});
    for (int k = 0; k < 3; ++k)
      gate.observe(now_, "auth", i == 0 ? "https://a" : "https://b", false, "connect_refused");
    const AgentVotes votes = gate.own_votes("auth", now_, redis_.time());
    const Reading reading =
        read(redis_.run_all(sessions[static_cast<size_t>(i)], read_plan(keys, &votes)), 2);
    effects.push_back(gate.tick("auth", now_, *gate.facts("auth", now_, reading), reading.time));
  }
  EXPECT_FALSE(redis_.run_all(sessions[0], commit_plan(keys, effects[0])).back().is_nil());
  EXPECT_TRUE(redis_.run_all(sessions[1], commit_plan(keys, effects[1])).back().is_nil());
  EXPECT_TRUE(flag("https://a"));
  EXPECT_FALSE(flag("https://b"));
}

TEST_F(GateTest, a_pool_that_leaves_the_configuration_takes_its_flags_along) {
  probe("n1", "https://a", false);
  turn("n1");
  agent("n1").configure(now_, {});
  EXPECT_TRUE(agent("n1").retiring("auth"));
  EXPECT_THAT(turn("n1"), ElementsAre("forget https://a"));
  EXPECT_FALSE(flag("https://a"));
  EXPECT_THAT(agent("n1").pools(), ElementsAre());
}

TEST_F(GateTest, a_pool_that_others_still_watch_keeps_its_flags) {
  for (const char* name : {"n1", "n2", "n3"}) probe(name, "https://a", false);
  for (const char* name : {"n1", "n2", "n3"}) turn(name);
  EXPECT_TRUE(flag("https://a"));
  agent("n1").configure(now_, {});
  EXPECT_THAT(turn("n1"), ElementsAre());
  EXPECT_TRUE(flag("https://a"));
  EXPECT_THAT(agent("n1").pools(), ElementsAre());
}

TEST_F(GateTest, a_reload_keeps_what_did_not_change) {
  probe("n1", "https://a", false);
  turn("n1");
  PoolSetup changed = setup({"https://a", "https://c"});
  agent("n1").configure(now_, {changed});
  turn("n1");
  EXPECT_TRUE(flag("https://a"));
  const auto view = *agent("n1").view("auth");
  ASSERT_EQ(view.targets.size(), 2u);
  EXPECT_EQ(view.targets[0].own, Verdict::kDown);
  EXPECT_EQ(view.targets[1].own, Verdict::kUnknown);
}

TEST_F(GateTest, a_key_that_changes_by_reload_moves_the_flag) {
  probe("n1", "https://a", false);
  turn("n1");
  PoolSetup changed = setup();
  changed.policy.flag.key = "off:{target}";
  agent("n1").configure(now_, {changed});
  turn("n1");
  EXPECT_FALSE(flag("https://a"));
  EXPECT_TRUE(redis_.get("off:https://a").has_value());
}

TEST_F(GateTest, a_damaged_record_is_left_alone_while_a_flag_of_it_is_out) {
  redis_.set(pool_keys("auth").record, "{\"version\":1,");
  MemoryRedis::Session session;
  redis_.run(session, {"SET", "auth_server:disabled:https://b", "1", "PXAT",
                       std::to_string(to_unix_ms(redis_.time() + 90s))});
  probe("n1", "https://a", false);
  EXPECT_THAT(turn("n1"), ElementsAre(HasSubstr("decision record is no JSON")));
  EXPECT_THAT(turn("n1"), ElementsAre(HasSubstr("decision record is no JSON")));
  pass(30s);
  EXPECT_THAT(turn("n1"), ElementsAre(HasSubstr("decision record is no JSON")));
  pass(1s);  // longer than a lease: whoever set it, no agent renews it
  probe("n1", "https://a", false);
  EXPECT_THAT(turn("n1"), ElementsAre("disable https://a"));
  EXPECT_FALSE(flag("https://b")) << "one of two may be disabled, not both";
}

TEST_F(GateTest, a_lost_record_is_empty_only_for_those_who_know_what_most_know) {
  AgentVotes other = agent("n1").own_votes("auth", now_, redis_.time());
  other.agent = "n2";
  other.config = "with other members";
  MemoryRedis::Session session;
  redis_.run(session, {"HSET", pool_keys("auth").votes, "n2", encode_votes(other)});
  redis_.set(pool_keys("auth").record, "{\"version\":1,");
  EXPECT_THAT(turn("n1"), ElementsAre(HasSubstr("decision record is no JSON")));
  EXPECT_THAT(turn("n1"), ElementsAre(HasSubstr("decision record is no JSON")))
      << "none of its flags is out, but the other one may have some";
  publish("n3", redis_.time(), Verdict::kUp);
  EXPECT_THAT(turn("n1"), ElementsAre()) << "two of three know the same";
  EXPECT_TRUE(redis_.get(pool_keys("auth").record)->starts_with("{\"version\":1,\""));
}

TEST_F(GateTest, a_flag_that_somebody_set_by_hand_stands_in_nobodys_way_and_is_left_alone) {
  redis_.set("auth_server:disabled:https://b", "1");  // without a TTL: not one of ours
  probe("n1", "https://a", false);
  EXPECT_THAT(turn("n1"), ElementsAre("disable https://a"));
  pass(40s);
  turn("n1");
  EXPECT_TRUE(flag("https://b"));
}

TEST_F(GateTest, a_flag_that_outlives_its_record_because_a_clock_was_set_back_is_removed_with_it) {
  probe("n1", "https://b", false);
  EXPECT_THAT(turn("n1"), ElementsAre("disable https://b"));
  redis_.set(pool_keys("auth").record, "{\"version\":1,");
  redis_.set_time(redis_.time() - 60s);
  probe("n1", "https://b", true);
  turn("n1");
  pass(31s);
  EXPECT_TRUE(flag("https://b"));
  probe("n1", "https://a", false);
  probe("n1", "https://b", true);
  EXPECT_THAT(turn("n1"), ElementsAre("disable https://a"));
  EXPECT_TRUE(flag("https://a"));
  EXPECT_FALSE(flag("https://b"));
}

TEST_F(GateTest, an_agent_with_another_clock_is_expected_but_its_votes_do_not_count) {
  publish("n2", redis_.time() + 36s, Verdict::kDown);
  probe("n1", "https://a", false);
  EXPECT_THAT(turn("n1"), ElementsAre());
  EXPECT_EQ(agent("n1").view("auth")->expected_agents, 2);
  EXPECT_EQ(agent("n1").view("auth")->live_agents, 1);
  EXPECT_EQ(agent("n1").view("auth")->targets[0].fleet, Verdict::kUnknown) << "one of two is no majority";
  publish("n2", redis_.time(), Verdict::kDown);
  turn("n1");
  pass(1s);
  publish("n2", redis_.time(), Verdict::kDown);
  EXPECT_THAT(turn("n1"), ElementsAre("disable https://a"));
}

TEST_F(GateTest, who_reads_votes_for_the_first_time_waits_for_the_next_ones) {
  publish("n2", redis_.time(), Verdict::kDown);
  probe("n1", "https://a", false);
  EXPECT_THAT(turn("n1"), ElementsAre()) << "n2 may be dead, and Redis's clock set back since";
  EXPECT_EQ(agent("n1").view("auth")->expected_agents, 2);
  pass(1s);
  EXPECT_THAT(turn("n1"), ElementsAre()) << "the same ones";
  publish("n2", redis_.time(), Verdict::kDown);
  EXPECT_THAT(turn("n1"), ElementsAre("disable https://a"));
}

TEST_F(GateTest, votes_that_a_fail_over_brings_to_light_again_do_not_count) {
  const Timestamp published = redis_.time();
  publish("n2", published, Verdict::kDown);
  turn("n1");
  pass(1s);
  publish("n2", redis_.time(), Verdict::kDown);
  turn("n1");
  EXPECT_EQ(agent("n1").view("auth")->live_agents, 2);
  publish("n2", published, Verdict::kDown);
  turn("n1");
  EXPECT_EQ(agent("n1").view("auth")->live_agents, 1);
}

TEST_F(GateTest, votes_do_not_grow_young_again_when_the_clock_of_redis_is_set_back) {
  publish("n2", redis_.time(), Verdict::kDown);
  turn("n1");
  pass(1s);
  const Timestamp published = redis_.time();
  publish("n2", published, Verdict::kDown);
  turn("n1");
  EXPECT_EQ(agent("n1").view("auth")->live_agents, 2);
  pass(20s);
  turn("n1");
  EXPECT_EQ(agent("n1").view("auth")->live_agents, 1) << "older than three intervals";
  redis_.set_time(published + 1s);
  probe("n1", "https://a", false);
  EXPECT_THAT(turn("n1"), ElementsAre()) << "n2 may be dead";
  EXPECT_EQ(agent("n1").view("auth")->live_agents, 1);
}

TEST_F(GateTest, votes_from_the_future_do_not_count_when_their_time_has_come) {
  publish("n2", redis_.time() + 60s, Verdict::kDown);
  turn("n1");
  pass(61s);
  probe("n1", "https://a", false);
  EXPECT_THAT(turn("n1"), ElementsAre());
  EXPECT_EQ(agent("n1").view("auth")->live_agents, 1);
}

TEST_F(GateTest, an_agent_from_the_far_future_is_forgotten) {
  publish("n2", redis_.time() + 24h, Verdict::kDown);
  pass(1s);
  probe("n1", "https://a", false);
  turn("n1");
  pass(600s);
  turn("n1");
  EXPECT_FALSE(redis_.hash(pool_keys("auth").votes).contains("n2"));
}

TEST_F(GateTest, flags_without_a_record_last_longer_when_the_clock_of_redis_is_set_back) {
  redis_.set(pool_keys("auth").record, "{\"version\":1,");
  MemoryRedis::Session session;
  redis_.run(session, {"SET", "auth_server:disabled:https://b", "1", "PXAT",
                       std::to_string(to_unix_ms(redis_.time() + 180s))});
  turn("n1");
  redis_.set_time(redis_.time() - 60s);
  pass(60s);
  probe("n1", "https://a", false);
  EXPECT_THAT(turn("n1"), ElementsAre(HasSubstr("decision record is no JSON")))
      << "by Redis's clock no time has passed";
  pass(31s);
  probe("n1", "https://a", false);
  EXPECT_THAT(turn("n1"), ElementsAre("disable https://a"));
}

TEST_F(GateTest, a_damaged_record_is_replaced_at_the_second_look_when_no_flag_is_out) {
  redis_.set(pool_keys("auth").record, "{\"version\":1,");
  probe("n1", "https://a", false);
  EXPECT_THAT(turn("n1"), ElementsAre(HasSubstr("decision record is no JSON")));
  EXPECT_THAT(turn("n1"), ElementsAre("disable https://a"));
}

TEST_F(GateTest, a_fail_over_that_loses_the_disabling_makes_a_new_one_with_a_new_epoch) {
  probe("n1", "https://a", true);
  turn("n1");
  pass(2s);
  probe("n1", "https://a", false);
  turn("n1");
  const uint64_t epoch = agent("n1").view("auth")->epoch;
  pass(500ms);
  redis_.lose_writes_after(redis_.time() - 1s);
  EXPECT_FALSE(flag("https://a"));
  EXPECT_THAT(turn("n1"), ElementsAre("disable https://a"));
  EXPECT_GT(agent("n1").view("auth")->epoch, epoch);
}

TEST_F(GateTest, with_redis_away_the_view_is_this_agents_own) {
  probe("n1", "https://a", false);
  turn("n1");
  probe("n1", "https://b", true);
  agent("n1").unreachable("auth", now_, redis_.time());
  const auto view = *agent("n1").view("auth");
  EXPECT_FALSE(view.shared);
  EXPECT_EQ(view.targets[0].fleet, Verdict::kDown);
  EXPECT_EQ(view.targets[0].entry.state, Entry::State::kDisabled);
  EXPECT_EQ(view.targets[1].fleet, Verdict::kUp);
}

}  // namespace
}  // namespace sluice::gate
