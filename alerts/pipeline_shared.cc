// What other agents that tell the same people must know, and what they say.

#include <fmt/format.h>

#include <algorithm>

#include "alerts/pipeline_state.h"

namespace sluice::alerts {
namespace {

FingerprintSet in_both(const FingerprintSet& a, const FingerprintSet& b) {
  return without(a, without(a, b));
}

// What two agents told that did not know of each other. Clocks are no help in saying which came first, so
// whatever either believes to be open is; and what fires is told once more unless both have said so, because
// the other one may have told its end since.
LogEntry together(const LogEntry& ours, const LogEntry& theirs) {
  LogEntry both = theirs.refused_at < ours.refused_at ? ours : theirs;
  both.told_at = std::max(ours.told_at, theirs.told_at);
  both.firing = in_both(theirs.firing, ours.firing);
  both.resolved = united(theirs.resolved, ours.resolved);
  both.open = united(theirs.open, ours.open);
  both.owed = without(united(theirs.owed, ours.owed), both.open);
  return both;
}

// All of a text or nothing: an alert without its conversation would be told as a new one.
Result<Saved> read_shared(std::string_view text) {
  const auto records = split_records(text);
  if (!records) return records.error();
  if (static_cast<ptrdiff_t>(records->size()) != std::count(text.begin(), text.end(), '\n') ||
      (!text.empty() && text.back() != '\n'))
    return invalid("its last line is damaged");
  Saved saved;
  for (const std::string_view record : *records) {
    if (!saved.apply(record)) return invalid(fmt::format("this makes no sense: {:?}", record.substr(0, 200)));
  }
  return saved;
}

}  // namespace

void Pipeline::State::share(const Conversation& conversation, Effects& effects) const {
  if (!sharing) return;
  RecordWriter record('C');
  conversation.write(record);
  SharedRecord shared{false, conversation.name().key(), to_line(record.record())};
  for (const Fingerprint fingerprint : united(conversation.log.open, conversation.log.owed)) {
    const auto alert = alerts.find(fingerprint);
    if (alert != alerts.end()) journal_alert(*alert->second->alert, shared.text);
  }
  effects.shared.push_back(std::move(shared));
}

void Pipeline::State::set_sharing(bool on, Effects& effects) {
  const bool did = std::exchange(sharing, on);
  if (!on) return;
  if (did) doubt();
  share_again(effects);
  for (const auto& [id, silence] : silences.all()) effects.shared.push_back({true, id, to_text(silence)});
}

void Pipeline::State::doubt() {
  for (const auto& [id, conversation] : conversations)
    conversation->unshared = conversation->unshared || !conversation->log.blank();
}

void Pipeline::State::share_again(Effects& effects) {
  for (const auto& [id, conversation] : conversations) {
    if (conversation->unshared) keep(*conversation, effects);
  }
}

void Pipeline::State::learn(const SharedNews& news, Effects& effects) {
  for (const std::string& key : news.known) {
    Conversation* conversation = find_conversation(ConversationName::of(key));
    if (conversation == nullptr || !std::exchange(conversation->unshared, false)) continue;
    keep(*conversation, effects);
  }
  if (news.lost) doubt();

  Saved saved;
  for (const std::string& text : news.texts) {
    auto one = read_shared(text);
    if (one) {
      saved.take(std::move(*one));
    } else {
      effects.events.push_back(
          {LogLevel::kWarn, "what another agent shares cannot be read", {{"error", one.error().message}}});
    }
  }
  for (auto& [id, silence] : saved.silences) {
    const Silence* known = silences.find(id);
    if (known != nullptr && known->updated_at == silence.updated_at) continue;
    if (known != nullptr && known->updated_at > silence.updated_at) {
      if (sharing) effects.shared.push_back({true, id, to_text(*known)});
      continue;
    }
    effects.journal += to_text(silence);
    silences.restore(std::move(silence));
  }
  advance(now);
  bool revived = false;
  for (auto& [fingerprint, alert] : saved.alerts) {
    if (alerts.contains(fingerprint) || !revive(std::move(alert))) continue;
    journal_alert(*alerts.at(fingerprint)->alert, effects.journal);
    revived = true;
  }
  for (const ConversationName& name : saved.gone) saved.conversations.try_emplace(name);
  for (auto& [name, theirs] : saved.conversations) learn_conversation(name, std::move(theirs), effects);
  if (revived) forget_homeless();
  // Behind what the others say: it is written in place of that.
  if (news.lost) share_again(effects);
  if (news.memory.empty() || news.memory == memory) return;
  memory = news.memory;
  RecordWriter('M').text(memory).append_to(effects.journal);
}

void Pipeline::State::learn_conversation(const ConversationName& name, SavedConversation theirs,
                                         Effects& effects) {
  const bool nobody_waits = theirs.log.open.empty() && theirs.log.owed.empty();
  Conversation* conversation = nobody_waits ? find_conversation(name) : conversation_for(name, theirs);
  if (conversation != nullptr) {
    take_log(*conversation, std::move(theirs.log), effects);
    return settle(*conversation->group, effects);
  }
  const std::string place = slot(name.receiver, name.group_key) + '\n' + name.integration;
  if (theirs.log.blank()) {
    remembered.erase(place);
  } else if (remembered.size() < options.groups_max) {
    remembered[place] = std::move(theirs.log);
  }
}

void Pipeline::State::take_log(Conversation& conversation, LogEntry theirs, Effects& effects) {
  if (conversation.phase == Conversation::Phase::kInFlight) {
    conversation.heard = std::make_unique<LogEntry>(std::move(theirs));
    return;
  }
  LogEntry& log = conversation.log;
  LogEntry next = conversation.unshared ? together(log, theirs) : theirs;
  conversation.unshared = conversation.unshared && next != theirs;
  const bool same = log == next;
  log = std::move(next);
  attach_told(conversation);
  if (!same || conversation.unshared) keep(conversation, effects);
  if (same || conversation.phase != Conversation::Phase::kWaiting) return;
  const auto reason =
      reason_to_notify(log, visible(conversation, look(*conversation.group)), rules(conversation), now);
  if (reason) return;
  outbox.remove(conversation.endpoint, conversation.id);
  cancel(conversation, effects);
}

void Pipeline::State::take_heard(Conversation& conversation, Effects& effects) {
  if (auto heard = std::exchange(conversation.heard, nullptr))
    take_log(conversation, std::move(*heard), effects);
}

}  // namespace sluice::alerts
