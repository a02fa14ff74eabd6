// The pipeline's state as records: V version, A alert, a alert gone, C conversation (with a 1 at the end when
// others do not know it yet), c conversation gone, S silence, s silence gone, M what the others' memory is
// known by. A later record about the same thing replaces the earlier one.
//
// An M comes behind the conversations that it is about: should it be lost, its agent shares once too often.

#include <fmt/format.h>

#include <algorithm>

#include "alerts/pipeline_state.h"

namespace sluice::alerts {
namespace {

constexpr int64_t kVersion = 1;
constexpr size_t kSilenceMatchersMax = 10'000;

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
  saved.unshared = in.more() && in.integer() != 0;
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

}  // namespace

bool Saved::apply(std::string_view record) {
  RecordReader in(record);
  switch (in.kind()) {
    case 'V':
      return in.integer() == kVersion;
    case 'A': {
      Alert alert = in.alert();
      if (in.ok()) alerts.insert_or_assign(alert.fingerprint(), std::move(alert));
      break;
    }
    case 'a':
      alerts.erase(in.bits());
      break;
    case 'C':
    case 'c': {
      ConversationName name = ConversationName::read(in);
      if (in.kind() == 'c') {
        conversations.erase(name);
        gone.insert(std::move(name));
      } else {
        conversations.insert_or_assign(std::move(name), read_conversation(in));
      }
      break;
    }
    case 'S': {
      auto silence = read_silence(in);
      if (!silence) return false;
      std::string id = silence->id;
      silences.insert_or_assign(std::move(id), std::move(*silence));
      break;
    }
    case 's':
      silences.erase(in.text());
      break;
    case 'M':
      memory = in.text();
      break;
    default:
      return false;
  }
  return in.ok();
}

void Saved::take(Saved later) {
  for (auto& [fingerprint, alert] : later.alerts) alerts.insert_or_assign(fingerprint, std::move(alert));
  for (auto& [name, conversation] : later.conversations)
    conversations.insert_or_assign(name, std::move(conversation));
  for (auto& [id, silence] : later.silences) silences.insert_or_assign(id, std::move(silence));
  gone.merge(later.gone);
}

ConversationName ConversationName::read(RecordReader& in) {
  ConversationName name;
  name.receiver = in.text();
  name.group_key = in.text();
  name.integration = in.text();
  return name;
}

void ConversationName::write(RecordWriter& out) const {
  out.text(receiver).text(group_key).text(integration);
}

std::string ConversationName::key() const {
  RecordWriter record('C');
  write(record);
  return record.record().substr(2);
}

ConversationName ConversationName::of(std::string_view key) {
  const std::string record = "C\t" + std::string(key);
  RecordReader in(record);
  return read(in);
}

ConversationName Conversation::name() const {
  return {group->receiver, group->key, to->name()};
}

void Conversation::write(RecordWriter& out) const {
  name().write(out);
  out.text(group->route_key)
      .labels(group->labels)
      .time(log.told_at)
      .fingerprints(log.firing)
      .fingerprints(log.resolved)
      .fingerprints(log.open)
      .fingerprints(log.owed)
      .time(log.refused_at)
      .fingerprints(log.refused_firing)
      .fingerprints(log.refused_resolved);
}

void Pipeline::State::journal_alert(const Alert& alert, std::string& out) const {
  RecordWriter('A').alert(alert).append_to(out);
}

void Pipeline::State::journal_conversation(const Conversation& conversation, std::string& out) const {
  RecordWriter record('C');
  conversation.write(record);
  if (conversation.unshared) record.integer(1);
  record.append_to(out);
}

void Pipeline::State::keep(const Conversation& conversation, Effects& effects) {
  journal_conversation(conversation, effects.journal);
  // What it heard comes together with its own before that is written in place of it: take_heard().
  if (conversation.unshared && conversation.heard == nullptr) share(conversation, effects);
}

void Pipeline::State::save(Conversation& conversation, Effects& effects, bool first) {
  conversation.unshared = conversation.unshared || telling;
  keep(conversation, effects);
  effects.journal_before_send = effects.journal_before_send || first;
}

std::string Pipeline::State::to_text(const Silence& silence) {
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
  return to_line(record.record());
}

void Pipeline::State::save(const Silence& silence, Effects& effects) {
  std::string text = to_text(silence);
  effects.journal += text;
  if (sharing) effects.shared.push_back({true, silence.id, std::move(text)});
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
  for (const auto& [id, silence] : silences.all()) out += to_text(silence);
  if (!memory.empty()) RecordWriter('M').text(memory).append_to(out);
  return out;
}

bool Pipeline::State::revive(Alert alert) {
  const Fingerprint fingerprint = alert.fingerprint();
  if (alerts.contains(fingerprint)) return true;
  if (alerts.size() >= options.alerts_max) return false;
  bound_times(alert, now);
  const Duration validity = alert.ends_at - alert.updated_at;
  if (validity > Duration::zero()) {
    // It fired when it was last heard of. Its sender gets as long as it had then to repeat it, within reason.
    const Duration grace =
        std::clamp<Duration>(validity, 1min, std::max<Duration>(config->resolve_timeout, 1min));
    alert.ends_at = std::max(alert.ends_at, now + to_ms(grace));
    // As if it had been repeated now: whoever takes it from here in turn gives it no more than that.
    alert.updated_at = alert.ends_at - to_ms(grace);
  }
  auto entry = std::make_unique<AlertEntry>();
  entry->alert = std::make_shared<const Alert>(std::move(alert));
  assign(*entry);
  inhibitor.update(entry->alert);
  alerts.emplace(fingerprint, std::move(entry));
  return true;
}

// Alerts without any group: their groups were above the limit, or the receiver is gone.
void Pipeline::State::forget_homeless() {
  std::erase_if(alerts, [&](const auto& named) {
    if (!named.second->groups.empty()) return false;
    inhibitor.forget(named.second->alert->labels);
    return true;
  });
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
    if (!saved.apply(record)) {
      return invalid(fmt::format("line {} of the notification state cannot be understood", line));
    }
  }

  memory = std::move(saved.memory);
  for (auto& [id, silence] : saved.silences) silences.restore(std::move(silence));
  advance(now);
  for (auto& [fingerprint, alert] : saved.alerts) (void)revive(std::move(alert));
  for (auto& [name, conversation] : saved.conversations) restore_conversation(name, std::move(conversation));
  forget_homeless();
  for (const auto& [name, group] : groups) {
    for (const auto& [fingerprint, member] : group->members) {
      // What is left of group_wait.
      if (group->flushed) break;
      const Timestamp due = member.entry->alert->starts_at + to_ms(group->group_wait);
      group->next_flush = std::min(group->next_flush, std::max(now, due));
    }
    schedule(*group);
  }
  return records->size();
}

Conversation* Pipeline::State::find_conversation(const ConversationName& name) {
  const auto group = groups.find(slot(name.receiver, name.group_key));
  if (group == groups.end()) return nullptr;
  for (const auto& conversation : group->second->conversations) {
    if (conversation->to->name() == name.integration) return conversation.get();
  }
  return nullptr;
}

Conversation* Pipeline::State::conversation_for(const ConversationName& name,
                                                const SavedConversation& saved) {
  if (Conversation* known = find_conversation(name)) return known;
  const Receiver* receiver = config->find_receiver(name.receiver);
  if (receiver == nullptr) return nullptr;
  for (const auto& to : receiver->integrations) {
    if (to->name() != name.integration) continue;
    const auto found = groups.find(slot(name.receiver, name.group_key));
    if (found == groups.end() && groups.size() >= options.groups_max) {
      ++counters.groups_refused_total;
      return nullptr;
    }
    Group& group = found != groups.end()
                       ? *found->second
                       : closing_group(name.receiver, name.group_key, saved.route_key, saved.labels);
    add_conversation(group, to);
    group.conversations.back()->closing = group.route == nullptr;
    return group.conversations.back().get();
  }
  return nullptr;
}

void Pipeline::State::attach_told(Conversation& conversation) {
  Group& group = *conversation.group;
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
}

void Pipeline::State::restore_conversation(const ConversationName& name, SavedConversation saved) {
  const bool nobody_waits = saved.log.open.empty() && saved.log.owed.empty();
  if (nobody_waits && !groups.contains(slot(name.receiver, name.group_key))) return;
  Conversation* conversation = conversation_for(name, saved);
  if (conversation == nullptr) {
    // There is nobody left to tell.
    counters.resolves_lost_total += saved.log.open.size();
    return;
  }
  Group& group = *conversation->group;
  conversation->log = std::move(saved.log);
  conversation->unshared = saved.unshared;
  attach_told(*conversation);
  if (conversation->log.told_at != Timestamp{}) {
    const Timestamp due = std::max(now, conversation->log.told_at + to_ms(group.group_interval));
    group.next_flush = group.flushed ? std::max(group.next_flush, due) : due;
    group.flushed = true;
  }
  if (!conversation->log.owed.empty()) queue(*conversation, now);
}

}  // namespace sluice::alerts
