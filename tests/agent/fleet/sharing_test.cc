#include "agent/fleet/sharing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/support/fleet_replies.h"
#include "tests/support/memory_redis.h"

namespace sluice::fleet {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const Timestamp kStart = from_unix_ms(1'767'225'600'000);
const std::string kTold = "sluice:{fleet}:told", kVersion = "sluice:{fleet}:version",
                  kAlerts = "sluice:{fleet}:alerts";

Alert alert(const std::string& name, Timestamp starts_at, Timestamp ends_at) {
  Alert out;
  out.labels = Labels{{"alertname", name}};
  out.starts_at = out.updated_at = starts_at;
  out.ends_at = ends_at;
  return out;
}

// What a pipeline says about a conversation or a silence; sharing does not look into it.
alerts::SharedRecord told(const std::string& what) {
  return {false, "group", what};
}

alerts::SharedRecord silence(const std::string& what) {
  return {true, "one", what};
}

class SharingTest : public testing::Test {
 protected:
  struct Agent {
    explicit Agent(const std::string& name, std::chrono::milliseconds skew = {},
                   const std::string& memory = "")
        : sharing(name, "sluice", Instant(100s), memory), skew(skew), memory(memory) {}
    Sharing sharing;
    std::chrono::milliseconds skew;
    std::string memory;  // as its state file has it
    News news;           // of the last round
  };

  Moment moment(const Agent& agent) const {
    return {now_, kStart + to_ms(now_ - Instant(100s)) + agent.skew};
  }

  // One round; `before_commit` happens between the two trips of each transaction, and what `answers_lost`
  // names by its first command is carried out and not answered.
  void round(Agent& agent, const std::function<void()>& before_commit = {},
             const std::string& answers_lost = "") {
    agent.news = {};
    const auto settle = [&](Outcome outcome) {
      News news = agent.sharing.settled(moment(agent), outcome);
      if (!news.told.memory.empty()) agent.memory = news.told.memory;
      for (std::string& key : news.told.known) agent.news.told.known.push_back(std::move(key));
    };
    for (int questions = 0; auto question = agent.sharing.ask(moment(agent)); ++questions) {
      ASSERT_LT(questions, 8) << "the round does not end";
      redis_.set_time(kStart + to_ms(now_ - Instant(100s)));
      if (!up_) {
        agent.sharing.unanswered();
        continue;
      }
      test::MemoryRedis::Session session;
      if (!question->watch.empty()) {
        Command watch{"WATCH"};
        watch.insert(watch.end(), question->watch.begin(), question->watch.end());
        redis_.run(session, watch);
      }
      const Replies reads = test::fleet_replies(redis_.run_all(session, question->commands));
      if (question->watch.empty()) {
        News news = agent.sharing.answered(moment(agent), reads);
        if (on_news_) on_news_(agent, news);
        if (!news.told.memory.empty()) agent.memory = news.told.memory;
        for (Alert& said : news.alerts) agent.news.alerts.push_back(std::move(said));
        for (std::string& text : news.told.texts) agent.news.told.texts.push_back(std::move(text));
        agent.news.told.lost = agent.news.told.lost || news.told.lost;
        agent.news.members_changed = agent.news.members_changed || news.members_changed;
        continue;
      }
      const Commands writes = agent.sharing.decide(moment(agent), reads);
      if (before_commit) before_commit();
      if (writes.empty()) {
        settle(Outcome::kNothing);
        continue;
      }
      redis_.run(session, {"MULTI"});
      redis_.run_all(session, writes);
      const bool conflict = redis_.run(session, {"EXEC"}).is_nil();
      if (!answers_lost.empty() && writes.front().front() == answers_lost) {
        agent.sharing.unanswered();
      } else {
        settle(conflict ? Outcome::kConflict : Outcome::kCommitted);
      }
    }
  }

  // Everybody's rounds, a second apart.
  void rounds(std::initializer_list<Agent*> agents, int count = 1) {
    for (int i = 0; i < count; ++i) {
      now_ += 1s;
      for (Agent* agent : agents) round(*agent);
    }
  }

  // What its pipeline says.
  void say(Agent& agent, alerts::SharedRecord record) { agent.sharing.take_records({std::move(record)}); }

  // Its pipeline says `text` when it hears that something is lost.
  void share_again(Agent& whose, const std::string& text) {
    on_news_ = [this, &whose, text](Agent& agent, const News& news) {
      if (&agent == &whose && news.told.lost) say(agent, told(text));
    };
  }

  // Whether it notices, in its next rounds, that something is lost.
  bool notices_a_loss(Agent& agent, int count) {
    bool lost = false;
    on_news_ = [&](Agent&, const News& news) { lost = lost || news.told.lost; };
    rounds({&agent}, count);
    on_news_ = {};
    return lost;
  }

  std::string field(const std::string& hash, const std::string& name) {
    test::MemoryRedis::Session session;
    const test::RedisReply all = redis_.run(session, {"HGETALL", hash});
    for (size_t i = 0; i + 1 < all.items.size(); i += 2) {
      if (all.items[i].text == name) return all.items[i + 1].text;
    }
    return "";
  }

  Role role(const Agent& agent) const { return agent.sharing.role().role(now_); }

  test::MemoryRedis redis_;
  bool up_ = true;
  std::function<void(Agent&, const News&)> on_news_;  // what its pipeline makes of it
  Instant now_{100s};
  Agent a_{"a"}, b_{"b", 90s};
};

TEST_F(SharingTest, one_takes_the_lease_and_the_other_knows_it) {
  rounds({&a_, &b_}, 3);
  EXPECT_EQ(role(a_), Role::kHolder);
  EXPECT_EQ(role(b_), Role::kStandby);
  rounds({&a_, &b_}, 30);
  EXPECT_EQ(role(a_), Role::kHolder) << "it renews";
  EXPECT_THAT(a_.sharing.members(), ElementsAre("a", "b"));
}

TEST_F(SharingTest, an_alert_reaches_the_others_in_their_own_time) {
  rounds({&a_, &b_}, 3);
  const Timestamp now = moment(b_).wall;
  b_.sharing.take_alerts(now, {alert("Down", now, now + 240s)});
  round(b_);
  round(a_);
  ASSERT_EQ(a_.news.alerts.size(), 1u);
  EXPECT_EQ(a_.news.alerts[0].starts_at, now - 90s) << "the clocks are 90 s apart";
}

TEST_F(SharingTest, what_has_not_changed_is_not_read_again) {
  rounds({&a_, &b_}, 3);
  now_ += 1s;
  const uint64_t before = redis_.commands;
  round(b_);
  EXPECT_LE(redis_.commands - before, 6u) << "a look";
}

TEST_F(SharingTest, what_the_last_holder_told_comes_before_the_next_one_may_tell) {
  rounds({&a_, &b_}, 3);
  say(a_, told("first"));
  round(a_);
  EXPECT_THAT(a_.news.told.known, ElementsAre("group"));
  // a is gone before b has read it.
  std::string learned;
  for (int seconds = 0; role(b_) != Role::kHolder; ++seconds) {
    ASSERT_LT(seconds, 10) << "the takeover";
    rounds({&b_});
    for (const std::string& text : b_.news.told.texts) learned += text;
  }
  EXPECT_THAT(learned, HasSubstr("first"));
}

TEST_F(SharingTest, who_writes_has_read_what_another_wrote_at_the_same_time) {
  rounds({&a_, &b_}, 3);
  for (Agent* agent : {&a_, &b_}) {
    const Timestamp now = moment(*agent).wall;
    agent->sharing.take_alerts(now, {alert(agent == &a_ ? "A" : "B", now, now + 240s)});
  }
  now_ += 1s;
  round(a_, [&, done = false]() mutable {
    if (!std::exchange(done, true)) round(b_);
  });
  EXPECT_EQ(field(kAlerts, "a"), "") << "b was faster";
  rounds({&a_, &b_}, 2);
  EXPECT_THAT(field(kAlerts, "a"), HasSubstr("alertname"));
  EXPECT_THAT(field(kAlerts, "b"), HasSubstr("alertname"));
  EXPECT_EQ(redis_.get(kVersion)->substr(0, 2), "2 ");
}

TEST_F(SharingTest, an_alert_that_begins_while_others_are_on_their_way_is_said_next) {
  rounds({&a_, &b_}, 3);
  const Timestamp now = moment(a_).wall;
  a_.sharing.take_alerts(now, {alert("A", now, now + 240s)});
  round(a_, [&] { a_.sharing.take_alerts(now, {alert("B", now, now + 240s)}); });
  EXPECT_THAT(field(kAlerts, "a"), testing::Not(HasSubstr("\tB")));
  rounds({&a_});
  EXPECT_EQ(a_.sharing.has_news(moment(a_).wall), false);
  round(b_);
  EXPECT_EQ(b_.news.alerts.size(), 2u);
}

TEST_F(SharingTest, what_arrived_without_an_answer_is_known_again) {
  rounds({&a_, &b_}, 3);
  say(a_, told("first"));
  now_ += 1s;
  round(a_, {}, "HSET");
  EXPECT_THAT(field(kTold, "group"), HasSubstr("first"));
  const std::string version = *redis_.get(kVersion);
  rounds({&a_}, 2);
  EXPECT_THAT(a_.news.told.texts, IsEmpty()) << "it is its own word";
  EXPECT_EQ(redis_.get(kVersion), version) << "and not written twice";
}

TEST_F(SharingTest, what_arrived_without_an_answer_is_known_again_though_others_wrote_since) {
  rounds({&a_, &b_}, 3);
  say(a_, told("first"));
  now_ += 1s;
  round(a_, {}, "HSET");
  say(b_, silence("one"));
  rounds({&b_}, 2);
  rounds({&a_}, 2);
  EXPECT_FALSE(a_.news.told.lost);
  EXPECT_FALSE(a_.sharing.has_news(moment(a_).wall));
  EXPECT_EQ(redis_.get("sluice:{fleet}:written:a")->substr(0, 2), "1 ");
}

TEST_F(SharingTest, what_a_fail_over_loses_is_written_again_though_the_number_is_the_same) {
  rounds({&a_, &b_}, 3);
  const Timestamp before = redis_.time();
  now_ += 500ms;
  const Timestamp now = moment(a_).wall;
  say(a_, told("first"));
  a_.sharing.take_alerts(now, {alert("A", now, now + 240s)});
  round(a_);
  ASSERT_NE(field(kTold, "group"), "");
  redis_.lose_writes_after(before);
  ASSERT_EQ(field(kTold, "group"), "");
  b_.sharing.take_alerts(moment(b_).wall, {alert("B", moment(b_).wall, moment(b_).wall + 240s)});
  round(b_);
  EXPECT_EQ(redis_.get(kVersion)->substr(0, 2), "1 ") << "as high as the one that a knows";
  share_again(a_, "first");
  rounds({&a_, &b_}, 2);
  EXPECT_THAT(field(kTold, "group"), HasSubstr("first"));
  EXPECT_NE(field(kAlerts, "a"), "");
}

TEST_F(SharingTest, what_a_fail_over_brings_to_light_again_is_no_news) {
  rounds({&a_, &b_}, 3);
  say(a_, told("first"));
  rounds({&a_, &b_}, 2);
  const Timestamp before = redis_.time();
  now_ += 500ms;
  say(a_, told("second"));
  round(a_);
  round(b_);
  EXPECT_THAT(b_.news.told.texts, Contains(HasSubstr("second")));
  redis_.lose_writes_after(before);
  ASSERT_EQ(field(kTold, "group"), "first");
  share_again(a_, "second");
  for (Agent* agent : {&b_, &a_}) {
    now_ += 500ms;
    round(*agent);
    EXPECT_THAT(agent->news.told.texts, IsEmpty());
  }
  EXPECT_EQ(field(kTold, "group"), "second");
}

TEST_F(SharingTest, what_was_told_while_alone_comes_together_with_the_word_of_the_others) {
  rounds({&a_, &b_}, 3);
  say(a_, told("first"));
  rounds({&a_, &b_}, 2);
  // b alone is cut off for longer than any lease, and tells.
  for (int i = 0; i < 25; ++i) {
    now_ += 1s;
    round(a_);
    up_ = false;
    round(b_);
    up_ = true;
  }
  ASSERT_EQ(role(b_), Role::kAlone);
  say(b_, told("alone"));
  now_ += 1s;
  // The first thing that it does when Redis answers is to read what the others told; its pipeline makes one
  // of both.
  auto question = b_.sharing.ask(moment(b_));
  test::MemoryRedis::Session session;
  (void)b_.sharing.answered(moment(b_), test::fleet_replies(redis_.run_all(session, question->commands)));
  EXPECT_EQ(role(b_), Role::kStandby);
  say(a_, told("second"));
  round(a_);
  on_news_ = [&](Agent& agent, const News& news) {
    for (const std::string& text : news.told.texts) {
      if (text.find("second") != std::string::npos) say(agent, told("both"));
    }
  };
  rounds({&b_}, 2);
  EXPECT_THAT(field(kTold, "group"), HasSubstr("both"));
  rounds({&a_});
  EXPECT_THAT(a_.news.told.texts, Contains(HasSubstr("both")))
      << "the one that tells learns what it did not tell";
}

TEST_F(SharingTest, a_silence_that_was_changed_elsewhere_meanwhile_is_not_put_back) {
  rounds({&a_, &b_}, 3);
  say(b_, silence("older"));
  say(a_, silence("newer"));
  round(a_);
  up_ = false;
  round(b_);
  up_ = true;
  rounds({&b_});
  EXPECT_THAT(b_.news.told.texts, Contains(HasSubstr("newer")));
  EXPECT_FALSE(b_.sharing.has_news(moment(b_).wall));
}

TEST_F(SharingTest, the_word_of_one_that_is_gone_does_not_stand_against_the_rest) {
  rounds({&a_, &b_}, 3);
  for (Agent* agent : {&a_, &b_}) {
    const Timestamp now = moment(*agent).wall;
    agent->sharing.take_alerts(now, {alert("Down", now, now + 240s)});
  }
  rounds({&a_, &b_}, 2);
  rounds({&a_}, 40);
  EXPECT_THAT(a_.sharing.members(), ElementsAre("a"));
  const Timestamp now = moment(a_).wall;
  const auto said = a_.sharing.take_alerts(now, {alert("Down", now - 45s, now)});
  ASSERT_EQ(said.size(), 1u);
  EXPECT_TRUE(said[0].resolved_at(now)) << "b is no longer there to say otherwise";
}

TEST_F(SharingTest, one_that_stops_hands_the_lease_on) {
  rounds({&a_, &b_}, 3);
  say(a_, told("last"));
  a_.sharing.leave();
  round(a_);
  EXPECT_EQ(redis_.get("sluice:{fleet}:lease"), std::nullopt);
  EXPECT_THAT(field(kTold, "group"), HasSubstr("last")) << "what it has told is written down first";
  rounds({&b_});
  EXPECT_EQ(role(b_), Role::kHolder);
}

TEST_F(SharingTest, a_redis_that_lost_everything_is_told_again) {
  rounds({&a_, &b_}, 3);
  say(a_, told("first"));
  say(a_, silence("one"));
  rounds({&a_, &b_}, 2);
  for (const std::string& key : redis_.keys()) redis_.remove(key);
  share_again(a_, "first");
  rounds({&a_, &b_}, 10);
  EXPECT_THAT(field(kTold, "group"), HasSubstr("first"));
  EXPECT_NE(field("sluice:{fleet}:silences", "one"), "");
}

TEST_F(SharingTest, who_was_away_notices_that_redis_lost_everything_meanwhile) {
  rounds({&a_, &b_}, 3);
  say(a_, told("first"));
  rounds({&a_, &b_}, 2);
  for (const std::string& key : redis_.keys()) redis_.remove(key);
  Agent c{"c"};
  say(c, told("second"));
  rounds({&c}, 40);
  ASSERT_EQ(field(kTold, "group"), "second");
  for (const Agent* before : {&a_, &b_}) {
    Agent again{before == &a_ ? "a" : "b", 0s, before->memory};
    rounds({&again}, 2);
    EXPECT_THAT(again.memory, Not(before->memory));
    rounds({&again});
    EXPECT_FALSE(again.news.told.lost) << "once is enough";
  }
  // One that lived all the time, and heard nothing of Redis: the version is higher than the one that it read.
  EXPECT_TRUE(notices_a_loss(a_, 2));
}

TEST_F(SharingTest, who_was_away_notices_that_a_fail_over_lost_its_last_words) {
  rounds({&a_, &b_}, 3);
  say(b_, told("first"));
  rounds({&a_, &b_}, 2);
  const Timestamp before = redis_.time();
  now_ += 500ms;
  say(a_, told("second"));
  round(a_);
  redis_.lose_writes_after(before);
  say(b_, told("third"));
  rounds({&b_}, 10);
  ASSERT_EQ(field(kTold, "group"), "third");
  Agent again{"a", 0s, a_.memory};
  EXPECT_TRUE(notices_a_loss(again, 2));
}

TEST_F(SharingTest, who_was_away_and_missed_nothing_but_news_says_nothing_anew) {
  rounds({&a_, &b_}, 3);
  say(a_, told("first"));
  rounds({&a_, &b_}, 2);
  const std::string memory = a_.memory;
  say(a_, told("second"));
  rounds({&a_, &b_}, 2);
  say(b_, told("third"));
  rounds({&b_}, 10);
  Agent again{"a", 0s, memory};  // killed before its state file had its last words
  EXPECT_FALSE(notices_a_loss(again, 5));
}

TEST_F(SharingTest, what_somebody_else_wrote_where_its_marks_are_is_bounded) {
  rounds({&a_, &b_}, 3);
  say(a_, told("first"));
  rounds({&a_, &b_}, 2);
  test::MemoryRedis::Session session;
  for (const std::string key : {"sluice:{fleet}:memory", "sluice:{fleet}:written:a"})
    redis_.run(session, {"SET", key, std::string(100'000, 'x')});
  say(b_, silence("one"));
  rounds({&b_, &a_}, 2);
  EXPECT_LT(a_.memory.size(), 4096u);
  say(b_, silence("two"));
  EXPECT_FALSE(notices_a_loss(a_, 3)) << "that was once, and is known";
}

}  // namespace
}  // namespace sluice::fleet
