#include "tests/sim/people.h"

#include <algorithm>

#include "tests/support/fleet_replies.h"

namespace sluice::sim {
namespace {

constexpr Duration kQuestionTimeout = 2s;
constexpr Duration kEvaluation = 5s;
constexpr Duration kAlertLife = 20s;     // from an evaluation until its alerts would end by themselves
constexpr Duration kResolvedSent = 60s;  // for how long an end is repeated
constexpr Duration kGroupWait = 2s, kGroupInterval = 10s, kRepeat = 5min;
// While nothing is wrong: by then a lease that was left has been taken,
constexpr Duration kTakeover = 12s;
// and by then all that was said in the dark is known to everybody.
constexpr Duration kAloneTime = 30s;

using test::MemoryRedis;

std::shared_ptr<const alerts::Config> configuration() {
  auto config = std::make_shared<alerts::Config>();
  auto integration = std::make_shared<alerts::Integration>();
  integration->receiver = "ops";
  integration->send_resolved = true;
  alerts::WebhookConfig webhook;
  webhook.url.value = "http://ops";
  integration->config = webhook;
  config->receivers.push_back({"ops", {integration}});
  config->route.receiver = "ops";
  config->route.group_by = {"pool"};
  config->route.group_wait = kGroupWait;
  config->route.group_interval = kGroupInterval;
  config->route.repeat_interval = kRepeat;
  return config;
}

std::string instance_of(const std::string& pool, const std::string& target) {
  return pool + "/" + target;
}

}  // namespace

People::People(World& world) : world_(world), config_(configuration()), agents_(world.agents().size()) {
  for (Agent& agent : agents_) agent.skew = to_ms(world.random().between(-60s, 60s));
}

fleet::Moment People::moment(size_t index) const {
  const World::Agent& agent = world_.agents()[index];
  return {world_.local(agent), world_.unix_time() + agents_[index].skew};
}

fleet::Role People::role(size_t index) const {
  return agents_[index].sharing->role().role(moment(index).now);
}

// The agents' lives
// ------------------------------------------------------------------------------------------------------------

void People::on_start(size_t index) {
  Agent& agent = agents_[index];
  const fleet::Moment at = moment(index);
  agent.pipeline =
      std::make_unique<alerts::Pipeline>(config_, alerts::PipelineOptions{.seed = world_.random().next()});
  (void)agent.pipeline->set_telling(at.wall, false);
  if (!agent.file.empty()) {
    const auto restored = agent.pipeline->restore(at.wall, agent.file);
    if (restored.has_error())
      throw Violation(world_.agents()[index].name + " cannot read its state: " + restored.error().message);
  }
  agent.sharing = std::make_unique<fleet::Sharing>(world_.agents()[index].name, "sluice", at.now,
                                                   agent.pipeline->memory());
  agent.file = agent.pipeline->snapshot(at.wall);
  agent.synced = agent.file.size();
  agent.seen.clear();
  agent.next_round = agent.next_evaluation = at.now;
  agent.in_round = false;
  carry_out(index, agent.pipeline->set_sharing(at.wall, true));
}

void People::on_kill(size_t index) {
  Agent& agent = agents_[index];
  wrong_at_ = std::max(wrong_at_, world_.now());
  agent.file.resize(agent.synced + world_.random().below(agent.file.size() - agent.synced + 1));
}

// Its lease lapses, as if it could not say good-bye.
void People::on_stop(size_t index) {
  Agent& agent = agents_[index];
  agent.synced = agent.file.size();
  wrong_at_ = std::max(wrong_at_, world_.now());
}

void People::look(size_t index) {
  Agent& agent = agents_[index];
  const fleet::Moment at = moment(index);
  apply_role(index);
  if (at.now - agent.synced_at >= 1s) {
    agent.synced = agent.file.size();
    agent.synced_at = at.now;
  }
  if (at.now >= agent.next_evaluation) {
    agent.next_evaluation = at.now + kEvaluation;
    evaluate(index);
  }
  if (!agent.in_round && at.now >= agent.next_round) {
    agent.in_round = true;
    agent.next_round = at.now + agent.sharing->period();
    next_question(index);
  }
  const auto wake = agent.pipeline->next_wake();
  if (wake && *wake <= at.wall) carry_out(index, agent.pipeline->step(at.wall));
}

Instant People::next_wake(size_t index) const {
  const Agent& agent = agents_[index];
  const fleet::Moment at = moment(index);
  Instant next = std::min(agent.next_evaluation, agent.sharing->role().next_change(at.now));
  if (!agent.in_round) next = std::min(next, agent.next_round);
  if (const auto wake = agent.pipeline->next_wake())
    next = std::min(next, at.now + std::clamp<Duration>(*wake - at.wall, 1ms, 1h));
  return next;
}

// What its rules would say.
void People::evaluate(size_t index) {
  Agent& agent = agents_[index];
  const World::Agent& self = world_.agents()[index];
  const fleet::Moment at = moment(index);
  std::set<std::pair<std::string, std::string>> firing;
  for (const std::string& pool : self.gate->pools()) {
    for (const gate::TargetView& target : self.gate->view(pool)->targets) {
      if (target.own == gate::Verdict::kDown) firing.emplace(pool, target.target);
    }
  }
  for (const auto& name : firing) {
    const auto [seen, is_new] = agent.seen.try_emplace(name, Seen{at.wall});
    if (!is_new && seen->second.ended != Timestamp{}) seen->second = {at.wall};
  }
  std::vector<Alert> said;
  for (auto it = agent.seen.begin(); it != agent.seen.end();) {
    auto& [name, seen] = *it;
    const bool fires = firing.contains(name);
    if (!fires && seen.ended == Timestamp{}) seen.ended = at.wall;
    if (!fires && at.wall - seen.ended > kResolvedSent) {
      it = agent.seen.erase(it);
      continue;
    }
    Alert& alert = said.emplace_back();
    alert.labels = {
        {"alertname", "Down"}, {"pool", name.first}, {"instance", instance_of(name.first, name.second)}};
    alert.starts_at = seen.since;
    alert.ends_at = fires ? at.wall + to_ms(kAlertLife) : seen.ended;
    alert.updated_at = at.wall;
    ++it;
  }
  carry_out(index, agent.pipeline->step(at.wall, agent.sharing->take_alerts(at.wall, said)));
  if (agent.sharing->has_news(at.wall)) agent.next_round = at.now;
}

// Rounds
// ------------------------------------------------------------------------------------------------------------

void People::next_question(size_t index) {
  Agent& agent = agents_[index];
  const auto question = agent.sharing->ask(moment(index));
  if (!question) {
    agent.in_round = false;
    apply_role(index);
    return;
  }
  const bool decides = !question->watch.empty();
  fleet::Commands commands;
  if (decides) {
    fleet::Command watch{"WATCH"};
    watch.insert(watch.end(), question->watch.begin(), question->watch.end());
    commands.push_back(std::move(watch));
  }
  commands.insert(commands.end(), question->commands.begin(), question->commands.end());
  const auto session = std::make_shared<MemoryRedis::Session>();
  world_.send(index, "", session, std::move(commands),
              [this, index, decides, session, asked = moment(index).now](const World::Replies& replies) {
                Agent& self = agents_[index];
                // An agent that was stopped in between gives up what it was about to do.
                if (!replies || moment(index).now - asked > kQuestionTimeout) {
                  self.sharing->unanswered();
                  return next_question(index);
                }
                fleet::Replies plain = test::fleet_replies(*replies);
                if (!decides) {
                  take_news(index, self.sharing->answered(moment(index), plain));
                  return next_question(index);
                }
                plain.erase(plain.begin());
                take_writes(index, session, plain);
              });
}

void People::take_writes(size_t index, const std::shared_ptr<MemoryRedis::Session>& session,
                         const fleet::Replies& reads) {
  Agent& agent = agents_[index];
  fleet::Commands writes = agent.sharing->decide(moment(index), reads);
  if (writes.empty()) {
    take_news(index, agent.sharing->settled(moment(index), fleet::Outcome::kNothing));
    return next_question(index);
  }
  writes.insert(writes.begin(), {"MULTI"});
  writes.push_back({"EXEC"});
  world_.send(index, "", session, std::move(writes), [this, index](const World::Replies& replies) {
    fleet::Sharing& self = *agents_[index].sharing;
    if (!replies) {
      self.unanswered();
    } else {
      const bool conflict = replies->back().is_nil();
      take_news(index, self.settled(moment(index),
                                    conflict ? fleet::Outcome::kConflict : fleet::Outcome::kCommitted));
    }
    next_question(index);
  });
}

void People::take_news(size_t index, fleet::News news) {
  Agent& agent = agents_[index];
  if (!news.told.empty()) carry_out(index, agent.pipeline->learn(wall(index), news.told));
  apply_role(index);
  if (!news.alerts.empty()) carry_out(index, agent.pipeline->step(wall(index), news.alerts));
}

void People::apply_role(size_t index) {
  Agent& agent = agents_[index];
  const bool tells = role(index) != fleet::Role::kStandby;
  if (tells != agent.pipeline->telling()) carry_out(index, agent.pipeline->set_telling(wall(index), tells));
}

// Messages
// ------------------------------------------------------------------------------------------------------------

void People::carry_out(size_t index, alerts::Effects effects) {
  Agent& agent = agents_[index];
  const Instant now = moment(index).now;
  agent.file += effects.journal;
  if (effects.journal_before_send) agent.synced = agent.file.size();
  if (!effects.shared.empty()) agent.next_round = now;
  agent.sharing->take_records(std::move(effects.shared));
  for (const alerts::Delivery& delivery : effects.send) receive(index, delivery);
}

void People::receive(size_t index, const alerts::Delivery& delivery) {
  const std::string& name = world_.agents()[index].name;
  if (role(index) == fleet::Role::kStandby) throw Violation(name + " tells, and stands by");
  alerts::DeliveryOutcome outcome;
  const bool taken = receiver_up_ && (!receiver_loses_answers_ || world_.random().below(2) == 0);
  if (!receiver_up_ || receiver_loses_answers_) {
    outcome.kind = alerts::DeliveryOutcome::Kind::kRetry;
    outcome.reason = alerts::DeliveryOutcome::Reason::kTimeout;
    outcome.maybe_delivered = receiver_loses_answers_;
  }
  for (const alerts::Notification& notification : delivery.notifications) {
    std::set<std::pair<std::string, bool>> contents;
    std::string what;
    for (const alerts::NotifiedAlert& alert : notification.alerts) {
      contents.emplace(std::string(alert.alert->labels.get("instance")), alert.resolved);
      what += fmt::format(" {}{}", alert.resolved ? "-" : "+", alert.alert->labels.get("instance"));
    }
    world_.say_trace(fmt::format("{} tells{}{}", name, what, taken ? "" : " (lost)"));
    if (!taken) continue;
    ++world_.counts().messages;
    Book& book = books_[notification.group_key];
    const bool again = book.last == contents && world_.now() - book.last_at < kRepeat - 1s;
    if (again) ++world_.counts().messages_again;
    if (again && book.last_at > wrong_at_ + kAloneTime) {
      throw Violation(fmt::format("people were told{} twice, {} apart, and nothing was wrong", what,
                                  format_duration(world_.now() - book.last_at)));
    }
    book.last = contents;
    book.last_at = world_.now();
    for (const auto& [instance, resolved] : contents) {
      if (resolved) {
        book.open.erase(instance);
      } else {
        book.open.insert(instance);
        ++told_[instance];
      }
    }
  }
  const uint64_t life = world_.agents()[index].life;
  world_.schedule_event(world_.now() + world_.random().between(1ms, 1s),
                        [this, index, life, outcome, id = delivery.id] {
                          world_.on_agent(index, life, [this, index, outcome, id] {
                            apply_role(index);
                            carry_out(index, agents_[index].pipeline->on_delivery(wall(index), id, outcome));
                          });
                        });
}

// Controls
// ------------------------------------------------------------------------------------------------------------

void People::set_receiver(bool up, bool loses_answers) {
  receiver_up_ = up;
  receiver_loses_answers_ = loses_answers;
  wrong_at_ = std::max(wrong_at_, world_.now());
}

void People::silence(size_t index, const std::string& pool, const std::string& target, Duration time) {
  Agent& agent = agents_[index];
  if (!world_.agents()[index].running || world_.agents()[index].paused) return;
  const Timestamp now = wall(index);
  alerts::Silence silence;
  silence.matchers = {*Matcher::make(MatchOp::kEqual, "instance", instance_of(pool, target))};
  silence.starts_at = now;
  silence.ends_at = now + to_ms(time);
  silence.created_by = "ann";
  silence.comment = "chaos";
  alerts::Effects effects;
  apply_role(index);
  const auto id = agent.pipeline->set_silence(now, silence, effects);
  if (id.has_error()) throw Violation("a silence is refused: " + id.error().message);
  carry_out(index, std::move(effects));
}

void People::on_redis_disturbed(Duration back) {
  wrong_at_ = std::max(wrong_at_, world_.now() + back);
  lease_lost_at_ = world_.now();
}

// What came of it
// ------------------------------------------------------------------------------------------------------------

bool People::something_is_wrong() const {
  if (!receiver_up_ || receiver_loses_answers_) return true;
  return std::any_of(world_.agents().begin(), world_.agents().end(), [&](const World::Agent& agent) {
    return !world_.able(agent) || agent.link.delay_max > Link{}.delay_max ||
           world_.now() - agent.resumed_at < 2s;
  });
}

void People::sample() {
  if (something_is_wrong()) wrong_at_ = std::max(wrong_at_, world_.now());
  int holders = 0, tellers = 0;
  for (size_t i = 0; i < agents_.size(); ++i) {
    if (!world_.agents()[i].running || world_.agents()[i].paused) continue;
    if (role(i) == fleet::Role::kHolder) ++holders;
    if (role(i) != fleet::Role::kStandby) ++tellers;
  }
  const Duration well_for = world_.now() - wrong_at_;
  if (holders > 1 && world_.now() - lease_lost_at_ > fleet::kLease) throw Violation("two hold the lease");
  if (tellers == 0 && well_for > kTakeover) throw Violation("nobody may tell, and nothing is wrong");
  if (tellers > 1 && well_for > kAloneTime) throw Violation("more than one may tell, and nothing is wrong");
}

void People::check_settled(size_t generation) const {
  std::set<std::string> members;
  for (const gate::PoolSetup& setup : world_.setting().generations.at(generation)) {
    const std::string& pool = setup.policy.pool;
    for (const gate::Member& member : setup.members) {
      members.insert(instance_of(pool, member.target));
      const TargetState state = world_.target(pool, member.target).state;
      if (state == TargetState::kSlow || state == TargetState::kFlaps) continue;
      const bool down = state != TargetState::kUp;
      if (believes_down(pool, member.target) == down) continue;
      throw Violation(
          fmt::format("{}/{} {}, and people were not told", pool, member.target, to_string(state)));
    }
  }
  for (const auto& [key, book] : books_) {
    for (const std::string& instance : book.open) {
      if (!members.contains(instance))
        throw Violation(instance + " is watched no more, and people believe that it is down");
    }
  }
}

bool People::believes_down(const std::string& pool, const std::string& target) const {
  return std::any_of(books_.begin(), books_.end(),
                     [&](const auto& book) { return book.second.open.contains(instance_of(pool, target)); });
}

uint64_t People::told(const std::string& pool, const std::string& target) const {
  const auto told = told_.find(instance_of(pool, target));
  return told == told_.end() ? 0 : told->second;
}

}  // namespace sluice::sim
