// The pipeline's state as records: V version, A alert, a alert gone, C conversation, c conversation gone, S
// silence, s silence gone. A later record about the same thing replaces the earlier one.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "alerts/pipeline_state.h"

namespace sluice::alerts {
namespace {

constexpr int64_t kVersion = 1;
constexpr size_t kSilenceMatchersMax = 10'000;

struct SavedConversation {
  std::string route_key;
  Labels labels;
  LogEntry log;
};
// Receiver, group key, integration.
using ConversationKey = std::tuple<std::string, std::string, std::string>;

struct Saved {
  std::map<Fingerprint, Alert> alerts;
  std::map<ConversationKey, SavedConversation> conversations;
  std::set<ConversationKey> gone;  // of them
  std::map<std::string, Silence> silences;
};

SavedConversation read_conversation(RecordReader& in) {
  SavedConversation saved;
  saved.route_key = in.text();
  saved.labels = in.labels();
  LogEntry& log = saved.log;
  log.told_at = in.time();
  log.firing = in.fingerprints();
  log.resolved = in.fingerprints();
  log.open = in.fingerprints();
  log.owed = in.fingerprints();
  log.refused_at = in.time();
  log.refused_firing = in.fingerprints();
  log.refused_resolved = in.fingerprints();
  return saved;
}

Result<Silence> read_silence(RecordReader& in) {
  Silence silence;
  silence.id = in.text();
  silence.starts_at = in.time();
  silence.ends_at = in.time();
  silence.updated_at = in.time();
  silence.created_by = in.text();
  silence.comment = in.text();
  const size_t n = in.count(kSilenceMatchersMax);
  for (size_t i = 0; i < n && in.ok(); ++i) {
    const auto op = static_cast<MatchOp>(in.count(static_cast<size_t>(MatchOp::kNotRegex)));
    std::string name = in.text();
    auto matcher = Matcher::make(op, std::move(name), in.text());
    if (!matcher) return matcher.error();
    silence.matchers.push_back(std::move(*matcher));
  }
  return silence;
}

// Applies one record; false when it makes no sense.
bool apply(std::string_view record, Saved& saved) {
  RecordReader in(record);
  switch (in.kind()) {
    case 'V':
      return in.integer() == kVersion;
    case 'A': {
      Alert alert = in.alert();
      if (in.ok()) saved.alerts.insert_or_assign(alert.fingerprint(), std::move(alert));
      break;
    }
    case 'a':
      saved.alerts.erase(in.bits());
      break;
    case 'C':
    case 'c': {
      std::string receiver = in.text(), group = in.text();
      ConversationKey key{std::move(receiver), std::move(group), in.text()};
      if (in.kind() == 'c') {
        saved.conversations.erase(key);
        saved.gone.insert(std::move(key));
      } else {
        saved.conversations.insert_or_assign(std::move(key), read_conversation(in));
      }
      break;
    }
    case 'S': {
      auto silence = read_silence(in);
      if (!silence) return false;
      std::string id = silence->id;
      saved.silences.insert_or_assign(std::move(id), std::move(*silence));
      break;
    }
    case 's':
      saved.silences.erase(in.text());
      break;
    default:
      return false;
  }
  return in.ok();
}

}  // namespace

void Pipeline::State::journal_alert(const Alert& alert, std::string& out) const {
  RecordWriter('A').alert(alert).append_to(out);
}

void Pipeline::State::journal_conversation(const Conversation& conversation, std::string& out) const {
  const Group& group = *conversation.group;
  const LogEntry& log = conversation.log;
  RecordWriter('C')
      .text(group.receiver)
      .text(group.key)
      .text(conversation.to->name())
      .text(group.route_key)
      .labels(group.labels)
      .time(log.told_at)
      .fingerprints(log.firing)
      .fingerprints(log.resolved)
      .fingerprints(log.open)
      .fingerprints(log.owed)
      .time(log.refused_at)
      .fingerprints(log.refused_firing)
      .fingerprints(log.refused_resolved)
      .append_to(out);
}

void Pipeline::State::save(const Conversation& conversation, Effects& effects, bool first) {
  journal_conversation(conversation, effects.journal);
  effects.journal_before_send = effects.journal_before_send || first;
}

void Pipeline::State::save(const Silence& silence, std::string& out) {
  RecordWriter record('S');
  record.text(silence.id)
      .time(silence.starts_at)
      .time(silence.ends_at)
      .time(silence.updated_at)
      .text(silence.created_by)
      .text(silence.comment)
      .integer(static_cast<int64_t>(silence.matchers.size()));
  for (const Matcher& matcher : silence.matchers) {
    record.integer(static_cast<int64_t>(matcher.op())).text(matcher.name()).text(matcher.value());
  }
  record.append_to(out);
}

std::string Pipeline::State::snapshot() const {
  std::string out;
  RecordWriter('V').integer(kVersion).append_to(out);
  for (const auto& [fingerprint, entry] : alerts) journal_alert(*entry->alert, out);
  for (const auto& [name, group] : groups) {
    for (const auto& conversation : group->conversations) {
      if (!conversation->log.blank()) journal_conversation(*conversation, out);
    }
  }
  for (const auto& [id, silence] : silences.all()) save(silence, out);
  return out;
}

// The word of others about a conversation. Ours counts, too, when we have told something ourselves since we
// last heard: then what either has told is open, unless the later of the two has told its end.
void Pipeline::State::take_log(Conversation& conversation, LogEntry theirs, Effects& effects) {
  if (conversation.phase == Conversation::Phase::kInFlight) return;
  LogEntry& log = conversation.log;
  bool ours_is_later = false;
  if (std::exchange(conversation.told_here, false)) {
    const auto last = [](const LogEntry& entry) { return std::max(entry.told_at, entry.refused_at); };
    ours_is_later = last(theirs) < last(log);
    LogEntry& later = ours_is_later ? log : theirs;
    const LogEntry& earlier = ours_is_later ? theirs : log;
    FingerprintSet open = united(later.open, without(earlier.open, later.resolved));
    if (ours_is_later) theirs = log;
    theirs.open = std::move(open);
  }
  if (log == theirs && !ours_is_later) return;
  log = std::move(theirs);
  save(conversation, effects, false);
  if (conversation.phase != Conversation::Phase::kWaiting) return;
  const auto reason =
      reason_to_notify(log, visible(conversation, look(*conversation.group)), rules(conversation), now);
  if (reason) return;
  outbox.remove(conversation.endpoint, conversation.id);
  cancel(conversation, effects);
}

void Pipeline::State::learn(std::string_view text, Effects& effects) {
  const auto records = split_records(text);
  if (!records) return;
  Saved saved;
  for (const std::string_view record : *records) (void)apply(record, saved);
  for (auto& [id, silence] : saved.silences) {
    const Silence* known = silences.find(id);
    if (known != nullptr && known->updated_at >= silence.updated_at) continue;
    save(silence, effects.journal);
    silences.restore(std::move(silence));
  }
  advance(now);
  for (const ConversationKey& key : saved.gone) saved.conversations.try_emplace(key);
  for (auto& [key, told] : saved.conversations) {
    const auto& [receiver, group_key_text, integration] = key;
    for (const FingerprintSet* set : {&told.log.open, &told.log.owed}) {
      if (told_elsewhere.size() < options.alerts_max) told_elsewhere.insert(set->begin(), set->end());
    }
    const std::string place = slot(receiver, group_key_text);
    const auto group = groups.find(place);
    Conversation* talk = nullptr;
    if (group != groups.end()) {
      for (const auto& conversation : group->second->conversations) {
        if (conversation->to->name() == integration) talk = conversation.get();
      }
    }
    if (talk != nullptr) {
      take_log(*talk, std::move(told.log), effects);
      settle(*group->second, effects);
    } else if (told.log.blank()) {
      remembered.erase(place + '\n' + integration);
    } else if (remembered.size() < options.groups_max) {
      remembered[place + '\n' + integration] = std::move(told.log);
    }
  }
}

Result<size_t> Pipeline::State::restore(std::string_view text) {
  const auto records = split_records(text);
  if (!records) return records.error();
  if (!records->empty() && !records->front().starts_with('V')) {
    return invalid("the notification state does not begin with its version");
  }
  Saved saved;
  size_t line = 0;
  for (const std::string_view record : *records) {
    ++line;
    if (!apply(record, saved)) {
      return invalid(fmt::format("line {} of the notification state cannot be understood", line));
    }
  }

  for (auto& [id, silence] : saved.silences) silences.restore(std::move(silence));
  advance(now);
  for (auto& [fingerprint, alert] : saved.alerts) {
    bound_times(alert, now);
    const Duration validity = alert.ends_at - alert.updated_at;
    if (validity > Duration::zero()) {
      // It fired when we died. Its sender gets as long as it had then to repeat it, within reason.
      const Duration grace =
          std::clamp<Duration>(validity, 1min, std::max<Duration>(config->resolve_timeout, 1min));
      alert.ends_at = std::max(alert.ends_at, now + to_ms(grace));
    }
    auto entry = std::make_unique<AlertEntry>();
    entry->alert = std::make_shared<const Alert>(std::move(alert));
    assign(*entry);
    inhibitor.update(entry->alert);
    alerts.emplace(fingerprint, std::move(entry));
  }
  for (auto& [key, conversation] : saved.conversations) {
    restore_conversation(std::get<0>(key), std::get<1>(key), std::get<2>(key), conversation.route_key,
                         conversation.labels, std::move(conversation.log));
  }
  // Alerts without any group: their groups were above the limit, or the receiver is gone.
  std::erase_if(alerts, [&](const auto& named) {
    if (!named.second->groups.empty()) return false;
    inhibitor.forget(named.second->alert->labels);
    return true;
  });
  for (const auto& [name, group] : groups) {
    for (const auto& [fingerprint, member] : group->members) {
      // What is left of group_wait: it began when the alert was first heard of.
      if (group->flushed) break;
      const Timestamp due = member.entry->alert->updated_at + to_ms(group->group_wait);
      group->next_flush = std::min(group->next_flush, std::max(now, due));
    }
    schedule(*group);
  }
  return records->size();
}

void Pipeline::State::restore_conversation(const std::string& receiver, const std::string& key,
                                           const std::string& integration, const std::string& route_key,
                                           const Labels& labels, LogEntry log) {
  const auto found = groups.find(slot(receiver, key));
  if (found == groups.end() && log.open.empty() && log.owed.empty()) return;
  const Receiver* named = config->find_receiver(receiver);
  const std::shared_ptr<const Integration>* to = nullptr;
  for (size_t i = 0; named != nullptr && i < named->integrations.size(); ++i) {
    if (named->integrations[i]->name() == integration) to = &named->integrations[i];
  }
  if (to == nullptr) {
    // There is nobody left to tell.
    counters.resolves_lost_total += log.open.size();
    return;
  }
  Group& group = found != groups.end() ? *found->second : closing_group(receiver, key, route_key, labels);
  auto at = std::find_if(group.conversations.begin(), group.conversations.end(),
                         [&](const auto& c) { return c->to == *to; });
  if (at == group.conversations.end()) {
    add_conversation(group, *to);
    at = std::prev(group.conversations.end());
  }
  Conversation& conversation = **at;
  conversation.closing = group.route == nullptr;
  conversation.log = std::move(log);
  for (FingerprintSet* told : {&conversation.log.open, &conversation.log.owed}) {
    std::erase_if(*told, [&](Fingerprint fingerprint) {
      const auto alert = alerts.find(fingerprint);
      if (alert == alerts.end()) {
        ++counters.resolves_lost_total;
        return true;
      }
      const auto [member, fresh] = group.members.try_emplace(fingerprint);
      if (fresh) {
        member->second = {alert->second.get(), true, false};
        alert->second->groups.push_back(&group);
      }
      return false;
    });
  }
  if (conversation.log.told_at != Timestamp{}) {
    const Timestamp due = std::max(now, conversation.log.told_at + to_ms(group.group_interval));
    group.next_flush = group.flushed ? std::max(group.next_flush, due) : due;
    group.flushed = true;
  }
  if (!conversation.log.owed.empty()) queue(conversation, now);
}

}  // namespace sluice::alerts
