// The promises of the pipeline, held against random timelines: alerts that come and go, silences, reloads,
// receivers that are down, busy or lose answers, and an agent that is killed at any instant, also between its
// journal and its sends. The receivers keep books of what they were told; when everything has calmed down,
// the books must agree with the world: nothing is open that has ended, nothing fires unannounced, and nothing
// was said twice.

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/alerts/pipeline_script.h"

namespace sluice::alerts {
namespace {

using script::Answers;
using script::ConfigReader;
using script::kEpoch;

const std::vector<std::string> kConfig = {
    "receiver pager pagerduty",
    "receiver ops webhook",
    "receiver ops slack",
    "inhibit alertname=A > alertname=B equal instance",
    "route * -> ops by alertname wait 5s interval 20s repeat 5m",
    "  route team=x -> pager by alertname continue",
    "  route team=~\"x|y\" -> ops by ...",
};
// The same, but for a route that goes elsewhere.
const std::vector<std::string> kOtherConfig = {
    "receiver pager pagerduty",
    "receiver ops webhook",
    "receiver ops slack",
    "inhibit alertname=A > alertname=B equal instance",
    "route * -> ops by alertname wait 5s interval 20s repeat 5m",
    "  route team=x -> pager by alertname continue",
    "  route team=z -> pager by alertname",
    "  route team=~\"x|y\" -> ops by ...",
};

// An alert and when it began: one that ends and begins anew is another episode, and may be told again.
using Episodes = std::set<std::pair<Fingerprint, Timestamp>>;

// What one integration was told about one group.
struct Book {
  std::set<Fingerprint> open;
  Episodes last_firing, last_resolved;  // of the last message it acknowledged
  Timestamp last_at{}, acknowledged_at{};
  bool acknowledged = false;
};

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    configs_ = {ConfigReader().read(kConfig), ConfigReader().read(kOtherConfig)};
    pipeline_ = std::make_unique<Pipeline>(configs_[0], PipelineOptions{.seed = seed});
    file_ = pipeline_->snapshot(now_);
    synced_ = file_.size();
    const char* names[] = {"A", "B", "C"};
    const char* teams[] = {"x", "y", "z"};
    for (int i = 0; i < 12; ++i) {
      alerts_.push_back(Labels{{"alertname", names[i % 3]},
                               {"instance", std::to_string(i / 3)},
                               {"team", teams[(i + i / 3) % 3]}});
    }
  }

  void live(Duration lifetime) {
    const Timestamp end = now_ + to_ms(lifetime);
    while (now_ < end && !testing::Test::HasFatalFailure()) {
      run_until(now_ + std::chrono::milliseconds(random_.below(6000)));
      command();
    }
  }

  // Everything answers, nothing is silenced; half of the alerts end.
  void calm() {
    for (auto& [name, answers] : answers_) answers = {};
    Effects effects;
    std::vector<std::string> ids;
    for (const auto& [id, silence] : pipeline_->silences().all()) {
      if (silence.state(now_) != SilenceState::kExpired) ids.push_back(id);
    }
    for (const std::string& id : ids) ASSERT_TRUE(pipeline_->expire_silence(now_, id, effects));
    file_ += effects.journal;
    for (size_t i = 0; i < alerts_.size(); ++i) send_alert(i, i % 2 == 0);
    calm_ = true;
    run_until(now_ + std::chrono::minutes(30));
    // A repetition may just be under way.
    for (int i = 0; i < 60 && pipeline_->stats().in_flight + pipeline_->stats().outbox > 0; ++i) {
      run_until(now_ + std::chrono::milliseconds(500));
    }
  }

  void audit() {
    for (const auto& [key, book] : books_) {
      for (const Fingerprint fingerprint : book.open) {
        const auto at = std::find_if(alerts_.begin(), alerts_.end(),
                                     [&](const Labels& l) { return l.hash() == fingerprint; });
        EXPECT_TRUE(firing_.contains(fingerprint))
            << key << " was never told that " << at->to_string() << " has ended";
      }
    }
    for (const Labels& labels : alerts_) {
      if (!firing_.contains(labels.hash()) || pipeline_->status(now_, labels).suppressed()) continue;
      for (const std::string& receiver : pipeline_->receivers_of(labels)) {
        for (const auto& integration : pipeline_->config().find_receiver(receiver)->integrations) {
          EXPECT_TRUE(told(integration->name(), labels.hash()))
              << integration->name() << " does not know of " << labels.to_string();
        }
      }
    }
    const PipelineStats stats = pipeline_->stats();
    EXPECT_EQ(stats.in_flight, 0u);
    EXPECT_EQ(stats.outbox, 0u);
    EXPECT_EQ(stats.resolves_lost_total, 0u);
    EXPECT_EQ(stats.alerts, firing_.size()) << "what has ended is forgotten";
  }

 private:
  struct Due {
    DeliveryId id;
    DeliveryOutcome outcome;
    std::string integration;
    std::vector<Notification> message;
    Timestamp sent_at;
  };

  bool told(const std::string& integration, Fingerprint fingerprint) const {
    return std::any_of(books_.begin(), books_.end(), [&](const auto& entry) {
      return entry.first.starts_with(integration + " ") && entry.second.open.contains(fingerprint);
    });
  }

  void command() {
    if (random_.below(100) < 55) {
      const size_t i = random_.below(alerts_.size());
      send_alert(i, random_.below(2) == 0);
      return;
    }
    switch (random_.below(6)) {
      case 0: {
        Silence silence;
        silence.matchers = {
            Matcher::make(MatchOp::kEqual, "alertname", random_.below(2) == 0 ? "A" : "C").value()};
        silence.starts_at = now_;
        silence.ends_at = now_ + std::chrono::seconds(random_.below(120));
        Effects effects;
        (void)pipeline_->set_silence(now_, silence, effects);
        carry_out(std::move(effects));
        return;
      }
      case 1:
        config_ = 1 - config_;
        return carry_out(pipeline_->reload(now_, configs_[config_]));
      case 2:
        return die();
      default: {
        const char* names[] = {"pager/pagerduty/0", "ops/webhook/0", "ops/slack/0"};
        using Mode = Answers::Mode;
        const Mode modes[] = {Mode::kOk, Mode::kOk, Mode::kDown, Mode::kLost, Mode::kBusy};
        answers_[names[random_.below(3)]] = {modes[random_.below(5)],
                                             std::chrono::seconds(random_.below(30))};
      }
    }
  }

  void send_alert(size_t i, bool fire) {
    Alert alert;
    alert.labels = alerts_[i];
    alert.starts_at = now_;
    alert.ends_at = fire ? now_ + std::chrono::hours(100) : now_;
    fire ? (void)firing_.insert(alerts_[i].hash()) : (void)firing_.erase(alerts_[i].hash());
    sent_.push_back(alert);
    carry_out(pipeline_->step(now_, std::span(&alert, 1)));
  }

  void run_until(Timestamp to) {
    for (int guard = 0; guard < 200'000; ++guard) {
      Timestamp next = to;
      if (!answers_due_.empty()) next = std::min(next, answers_due_.begin()->first);
      if (const auto wake = pipeline_->next_wake()) next = std::min(next, std::max(now_, *wake));
      now_ = std::max(now_, next);
      // The disk catches up within a second.
      if (now_ - last_sync_ >= std::chrono::seconds(1)) {
        synced_ = file_.size();
        last_sync_ = now_;
      }
      if (!answers_due_.empty() && answers_due_.begin()->first <= now_) {
        const Due due = answers_due_.begin()->second;
        answers_due_.erase(answers_due_.begin());
        acknowledge(due);
        carry_out(pipeline_->on_delivery(now_, due.id, due.outcome));
      } else if (pipeline_->next_wake() && *pipeline_->next_wake() <= now_) {
        carry_out(pipeline_->step(now_));
      } else if (now_ >= to) {
        return;
      }
    }
    FAIL() << "the pipeline never rests";
  }

  void carry_out(Effects effects) {
    // A kill may fall anywhere between deciding and sending.
    const uint64_t fate = calm_ ? 99 : random_.below(100);
    if (fate == 0) return die();
    file_ += effects.journal;
    if (effects.journal_before_send) synced_ = file_.size();
    if (fate == 1) return die();
    for (const Delivery& delivery : effects.send) {
      receive(delivery);
      if (!calm_ && random_.below(200) == 0) return die();
    }
  }

  void receive(const Delivery& delivery) {
    const Answers answers = answers_[delivery.to->name()];
    using Mode = Answers::Mode;
    const bool processed =
        answers.mode == Mode::kOk || (answers.mode == Mode::kLost && random_.below(2) == 0);
    const std::string name = delivery.to->name();
    if (processed) {
      for (const Notification& notification : delivery.notifications) {
        Book& book = books_[name + " " + notification.group_key];
        const auto [firing, resolved] = contents(notification);
        const bool same = book.acknowledged && book.last_firing == firing && book.last_resolved == resolved;
        EXPECT_FALSE(same && now_ < book.last_at + std::chrono::minutes(5))
            << name << " " << notification.group_key << " was told the same again after "
            << format_duration(now_ - book.last_at);
        for (const auto& [fingerprint, began] : firing) book.open.insert(fingerprint);
        for (const auto& [fingerprint, began] : resolved) book.open.erase(fingerprint);
      }
    }
    answers_due_.emplace(now_ + std::chrono::milliseconds(random_.below(2000)),
                         Due{delivery.id, answers.outcome(), name, delivery.notifications, now_});
  }

  static std::pair<Episodes, Episodes> contents(const Notification& notification) {
    std::pair<Episodes, Episodes> out;
    for (const NotifiedAlert& alert : notification.alerts) {
      (alert.resolved ? out.second : out.first).emplace(alert.alert->fingerprint(), alert.alert->starts_at);
    }
    return out;
  }

  void acknowledge(const Due& due) {
    for (const Notification& notification : due.message) {
      Book& book = books_[due.integration + " " + notification.group_key];
      book.acknowledged = due.outcome.kind == DeliveryOutcome::Kind::kDelivered;
      if (!book.acknowledged) continue;
      std::tie(book.last_firing, book.last_resolved) = contents(notification);
      book.last_at = due.sent_at;
      book.acknowledged_at = now_;
    }
  }

  // What was not yet on disk is lost, a line may be cut in the middle; the senders repeat what they know.
  void die() {
    for (auto& [key, book] : books_) {
      // An acknowledgement of the last moments may not have reached the disk.
      if (now_ - book.acknowledged_at < std::chrono::milliseconds(1500)) book.acknowledged = false;
    }
    answers_due_.clear();
    file_.resize(synced_ + random_.below(file_.size() - synced_ + 1));
    pipeline_ = std::make_unique<Pipeline>(configs_[config_], PipelineOptions{.seed = random_.next()});
    const auto restored = pipeline_->restore(now_, file_);
    ASSERT_TRUE(restored) << restored.error().message;
    file_ = pipeline_->snapshot(now_);
    synced_ = file_.size();
    std::vector<Alert> again;
    for (const Labels& labels : alerts_) {
      const auto last =
          std::find_if(sent_.rbegin(), sent_.rend(), [&](const Alert& a) { return a.labels == labels; });
      if (last != sent_.rend()) again.push_back(*last);
    }
    const bool calm = std::exchange(calm_, true);  // one death at a time
    carry_out(pipeline_->step(now_, again));
    calm_ = calm;
  }

  Random random_;
  std::vector<std::shared_ptr<const Config>> configs_;
  size_t config_ = 0;
  std::unique_ptr<Pipeline> pipeline_;
  std::vector<Labels> alerts_;
  std::set<Fingerprint> firing_;
  std::vector<Alert> sent_;
  std::map<std::string, Answers> answers_;
  std::multimap<Timestamp, Due> answers_due_;
  std::map<std::string, Book> books_;
  std::string file_;
  size_t synced_ = 0;
  Timestamp last_sync_ = kEpoch;
  Timestamp now_ = kEpoch;
  bool calm_ = false;
};

TEST(PipelinePromisesTest, told_once_and_resolved_once_whatever_happens) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(seed);
    world.live(20min);
    world.calm();
    world.audit();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::alerts
