#include "alerts/pipeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "alerts/pipeline_state.h"
#include "core/check.h"

namespace sluice::alerts {
namespace {

// The later word about one alert and the earlier one. Source: Alertmanager's types.Alert.Merge and its memory
// provider, which merges only versions whose times overlap; otherwise it is a new episode that replaces the
// old one.
Alert merged(const Alert& old, Alert next, Timestamp now) {
  const bool overlap = (next.ends_at > old.starts_at && next.ends_at < old.ends_at) ||
                       (next.starts_at > old.starts_at && next.starts_at < old.ends_at);
  if (!overlap) return next;
  next.starts_at = std::min(next.starts_at, old.starts_at);
  if (next.resolved_at(now)) {
    // Of two ends that have passed, the later one counts.
    if (old.resolved_at(now)) next.ends_at = std::max(next.ends_at, old.ends_at);
  } else if (old.ends_at > next.ends_at && !old.timeout) {
    // An end that was told rules over one that was guessed.
    next.ends_at = old.ends_at;
  }
  return next;
}

}  // namespace

void bound_times(Alert& alert, Timestamp now) {
  constexpr auto kCentury = std::chrono::hours(24 * 365 * 100);
  for (Timestamp* time : {&alert.starts_at, &alert.ends_at, &alert.updated_at}) {
    *time = std::clamp(*time, now - kCentury, now + kCentury);
  }
}

bool Group::idle() const {
  return std::all_of(conversations.begin(), conversations.end(),
                     [](const auto& c) { return c->phase == Conversation::Phase::kIdle; });
}

bool is_about(const Alert& alert, const Integration& integration) {
  return alert.labels.get("alertname") == kRefusedAlertName &&
         alert.labels.get(kRefusedIntegrationLabel) == integration.name();
}

Pipeline::State::State(std::shared_ptr<const Config> c, PipelineOptions o)
    : config(std::move(c)),
      options(o),
      random(o.seed),
      tree(config->route),
      inhibitor(config->inhibit_rules),
      silences(o.silences_max, o.retention) {}

void Pipeline::State::advance(Timestamp to) {
  if (now != Timestamp{} && to < now) {
    const auto delta = to - now;
    timers.clear();
    for (const auto& [name, group] : groups) {
      group->next_flush += delta;
      group->timer += delta;
      timers.emplace(group->timer, group.get());
      for (const auto& conversation : group->conversations) {
        if (conversation->log.told_at > to) conversation->log.told_at = to;
      }
    }
    outbox.shift(delta);
    silence_epoch_until = to;
  }
  now = to;
  if (silence_version != silences.version() || now >= silence_epoch_until) {
    ++silence_epoch;
    silence_version = silences.version();
    silence_epoch_until = silences.next_transition(now).value_or(Timestamp::max());
  }
}

void Pipeline::State::ingest(Alert alert, Effects& effects) {
  if (alert.updated_at == Timestamp{}) alert.updated_at = now;
  if (alert.starts_at == Timestamp{}) alert.starts_at = alert.ends_at == Timestamp{} ? now : alert.ends_at;
  if (alert.ends_at == Timestamp{}) {
    alert.ends_at = now + to_ms(config->resolve_timeout);
    alert.timeout = true;
  }
  bound_times(alert, now);
  const bool resolved = alert.resolved_at(now);
  ++(resolved ? counters.received_resolved_total : counters.received_firing_total);

  const Fingerprint fingerprint = alert.fingerprint();
  const auto found = alerts.find(fingerprint);
  if (found == alerts.end()) {
    // Nobody was told of it, so its end is no news.
    if (resolved) return;
    if (alerts.size() >= options.alerts_max) {
      ++counters.alerts_refused_total;
      return;
    }
    auto entry = std::make_unique<AlertEntry>();
    entry->alert = std::make_shared<const Alert>(std::move(alert));
    assign(*entry);
    if (entry->groups.empty()) return;  // at the limit of groups
    inhibitor.update(entry->alert);
    journal_alert(*entry->alert, effects.journal);
    alerts.emplace(fingerprint, std::move(entry));
    return;
  }

  AlertEntry& entry = *found->second;
  const Alert& old = *entry.alert;
  if (old.labels != alert.labels) {
    // Two label sets with one 64-bit fingerprint: the first keeps it.
    ++counters.alerts_refused_total;
    return;
  }
  const bool was_resolved = old.resolved_at(now);
  Alert next = merged(old, std::move(alert), now);
  const bool news = was_resolved != next.resolved_at(now) || old.annotations != next.annotations ||
                    old.generator_url != next.generator_url || old.starts_at != next.starts_at;
  entry.alert = std::make_shared<const Alert>(std::move(next));
  inhibitor.update(entry.alert);
  if (news) journal_alert(*entry.alert, effects.journal);
  if (entry.alert->resolved_at(now)) return;
  // Some of its groups may have let go of it when it ended, while others still wait for their receivers.
  if (was_resolved) assign(entry);
  for (Group* group : entry.groups) {
    group->members[fingerprint].ended = false;
    hurry(*group, *entry.alert);
  }
}

void Pipeline::State::assign(AlertEntry& entry) {
  const Alert& alert = *entry.alert;
  bool somebody_else = alert.labels.get("alertname") != kRefusedAlertName;
  for (const size_t index : tree.match(alert.labels)) {
    const RouteTree::Node& node = tree.node(index);
    join(entry, *node.route, node.key, node.route->receiver);
    for (const auto& integration : config->find_receiver(node.route->receiver)->integrations) {
      somebody_else = somebody_else || !is_about(alert, *integration);
    }
  }
  if (somebody_else) return;
  // All roads lead to the receiver that refuses: tell any other one.
  for (const Receiver& receiver : config->receivers) {
    const auto& integrations = receiver.integrations;
    const bool other = std::any_of(integrations.begin(), integrations.end(),
                                   [&](const auto& i) { return !is_about(alert, *i); });
    if (!other) continue;
    join(entry, config->route, tree.node(0).key, receiver.name);
    return;
  }
}

void Pipeline::State::join(AlertEntry& entry, const Route& route, const std::string& route_key,
                           const std::string& receiver) {
  const Labels labels = group_labels(route, entry.alert->labels);
  const auto found = groups.find(slot(receiver, group_key(route_key, labels)));
  if (found == groups.end() && groups.size() >= options.groups_max) {
    ++counters.groups_refused_total;
    return;
  }
  Group& group = found == groups.end() ? group_for(route, route_key, receiver, labels) : *found->second;
  group.route = &route;
  group.group_wait = route.group_wait;
  group.group_interval = route.group_interval;
  group.repeat_interval = route.repeat_interval;
  const auto [member, fresh] = group.members.try_emplace(entry.alert->fingerprint());
  member->second.entry = &entry;
  member->second.guest = false;
  if (std::find(entry.groups.begin(), entry.groups.end(), &group) == entry.groups.end()) {
    entry.groups.push_back(&group);
  }
  hurry(group, *entry.alert);
}

std::string Pipeline::State::slot(const std::string& receiver, const std::string& key) {
  return receiver + '\n' + key;
}

Group& Pipeline::State::group_for(const Route& route, const std::string& route_key,
                                  const std::string& receiver, const Labels& labels) {
  auto owned = std::make_unique<Group>();
  Group& group = *owned;
  group.id = next_group_id++;
  group.key = group_key(route_key, labels);
  group.route_key = route_key;
  group.receiver = receiver;
  group.labels = labels;
  group.next_flush = now + to_ms(route.group_wait);
  group.timer = group.next_flush;
  timers.emplace(group.timer, &group);
  const Receiver* named = config->find_receiver(receiver);
  SLUICE_CHECK(named != nullptr, "a route names a receiver that exists");
  for (const auto& integration : named->integrations) add_conversation(group, integration);
  groups.emplace(slot(receiver, group.key), std::move(owned));
  return group;
}

void Pipeline::State::add_conversation(Group& group, std::shared_ptr<const Integration> to) {
  auto conversation = std::make_unique<Conversation>();
  conversation->id = next_conversation_id++;
  conversation->to = std::move(to);
  conversation->group = &group;
  if (const auto told = remembered.find(slot(group.receiver, group.key) + '\n' + conversation->to->name());
      told != remembered.end()) {
    conversation->log = std::move(told->second);
    remembered.erase(told);
  }
  conversations.emplace(conversation->id, conversation.get());
  group.conversations.push_back(std::move(conversation));
}

// An alert that is older than group_wait has waited enough, as after a restart.
void Pipeline::State::hurry(Group& group, const Alert& alert) {
  if (group.flushed || alert.starts_at + to_ms(group.group_wait) >= now || group.next_flush <= now) return;
  group.next_flush = now;
  schedule(group);
}

void Pipeline::State::schedule(Group& group) {
  Timestamp at = group.next_flush;
  for (const auto& conversation : group.conversations) {
    if (conversation->phase != Conversation::Phase::kIdle) continue;
    // A repetition that is overdue was held back by a silence or the like; the next flush looks at it again.
    const auto repeat = repeat_due(conversation->log, rules(*conversation));
    if (repeat && *repeat > now) at = std::min(at, *repeat);
  }
  if (at == group.timer) return;
  timers.erase({group.timer, &group});
  group.timer = at;
  timers.emplace(at, &group);
}

void Pipeline::State::wake(Group& group, Effects& effects) {
  if (group.next_flush <= now) return flush(group, effects);
  // Only a repetition is due; the rhythm of the flushes stays.
  const std::vector<Seen> seen = look(group);
  for (const auto& conversation : group.conversations) {
    const auto repeat = repeat_due(conversation->log, rules(*conversation));
    if (repeat && *repeat <= now) consider(*conversation, seen, effects);
  }
  schedule(group);
}

void Pipeline::State::flush(Group& group, Effects& effects) {
  group.flushed = true;
  group.next_flush = now + to_ms(std::max<Duration>(group.group_interval, 1ms));
  const std::vector<Seen> seen = look(group);
  for (const auto& conversation : group.conversations) consider(*conversation, seen, effects);
  for (auto& [fingerprint, member] : group.members) member.ended = member.entry->alert->resolved_at(now);
  settle(group, effects);
}

// Lets go of what is over: alerts that ended and about which nobody is left to be told, then the group
// itself.
void Pipeline::State::settle(Group& group, Effects& effects) {
  if (group.idle()) {
    std::vector<Fingerprint> gone;
    for (const auto& [fingerprint, member] : group.members) {
      const bool open = std::any_of(group.conversations.begin(), group.conversations.end(),
                                    [&](const auto& c) { return contains(c->log.open, fingerprint); });
      const bool over = member.ended && member.entry->alert->resolved_at(now);
      if ((over || member.guest) && !open) gone.push_back(fingerprint);
    }
    for (const Fingerprint fingerprint : gone) {
      AlertEntry* entry = group.members[fingerprint].entry;
      group.members.erase(fingerprint);
      std::erase(entry->groups, &group);
      if (entry->groups.empty()) drop_alert(fingerprint, effects);
    }
    std::vector<Conversation*> done;
    for (const auto& conversation : group.conversations) {
      if (group.members.empty() || (conversation->closing && conversation->log.open.empty())) {
        done.push_back(conversation.get());
      }
    }
    for (Conversation* conversation : done) drop_conversation(*conversation, effects);
  }
  if (group.members.empty() && group.conversations.empty()) return drop_group(group);
  schedule(group);
}

void Pipeline::State::drop_alert(Fingerprint fingerprint, Effects& effects) {
  inhibitor.forget(alerts[fingerprint]->alert->labels);
  alerts.erase(fingerprint);
  RecordWriter('a').bits(fingerprint).append_to(effects.journal);
}

void Pipeline::State::drop_conversation(Conversation& conversation, Effects& effects) {
  Group& group = *conversation.group;
  if (!conversation.log.blank() || conversation.log.told_at != Timestamp{}) {
    std::string key = conversation.name().key();
    effects.journal += gone_conversation(key);
    // What one that stands by told and could not share yet is not gone for those that go on.
    if (sharing && telling) effects.shared.push_back({false, std::move(key), ""});
  }
  if (conversation.phase == Conversation::Phase::kWaiting)
    outbox.remove(conversation.endpoint, conversation.id);
  conversations.erase(conversation.id);
  std::erase_if(group.conversations, [&](const auto& c) { return c.get() == &conversation; });
}

void Pipeline::State::drop_group(Group& group) {
  timers.erase({group.timer, &group});
  groups.erase(slot(group.receiver, group.key));
}

// ---------------------------------------------------------------------------------------------------------------------

Pipeline::Pipeline(std::shared_ptr<const Config> config, PipelineOptions options)
    : state_(std::make_unique<State>(std::move(config), options)) {}
Pipeline::~Pipeline() = default;
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline& Pipeline::operator=(Pipeline&&) noexcept = default;

const Config& Pipeline::config() const {
  return *state_->config;
}

const Silences& Pipeline::silences() const {
  return state_->silences;
}

const std::string& Pipeline::memory() const {
  return state_->memory;
}

std::vector<std::shared_ptr<const Alert>> Pipeline::alerts(Timestamp now) const {
  std::vector<std::shared_ptr<const Alert>> out;
  for (const auto& [fingerprint, entry] : state_->alerts) {
    if (!entry->alert->resolved_at(now)) out.push_back(entry->alert);
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a->fingerprint() < b->fingerprint(); });
  return out;
}

AlertStatus Pipeline::status(Timestamp now, const Labels& labels) const {
  AlertStatus status;
  status.silenced_by = state_->silences.silencing(now, labels);
  if (const auto by = state_->inhibitor.inhibiting(now, labels)) status.inhibited_by.push_back(*by);
  return status;
}

std::vector<std::string> Pipeline::receivers_of(const Labels& labels) const {
  std::vector<std::string> names;
  for (const size_t index : state_->tree.match(labels)) {
    const std::string& name = state_->tree.node(index).route->receiver;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::vector<GroupView> Pipeline::groups(Timestamp now) const {
  std::vector<GroupView> out;
  for (const auto& [name, group] : state_->groups) {
    if (group->route == nullptr) continue;
    GroupView view{group->labels, group->receiver, {}};
    for (const auto& [fingerprint, member] : group->members) {
      if (!member.guest && !member.entry->alert->resolved_at(now)) view.alerts.push_back(member.entry->alert);
    }
    if (!view.alerts.empty()) out.push_back(std::move(view));
  }
  std::sort(out.begin(), out.end(), [](const GroupView& a, const GroupView& b) {
    return std::tie(a.labels, a.receiver) < std::tie(b.labels, b.receiver);
  });
  return out;
}

PipelineStats Pipeline::stats() const {
  PipelineStats stats = state_->counters;
  stats.alerts = state_->alerts.size();
  stats.groups = state_->groups.size();
  stats.conversations = state_->conversations.size();
  stats.outbox = state_->outbox.waiting();
  stats.in_flight = state_->outbox.in_flight();
  stats.silences = state_->silences.all().size();
  return stats;
}

Effects Pipeline::step(Timestamp now, std::span<const Alert> alerts) {
  Effects effects;
  state_->advance(now);
  for (const Alert& alert : alerts) state_->ingest(alert, effects);
  while (!state_->timers.empty() && state_->timers.begin()->first <= now) {
    Group* group = state_->timers.begin()->second;
    state_->wake(*group, effects);
  }
  for (const std::string& id : state_->silences.collect(now)) {
    RecordWriter('s').text(id).append_to(effects.journal);
    if (state_->sharing) effects.shared.push_back({true, id, ""});
  }
  state_->dispatch(effects);
  return effects;
}

Effects Pipeline::on_delivery(Timestamp now, DeliveryId id, const DeliveryOutcome& outcome) {
  Effects effects;
  State& state = *state_;
  state.advance(now);
  const auto found = state.in_flight.find(id);
  if (found == state.in_flight.end()) return effects;
  const InFlight flight = std::move(found->second);
  state.in_flight.erase(found);
  std::vector<Conversation*> talks;
  for (const ConversationId talk : flight.conversations) talks.push_back(state.conversations.at(talk));
  const std::shared_ptr<const Integration> to = talks.front()->to;
  IntegrationStats& counters = state.counters_of(*to);

  using Kind = DeliveryOutcome::Kind;
  if (outcome.kind != Kind::kDelivered) ++counters.failed_total[std::string(to_string(outcome.reason))];
  switch (outcome.kind) {
    case Kind::kDelivered:
      ++counters.notifications_total;
      state.outbox.on_answer(flight.endpoint);
      for (Conversation* talk : talks) state.on_delivered(*talk, effects);
      state.report_recovery(*to, effects);
      break;
    case Kind::kRetry: {
      ++counters.retries_total;
      const bool lived = state.outbox.on_failure(flight.endpoint, now, outcome.retry_after, state.random);
      if (lived) {
        effects.events.push_back({LogLevel::kWarn,
                                  "notification failed, will be tried again",
                                  {{"integration", to->name()},
                                   {"reason", to_string(outcome.reason)},
                                   {"detail", outcome.detail}}});
      }
      for (Conversation* talk : talks) state.on_retry(*talk, outcome, effects);
      break;
    }
    case Kind::kGiveUp:
      state.outbox.on_answer(flight.endpoint);
      if (talks.size() > 1) {
        for (Conversation* talk : talks) {
          talk->alone = true;
          talk->phase = Conversation::Phase::kIdle;
          state.queue(*talk, now);
        }
        break;
      }
      ++counters.refused_total;
      state.on_refused(*talks.front(), outcome, effects);
      break;
  }
  state.dispatch(effects);
  return effects;
}

Effects Pipeline::reload(Timestamp now, std::shared_ptr<const Config> config) {
  Effects effects;
  state_->advance(now);
  state_->reload(std::move(config), effects);
  state_->dispatch(effects);
  return effects;
}

Result<std::string> Pipeline::set_silence(Timestamp now, Silence silence, Effects& effects) {
  state_->advance(now);
  auto change = state_->silences.set(now, std::move(silence), state_->random);
  if (!change) return change.error();
  for (const Silence& changed : change->changed) state_->save(changed, effects);
  state_->advance(now);
  return change->id;
}

Result<std::string> Pipeline::expire_silence(Timestamp now, std::string_view id, Effects& effects) {
  state_->advance(now);
  auto change = state_->silences.expire(now, id);
  if (!change) return change.error();
  for (const Silence& changed : change->changed) state_->save(changed, effects);
  state_->advance(now);
  return change->id;
}

Effects Pipeline::set_telling(Timestamp now, bool telling) {
  state_->telling = telling;
  return step(now);
}

bool Pipeline::telling() const {
  return state_->telling;
}

Effects Pipeline::set_sharing(Timestamp now, bool sharing) {
  Effects effects;
  state_->advance(now);
  state_->set_sharing(sharing, effects);
  return effects;
}

Effects Pipeline::learn(Timestamp now, const SharedNews& news) {
  Effects effects;
  state_->advance(now);
  state_->learn(news, effects);
  return effects;
}

std::optional<Timestamp> Pipeline::next_wake() const {
  std::optional<Timestamp> wake;
  if (state_->telling) wake = state_->outbox.next_wake();
  const auto earlier = [&](std::optional<Timestamp> at) {
    if (at && (!wake || *at < *wake)) wake = at;
  };
  if (!state_->timers.empty()) earlier(state_->timers.begin()->first);
  earlier(state_->silences.next_collect());
  // Nothing is lost by looking once a day; the distance to the year 9999 is no Duration.
  if (wake) wake = std::min(*wake, state_->now + std::chrono::hours(24));
  return wake;
}

std::string Pipeline::snapshot(Timestamp now) const {
  state_->advance(now);
  return state_->snapshot();
}

Result<size_t> Pipeline::restore(Timestamp now, std::string_view text) {
  // Into a fresh state, so that damage found half-way leaves this one untouched.
  auto fresh = std::make_unique<State>(state_->config, state_->options);
  fresh->telling = state_->telling;
  fresh->sharing = state_->sharing;
  fresh->advance(now);
  auto records = fresh->restore(text);
  if (!records) return records.error();
  state_ = std::move(fresh);
  return *records;
}

}  // namespace sluice::alerts
