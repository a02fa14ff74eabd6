// Two pipelines of two agents: one tells, the other stands by and takes over.

#include <gtest/gtest.h>

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
    std::vector<Delivery> sent;

    void take(Effects effects) {
      journal += effects.journal;
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
  };

  PipelineSharedTest() { standby.take(standby.pipeline.set_telling(kNow, false)); }

  // What is written to the shared Redis, and read from there.
  static std::string shared(const Agent& agent) {
    std::map<std::string, std::string> now;
    std::string out;
    for (const SharedRecord& record : shared_records(agent.journal)) now[record.key] = record.line;
    for (const auto& [key, line] : now) out += line.empty() ? gone_conversation(key) : line;
    return out;
  }

  std::shared_ptr<const Config> config_ = script::ConfigReader().read(
      {"receiver ops webhook", "route * -> ops by alertname wait 0s interval 1s repeat 4h"});
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
  const auto together =
      script::ConfigReader().read({"receiver ops webhook", "route * -> ops wait 0s interval 1s repeat 4h"});
  Agent first(together), second(together);
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
  const std::string first = shared(teller);
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
