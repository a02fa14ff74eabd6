// Two pipelines of two agents: one tells, the other stands by and takes over.

#include <gtest/gtest.h>

#include <array>

#include "alerts/pipeline.h"
#include "alerts/shared.h"
#include "tests/alerts/pipeline_script.h"

namespace sluice::alerts {
namespace {

const Timestamp kNow = script::kEpoch;

Alert alert(const std::string& name, Timestamp starts_at, Timestamp ends_at) {
  Alert out;
  out.labels = Labels{{"alertname", name}};
  out.starts_at = starts_at;
  out.ends_at = ends_at;
  out.updated_at = starts_at;
  return out;
}

class PipelineSharedTest : public testing::Test {
 protected:
  struct Agent {
    explicit Agent(std::shared_ptr<const Config> config) : pipeline(std::move(config), {}) {}
    Pipeline pipeline;
    std::string journal;
    std::map<std::string, std::string> shared;  // as it last said
    std::vector<Delivery> sent;

    void take(Effects effects) {
      journal += effects.journal;
      for (SharedRecord& record : effects.shared) shared[record.key] = std::move(record.text);
      for (Delivery& delivery : effects.send) sent.push_back(std::move(delivery));
    }
    void fire(Timestamp now, const std::string& name) {
      take(pipeline.step(now, std::vector<Alert>{alert(name, now, now + 240s)}));
    }
    void resolve(Timestamp now, const std::string& name) {
      take(pipeline.step(now, std::vector<Alert>{alert(name, now - 1s, now)}));
    }
    void answer(Timestamp now) {
      for (const Delivery& delivery : std::exchange(sent, {}))
        take(pipeline.on_delivery(now, delivery.id, {}));
    }
    // Of the only message under way.
    void lose_answer(Timestamp now) {
      DeliveryOutcome lost;
      lost.kind = DeliveryOutcome::Kind::kRetry;
      lost.maybe_delivered = true;
      take(pipeline.on_delivery(now, std::exchange(sent, {}).at(0).id, lost));
    }
  };

  PipelineSharedTest() {
    for (Agent* agent : {&teller, &standby}) agent->take(agent->pipeline.set_sharing(kNow, true));
    standby.take(standby.pipeline.set_telling(kNow, false));
  }

  // All that it shared, as another one reads it.
  static SharedNews shared(const Agent& agent) {
    SharedNews news;
    for (const auto& [key, text] : agent.shared)
      news.texts.push_back(text.empty() ? gone_conversation(key) : text);
    return news;
  }

  // That the others have read all of it.
  static SharedNews read(const Agent& agent) {
    SharedNews news;
    for (const auto& [key, text] : agent.shared) news.known.push_back(key);
    return news;
  }

  // One that has heard of nobody else tells these ends, in one message.
  void expect_ends(const Agent& known, const std::vector<std::string>& names) {
    Agent holder(together_);
    holder.take(holder.pipeline.learn(kNow + 3s, shared(known)));
    for (const std::string& name : names) holder.resolve(kNow + 10s, name);
    holder.take(holder.pipeline.step(kNow + 12s));
    ASSERT_EQ(holder.sent.size(), 1u);
    EXPECT_EQ(holder.sent[0].notifications[0].alerts.size(), names.size());
  }

  std::shared_ptr<const Config> config_ = script::ConfigReader().read(
      {"receiver ops webhook", "route * -> ops by alertname wait 0s interval 1s repeat 4h"});
  // All alerts in one group.
  std::shared_ptr<const Config> together_ =
      script::ConfigReader().read({"receiver ops webhook", "route * -> ops wait 0s interval 1s repeat 4h"});
  Agent teller{config_}, standby{config_};
};

TEST_F(PipelineSharedTest, what_one_has_told_the_other_resolves) {
  teller.fire(kNow, "A");
  standby.fire(kNow, "A");
  ASSERT_EQ(teller.sent.size(), 1u);
  EXPECT_TRUE(standby.sent.empty()) << "it may not tell";
  teller.answer(kNow);
  standby.take(standby.pipeline.learn(kNow, shared(teller)));
  standby.take(standby.pipeline.set_telling(kNow + 5s, true));
  EXPECT_TRUE(standby.sent.empty()) << "the other one has told it";
  standby.resolve(kNow + 10s, "A");
  standby.take(standby.pipeline.step(kNow + 12s));
  ASSERT_EQ(standby.sent.size(), 1u);
  EXPECT_TRUE(standby.sent[0].notifications[0].alerts[0].resolved);
}

TEST_F(PipelineSharedTest, what_nobody_has_told_is_told_by_whoever_takes_over) {
  standby.fire(kNow, "A");
  EXPECT_TRUE(standby.sent.empty());
  standby.take(standby.pipeline.set_telling(kNow + 5s, true));
  ASSERT_EQ(standby.sent.size(), 1u);
}

TEST_F(PipelineSharedTest, what_was_told_counts_even_before_the_alert_is_known) {
  teller.fire(kNow, "A");
  teller.answer(kNow);
  standby.take(standby.pipeline.learn(kNow, shared(teller)));
  standby.take(standby.pipeline.set_telling(kNow + 5s, true));
  standby.fire(kNow + 6s, "A");
  EXPECT_TRUE(standby.sent.empty());
  standby.resolve(kNow + 10s, "A");
  standby.take(standby.pipeline.step(kNow + 12s));
  EXPECT_EQ(standby.sent.size(), 1u) << "told once, resolved once";
}

TEST_F(PipelineSharedTest, an_end_is_told_by_one_that_never_saw_the_alert_fire) {
  teller.fire(kNow, "A");
  teller.answer(kNow);
  standby.take(standby.pipeline.learn(kNow, shared(teller)));
  standby.take(standby.pipeline.set_telling(kNow + 5s, true));
  standby.resolve(kNow + 6s, "A");
  standby.take(standby.pipeline.step(kNow + 8s));
  ASSERT_EQ(standby.sent.size(), 1u);
  EXPECT_TRUE(standby.sent[0].notifications[0].alerts[0].resolved);
}

TEST_F(PipelineSharedTest, an_end_that_was_told_is_not_told_again) {
  teller.fire(kNow, "A");
  standby.fire(kNow, "A");
  teller.answer(kNow);
  standby.take(standby.pipeline.learn(kNow, shared(teller)));
  teller.resolve(kNow + 10s, "A");
  standby.resolve(kNow + 10s, "A");
  teller.take(teller.pipeline.step(kNow + 12s));
  teller.answer(kNow + 12s);
  standby.take(standby.pipeline.step(kNow + 12s));
  standby.take(standby.pipeline.learn(kNow + 13s, shared(teller)));
  standby.take(standby.pipeline.set_telling(kNow + 20s, true));
  EXPECT_TRUE(standby.sent.empty());
  EXPECT_EQ(standby.pipeline.stats().alerts, 0u) << "and nothing of it is kept";
}

TEST_F(PipelineSharedTest, what_both_told_while_they_could_not_hear_each_other_is_open_at_both) {
  standby.take(standby.pipeline.set_telling(kNow, true));
  for (Agent* agent : {&teller, &standby}) {
    agent->fire(kNow, agent == &teller ? "A" : "B");
    agent->answer(kNow);
  }
  standby.take(standby.pipeline.set_telling(kNow + 1s, false));
  standby.take(standby.pipeline.learn(kNow + 1s, shared(teller)));
  standby.fire(kNow + 2s, "A");
  standby.take(standby.pipeline.set_telling(kNow + 5s, true));
  EXPECT_TRUE(standby.sent.empty()) << "A was told by the other, B by itself";
  standby.resolve(kNow + 6s, "A");
  standby.resolve(kNow + 6s, "B");
  standby.take(standby.pipeline.step(kNow + 8s));
  EXPECT_EQ(standby.sent.size(), 2u);
}

TEST_F(PipelineSharedTest, the_end_that_one_told_does_not_close_what_the_other_told_later) {
  Agent first(together_), second(together_);
  for (Agent* agent : {&first, &second}) agent->take(agent->pipeline.set_sharing(kNow, true));
  first.fire(kNow, "A");
  first.fire(kNow, "B");
  first.answer(kNow);
  first.resolve(kNow + 10s, "A");
  for (const Duration later : {12s, 14s}) {
    first.take(first.pipeline.step(kNow + to_ms(later)));
    first.answer(kNow + to_ms(later));
  }
  second.fire(kNow + 20s, "A");
  second.answer(kNow + 20s);
  second.take(second.pipeline.learn(kNow + 30s, shared(first)));

  Silence silence;
  silence.matchers = {*Matcher::make(MatchOp::kEqual, "alertname", "A")};
  silence.starts_at = kNow;
  silence.ends_at = kNow + std::chrono::hours(1);
  silence.created_by = silence.comment = "ann";
  Effects effects;
  ASSERT_TRUE(second.pipeline.set_silence(kNow + 31s, silence, effects));
  second.resolve(kNow + 40s, "A");
  second.take(second.pipeline.step(kNow + 42s));
  ASSERT_EQ(second.sent.size(), 1u) << "people believe that A fires, whatever was told before";
  EXPECT_TRUE(second.sent[0].notifications[0].alerts[0].resolved);
}

TEST_F(PipelineSharedTest, a_third_that_was_alone_too_takes_nothing_away) {
  std::array<Agent, 3> agents{Agent(together_), Agent(together_), Agent(together_)};
  for (size_t i = 0; i < 3; ++i) {
    agents[i].take(agents[i].pipeline.set_sharing(kNow, true));
    agents[i].fire(kNow, std::string(1, static_cast<char>('A' + i)));
    agents[i].answer(kNow);
  }
  Agent& last = agents[2];
  last.take(last.pipeline.learn(kNow + 1s, shared(agents[0])));
  EXPECT_FALSE(last.shared.empty()) << "it has something to add";
  last.take(last.pipeline.learn(kNow + 2s, shared(agents[1])));  // before it could
  expect_ends(last, {"A", "B", "C"});
}

TEST_F(PipelineSharedTest, what_others_have_read_is_theirs_to_change) {
  teller.fire(kNow, "A");
  teller.answer(kNow);
  standby.take(standby.pipeline.learn(kNow, shared(teller)));
  teller.take(teller.pipeline.learn(kNow + 1s, read(teller)));
  teller.take(teller.pipeline.set_telling(kNow + 1s, false));
  standby.take(standby.pipeline.set_telling(kNow + 1s, true));
  standby.resolve(kNow + 5s, "A");
  standby.take(standby.pipeline.step(kNow + 6s));
  standby.answer(kNow + 6s);
  teller.resolve(kNow + 5s, "A");
  teller.take(teller.pipeline.step(kNow + 6s));
  teller.take(teller.pipeline.learn(kNow + 7s, shared(standby)));
  teller.take(teller.pipeline.set_telling(kNow + 8s, true));
  EXPECT_TRUE(teller.sent.empty()) << "its end was told";
}

TEST_F(PipelineSharedTest, a_repetition_without_an_answer_is_nothing_that_others_must_know) {
  const Timestamp later = kNow + std::chrono::hours(4);
  teller.fire(kNow, "A");
  teller.answer(kNow);
  standby.take(standby.pipeline.learn(kNow, shared(teller)));
  teller.take(teller.pipeline.learn(kNow + 1s, read(teller)));
  for (Agent* agent : {&teller, &standby}) agent->fire(later - 200s, "A");
  teller.take(teller.pipeline.step(later));
  ASSERT_EQ(teller.sent.size(), 1u);
  teller.lose_answer(later);
  teller.take(teller.pipeline.set_telling(later, false));
  standby.take(standby.pipeline.set_telling(later, true));
  standby.answer(later + 1s);
  standby.resolve(later + 5s, "A");
  standby.take(standby.pipeline.step(later + 7s));
  standby.answer(later + 7s);
  teller.resolve(later + 5s, "A");
  teller.take(teller.pipeline.learn(later + 8s, shared(standby)));
  teller.take(teller.pipeline.set_telling(later + 9s, true));
  teller.take(teller.pipeline.step(later + 60s));
  EXPECT_TRUE(teller.sent.empty()) << "its end was told, and nothing that this one told was later";
}

// A was told and is open, then silenced; its silence ends while this one is alone, and it says so once more
// without an answer. Meanwhile the others told its end.
TEST_F(PipelineSharedTest,
       what_was_said_anew_without_an_answer_is_not_over_because_others_told_an_earlier_end) {
  Agent lonely(together_), others(together_);
  others.take(others.pipeline.set_telling(kNow, false));
  for (Agent* agent : {&lonely, &others}) {
    agent->take(agent->pipeline.set_sharing(kNow, true));
    agent->fire(kNow, "A");
    agent->fire(kNow, "B");
  }
  lonely.answer(kNow);
  lonely.take(lonely.pipeline.step(kNow + 2s));
  lonely.answer(kNow + 2s);
  Silence silence;
  silence.matchers = {*Matcher::make(MatchOp::kEqual, "alertname", "A")};
  silence.starts_at = kNow + 3s;
  silence.ends_at = kNow + 30s;
  silence.created_by = silence.comment = "ann";
  Effects effects;
  ASSERT_TRUE(lonely.pipeline.set_silence(kNow + 3s, silence, effects));
  lonely.fire(kNow + 4s, "C");
  lonely.take(lonely.pipeline.step(kNow + 6s));
  lonely.answer(kNow + 6s);
  lonely.take(lonely.pipeline.learn(kNow + 7s, read(lonely)));
  others.take(others.pipeline.learn(kNow + 7s, shared(lonely)));

  lonely.fire(kNow + 31s, "A");
  lonely.take(lonely.pipeline.step(kNow + 33s));
  ASSERT_EQ(lonely.sent.size(), 1u);
  lonely.lose_answer(kNow + 33s);
  lonely.take(lonely.pipeline.set_telling(kNow + 34s, false));

  others.take(others.pipeline.set_telling(kNow + 20s, true));
  for (const std::string name : {"A", "B", "C"}) others.resolve(kNow + 20s, name);
  for (const Duration later : {21s, 23s}) {
    others.take(others.pipeline.step(kNow + to_ms(later)));
    others.answer(kNow + to_ms(later));
  }
  lonely.shared.clear();
  lonely.take(lonely.pipeline.learn(kNow + 40s, shared(others)));
  ASSERT_EQ(lonely.shared.size(), 1u) << "the others do not know that A was said once more";
  others.take(others.pipeline.learn(kNow + 41s, shared(lonely)));
  others.take(others.pipeline.step(kNow + 600s));
  ASSERT_EQ(others.sent.size(), 1u);
  EXPECT_TRUE(others.sent[0].notifications[0].alerts[0].resolved);
}

TEST_F(PipelineSharedTest, what_was_told_before_it_was_killed_is_shared_when_it_is_back) {
  teller.fire(kNow, "A");
  teller.answer(kNow);
  teller.take(teller.pipeline.step(kNow + 1s));
  Agent again(config_);
  ASSERT_TRUE(again.pipeline.restore(kNow + 60s, teller.pipeline.snapshot(kNow + 1s)));
  again.take(again.pipeline.set_telling(kNow + 60s, false));
  EXPECT_TRUE(again.shared.empty());
  again.take(again.pipeline.set_sharing(kNow + 60s, true));
  const SharedNews known = read(again);
  ASSERT_EQ(known.known.size(), 1u);
  standby.take(standby.pipeline.learn(kNow + 60s, shared(again)));
  standby.take(standby.pipeline.set_telling(kNow + 61s, true));
  EXPECT_TRUE(standby.sent.empty()) << "A may be said again by whoever saw it";
  standby.take(standby.pipeline.step(kNow + 600s));
  ASSERT_EQ(standby.sent.size(), 1u) << "and when nobody does, it has ended";
  EXPECT_TRUE(standby.sent[0].notifications[0].alerts[0].resolved);

  again.take(again.pipeline.learn(kNow + 61s, known));
  Agent once_more(config_);
  ASSERT_TRUE(once_more.pipeline.restore(kNow + 70s, again.pipeline.snapshot(kNow + 61s)));
  once_more.take(once_more.pipeline.set_sharing(kNow + 70s, true));
  EXPECT_TRUE(once_more.shared.empty()) << "the others knew it";
}

TEST_F(PipelineSharedTest, what_others_tell_while_a_message_is_under_way_is_not_lost) {
  Agent first(together_), second(together_);
  for (Agent* agent : {&first, &second}) agent->take(agent->pipeline.set_sharing(kNow, true));
  first.fire(kNow, "A");
  first.answer(kNow);
  second.fire(kNow, "B");
  ASSERT_EQ(second.sent.size(), 1u);
  second.take(second.pipeline.learn(kNow + 1s, shared(first)));
  second.answer(kNow + 2s);
  second.resolve(kNow + 5s, "A");
  second.resolve(kNow + 5s, "B");
  second.take(second.pipeline.step(kNow + 6s));
  ASSERT_EQ(second.sent.size(), 1u);
  EXPECT_EQ(second.sent[0].notifications[0].alerts.size(), 2u);
}

// Its answer is lost, too; what it then shares in place of theirs holds theirs.
TEST_F(PipelineSharedTest, what_others_tell_while_a_message_is_under_way_is_not_overwritten) {
  Agent first(together_), second(together_);
  for (Agent* agent : {&first, &second}) agent->take(agent->pipeline.set_sharing(kNow, true));
  first.fire(kNow, "A");
  first.fire(kNow, "B");
  first.lose_answer(kNow);
  second.fire(kNow, "A");
  second.lose_answer(kNow);
  second.take(second.pipeline.step(kNow + 10s));
  ASSERT_EQ(second.sent.size(), 1u);
  second.shared.clear();
  second.take(second.pipeline.learn(kNow + 11s, shared(first)));
  second.lose_answer(kNow + 12s);
  EXPECT_EQ(second.shared, decltype(second.shared){}) << "the others know more than this one";
}

TEST_F(PipelineSharedTest, what_is_damaged_is_passed_over_as_a_whole_and_said_so) {
  teller.fire(kNow, "A");
  teller.fire(kNow, "B");
  teller.answer(kNow);
  SharedNews news = shared(teller);
  ASSERT_EQ(news.texts.size(), 2u);
  for (size_t damaged : {0u, 1u}) {
    for (const bool end : {false, true}) {
      SharedNews partly = news;
      std::string& text = partly.texts[damaged];
      text[end ? text.size() - 3 : 20] ^= 1;
      Agent reader(config_);
      const Effects effects = reader.pipeline.learn(kNow, partly);
      ASSERT_EQ(effects.events.size(), 1u);
      EXPECT_EQ(effects.events[0].level, LogLevel::kWarn);
      EXPECT_EQ(reader.pipeline.alerts(kNow).size(), 1u) << "the other one is known";
    }
  }
}

TEST_F(PipelineSharedTest, what_others_share_keeps_to_the_limits) {
  PipelineOptions few;
  few.groups_max = 1;
  Pipeline pipeline(config_, few);
  teller.fire(kNow, "A");
  teller.fire(kNow, "B");
  teller.answer(kNow);
  (void)pipeline.learn(kNow, shared(teller));
  EXPECT_EQ(pipeline.groups(kNow).size(), 1u);
}

// An alert that nobody repeats is over as soon for the third that hears of it as for the first.
TEST_F(PipelineSharedTest, an_alert_does_not_live_longer_because_it_is_handed_on) {
  teller.take(teller.pipeline.step(kNow, std::vector<Alert>{alert("A", kNow, kNow + 60s)}));
  teller.answer(kNow);
  Timestamp now = kNow;
  std::string state = teller.pipeline.snapshot(now);
  for (int restarts = 0; restarts < 3; ++restarts) {
    now += to_ms(10min);
    Pipeline again(config_, {});
    ASSERT_TRUE(again.restore(now, state));
    EXPECT_EQ(again.alerts(now + 59s).size(), 1u);
    EXPECT_EQ(again.alerts(now + 61s).size(), 0u);
    state = again.snapshot(now);
  }
}

TEST_F(PipelineSharedTest, a_memory_that_lost_something_is_told_all_of_it_again) {
  teller.fire(kNow, "A");
  teller.answer(kNow);
  teller.shared.clear();
  SharedNews news;
  news.lost = true;
  teller.take(teller.pipeline.learn(kNow + 1s, news));
  EXPECT_EQ(teller.shared.size(), 1u);
  EXPECT_TRUE(teller.sent.empty());
}

// What is written in place of theirs holds theirs.
TEST_F(PipelineSharedTest, a_memory_that_lost_something_is_told_it_with_what_it_was_told_since) {
  Agent first(together_), second(together_);
  for (Agent* agent : {&first, &second}) agent->take(agent->pipeline.set_sharing(kNow, true));
  first.fire(kNow, "A");
  second.fire(kNow, "B");
  for (Agent* agent : {&first, &second}) agent->answer(kNow);
  first.take(first.pipeline.learn(kNow, read(first)));
  first.shared.clear();
  SharedNews news = shared(second);
  news.lost = true;
  first.take(first.pipeline.learn(kNow + 1s, news));
  ASSERT_EQ(first.shared.size(), 1u);
  expect_ends(first, {"A", "B"});
}

TEST_F(PipelineSharedTest, what_the_others_memory_is_known_by_is_kept_with_what_they_know) {
  teller.fire(kNow, "A");
  teller.answer(kNow);
  teller.journal.clear();
  const std::string before = teller.pipeline.snapshot(kNow);
  SharedNews news = read(teller);
  news.memory = "m 1 teller";
  teller.take(teller.pipeline.learn(kNow, news));
  EXPECT_EQ(teller.pipeline.memory(), "m 1 teller");
  const std::string journal = teller.journal;
  ASSERT_TRUE(journal.ends_with(" M\tm 1 teller\n"))
      << journal << "its end may be missing, then it is shared again";
  teller.take(teller.pipeline.learn(kNow, news));
  EXPECT_EQ(teller.journal, journal) << "no more than once";
  for (const std::string& state : {before + journal, teller.pipeline.snapshot(kNow)}) {
    Agent again(config_);
    ASSERT_TRUE(again.pipeline.restore(kNow + 60s, state));
    EXPECT_EQ(again.pipeline.memory(), "m 1 teller");
  }
}

TEST_F(PipelineSharedTest, one_that_stands_by_again_takes_nothing_away_from_those_that_tell) {
  standby.take(standby.pipeline.set_telling(kNow, true));
  standby.fire(kNow, "A");
  standby.answer(kNow);
  standby.take(standby.pipeline.set_telling(kNow + 1s, false));
  standby.resolve(kNow + 2s, "A");
  standby.take(standby.pipeline.step(kNow + 300s));
  ASSERT_EQ(standby.shared.size(), 1u);
  EXPECT_NE(standby.shared.begin()->second, "");
}

TEST_F(PipelineSharedTest, of_two_versions_of_a_silence_the_later_counts) {
  Silence silence;
  silence.matchers = {*Matcher::make(MatchOp::kEqual, "alertname", "A")};
  silence.starts_at = kNow;
  silence.ends_at = kNow + std::chrono::hours(1);
  silence.created_by = "ann";
  silence.comment = "rollout";
  Effects effects;
  const auto id = teller.pipeline.set_silence(kNow, silence, effects);
  ASSERT_TRUE(id);
  teller.take(std::move(effects));
  const SharedNews first = shared(teller);
  standby.take(standby.pipeline.learn(kNow, first));
  EXPECT_TRUE(standby.pipeline.status(kNow, Labels{{"alertname", "A"}}).suppressed());
  Effects ended;
  ASSERT_TRUE(standby.pipeline.expire_silence(kNow + 5s, *id, ended));
  standby.take(std::move(ended));
  standby.take(standby.pipeline.learn(kNow + 6s, first));
  EXPECT_FALSE(standby.pipeline.status(kNow + 6s, Labels{{"alertname", "A"}}).suppressed());
  teller.take(teller.pipeline.learn(kNow + 6s, shared(standby)));
  EXPECT_FALSE(teller.pipeline.status(kNow + 6s, Labels{{"alertname", "A"}}).suppressed());
}

}  // namespace
}  // namespace sluice::alerts
