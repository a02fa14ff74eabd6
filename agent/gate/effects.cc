#include "agent/gate/effects.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/gate/flag.h"
#include "agent/gate/json_text.h"

namespace sluice::gate {
namespace {

// Turns decisions about single targets into the next record and the flags that go with it.
class Carrier {
 public:
  Carrier(const PoolFacts& facts, const PoolPolicy& policy, int api_failing, Timestamp now)
      : facts_(facts), policy_(policy), api_failing_(api_failing), now_(now) {}

  void carry(const TargetDecision& decision, GateEffects& out) {
    Entry& entry = out.record.entries[decision.target];
    switch (decision.action) {
      case Action::kNone:
        return;
      case Action::kDisable:
        disable(decision, entry, out);
        break;
      case Action::kEnable:
        enable(decision, entry, out);
        break;
      case Action::kRenew:
        if (decision.judged) entry.api_before = -1;
        renew(decision.target, entry, out);
        return;
      case Action::kWeigh:
        weigh(decision, entry, out);
        if (decision.weight < 100) return;
        break;
      case Action::kLapse:
        lapse(entry, out);
        break;
      case Action::kForget: {
        const bool was_flagged = entry.state != Entry::State::kEnabled;
        remove_flag(entry, out);
        const Mode mode = entry.mode;
        out.record.entries.erase(decision.target);
        if (was_flagged) tell(decision, mode, out);
        return;
      }
    }
    tell(decision, entry.mode, out);
  }

 private:
  void disable(const TargetDecision& decision, Entry& entry, GateEffects& out) {
    entry.state = Entry::State::kDisabled;
    // Shadow mode holds the automation back, not the operator.
    entry.mode = decision.by_operator ? Mode::kEnforce : policy_.mode;
    entry.by_operator = decision.by_operator;
    entry.drain = decision.drain;
    const bool judged_later = !decision.by_operator && policy_.mode == Mode::kEnforce;
    entry.api_before = judged_later && !policy_.efficacy.job.empty() ? api_failing_ : -1;
    entry.reason = decision.reason;
    entry.evidence = decision.evidence;
    entry.since = now_;
    entry.until = decision.until;
    entry.streak = decision.streak;
    entry.weight = 0;
    entry.lease = next_lease(entry);
    if (!decision.by_operator) out.record.last_disable = now_;
    write_flag(decision.target, entry, out);
  }

  void enable(const TargetDecision& decision, Entry& entry, GateEffects& out) {
    if (decision.judged) {
      out.record.no_effect_until = now_ + to_ms(policy_.efficacy.hold);
      out.record.no_effect_why = fmt::format("{}: {}", decision.target, decision.reason);
    }
    const bool slowly = decision.weight < 100 && !entry.key.empty();
    entry.by_operator = false;
    entry.reason = decision.reason;
    entry.evidence = decision.evidence;
    entry.since = now_;
    if (slowly) {
      entry.state = Entry::State::kReturning;
      entry.weight = decision.weight;
      entry.lease = next_lease(entry);
      write_flag(decision.target, entry, out);
    } else {
      make_enabled(entry, out);
    }
  }

  void renew(const std::string& target, Entry& entry, GateEffects& out) {
    entry.lease = next_lease(entry);
    write_flag(target, entry, out);
  }

  void weigh(const TargetDecision& decision, Entry& entry, GateEffects& out) {
    if (decision.weight >= 100) {
      make_enabled(entry, out);
      return;
    }
    entry.weight = decision.weight;
    entry.lease = next_lease(entry);
    write_flag(decision.target, entry, out);
  }

  void lapse(Entry& entry, GateEffects& out) {
    entry.since = entry.lease;
    entry.by_operator = false;
    make_enabled(entry, out);
  }

  void make_enabled(Entry& entry, GateEffects& out) {
    entry.state = Entry::State::kEnabled;
    entry.weight = 100;
    entry.drain = false;
    entry.api_before = -1;
    entry.lease = Timestamp{};
    remove_flag(entry, out);
  }

  Timestamp next_lease(const Entry& entry) const {
    const Timestamp full = now_ + to_ms(policy_.flag.ttl);
    return entry.by_operator ? std::min(full, entry.until) : full;
  }

  void write_flag(const std::string& target, Entry& entry, GateEffects& out) {
    const auto member = std::find_if(facts_.members.begin(), facts_.members.end(),
                                     [&](const Member& m) { return m.target == target; });
    std::string key;
    if (entry.mode == Mode::kEnforce && member != facts_.members.end()) {
      if (auto rendered = render_key(policy_.flag.key, policy_.pool, *member)) key = std::move(*rendered);
    }
    if (key != entry.key) remove_flag(entry, out);
    entry.key = key;
    if (key.empty()) return;
    // The epoch is filled in at the end, when it is known whether this commit begins a new one.
    written_.push_back(target);
    out.flags.push_back({key, std::string(), entry.lease});
  }

  void remove_flag(Entry& entry, GateEffects& out) {
    if (!entry.key.empty()) out.flags.push_back({entry.key, std::nullopt, Timestamp{}});
    entry.key.clear();
  }

  void tell(const TargetDecision& decision, Mode mode, GateEffects& out) {
    out.events.push_back({.at = now_,
                          .pool = policy_.pool,
                          .target = decision.target,
                          .action = decision.action,
                          .mode = mode,
                          .epoch = 0,
                          .by = decision.by_operator ? "operator" : facts_.self,
                          .reason = decision.reason,
                          .evidence = decision.evidence,
                          .until = decision.until});
  }

 public:
  void fill_in_flags(GateEffects& out) const {
    size_t next = 0;
    for (FlagWrite& flag : out.flags) {
      if (!flag.value) continue;
      const std::string& target = written_[next++];
      const Entry& entry = out.record.entries.at(target);
      flag.value = encode_flag(policy_.flag, {.epoch = out.record.epoch,
                                              .pool = policy_.pool,
                                              .target = target,
                                              .reason = entry.reason,
                                              .since = entry.since,
                                              .expires_at = entry.lease,
                                              .weight = entry.weight,
                                              .drain = entry.drain});
    }
  }

 private:
  const PoolFacts& facts_;
  const PoolPolicy& policy_;
  int api_failing_;
  Timestamp now_;
  std::vector<std::string> written_;  // the targets of the flags that are set, in order
};

bool has_decayed(const Entry& entry, const PoolPolicy& policy, Timestamp now) {
  return entry.state == Entry::State::kEnabled && decayed_streak(entry, policy, now) == 0;
}

}  // namespace

std::string to_json(const GateEvent& event) {
  JsonObject out;
  out.time("at", event.at);
  out.text("pool", event.pool);
  out.text("target", event.target);
  out.text("action", to_string(event.action));
  out.text("mode", to_string(event.mode));
  out.number("epoch", event.epoch);
  out.text("by", event.by);
  out.text("reason", event.reason);
  out.text("evidence", event.evidence);
  if (event.until != Timestamp{}) out.time("until", event.until);
  return out.done();
}

GateEffects carry_out(const PoolFacts& facts, const PoolPolicy& policy, const PoolDecision& decision,
                      Timestamp now, uint64_t epoch_min) {
  GateEffects out;
  out.record = facts.record;
  Carrier carrier(facts, policy, decision.api_failing, now);
  for (const TargetDecision& target : decision.targets) {
    if (target.action == Action::kNone) continue;
    out.commit = true;
    carrier.carry(target, out);
  }
  for (const AgentVotes& agent : facts.agents) {
    if (is_forgotten(agent, policy, now)) out.forget_agents.push_back(agent.agent);
  }
  for (const Override& word : facts.overrides) {
    if (word.until <= now) out.forget_overrides.push_back(word.target.empty() ? "*" : word.target);
  }
  if (!out.forget_agents.empty() || !out.forget_overrides.empty()) out.commit = true;
  if (!out.commit) return out;

  if (!out.events.empty()) out.record.epoch = std::max(out.record.epoch, epoch_min) + 1;
  for (GateEvent& event : out.events) event.epoch = out.record.epoch;
  carrier.fill_in_flags(out);
  // Keys may have changed hands with a new template: what is removed must not take away what is set.
  std::stable_partition(out.flags.begin(), out.flags.end(),
                        [](const FlagWrite& flag) { return !flag.value; });
  std::erase_if(out.record.entries, [&](const auto& item) { return has_decayed(item.second, policy, now); });
  return out;
}

}  // namespace sluice::gate
