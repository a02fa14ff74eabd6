#include "agent/gate/gate.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/gate/assign.h"
#include "agent/gate/flag.h"
#include "agent/gate/votes.h"

namespace sluice::gate {
namespace {

// However short or long the interval: a turn costs a read, and a view should not be older than this.
constexpr Duration kTurnMin = 1s;
constexpr Duration kTurnMax = 15s;

Duration turn_period(const PoolPolicy& policy) {
  return std::clamp(std::min(policy.interval, policy.flag.ttl / 6), kTurnMin, kTurnMax);
}

Timestamp shared_time(Instant at, Instant now, Timestamp shared) {
  return shared - std::chrono::floor<std::chrono::milliseconds>(now - at);
}

// What is true of a member that the record does not mention.
Entry plain_entry(Mode mode) {
  Entry entry;
  entry.mode = mode;
  entry.weight = 100;
  return entry;
}

Entry entry_of(const Record& record, const std::string& target, Mode mode) {
  const auto entry = record.entries.find(target);
  return entry == record.entries.end() ? plain_entry(mode) : entry->second;
}

}  // namespace

Gate::Pool* Gate::find(std::string_view pool) {
  const auto it = pools_.find(pool);
  return it == pools_.end() ? nullptr : &it->second;
}

const Gate::Pool* Gate::find(std::string_view pool) const {
  const auto it = pools_.find(pool);
  return it == pools_.end() ? nullptr : &it->second;
}

std::vector<std::string> Gate::pools() const {
  std::vector<std::string> out;
  for (const auto& [name, pool] : pools_) out.push_back(name);
  return out;
}

bool Gate::retiring(std::string_view name) const {
  const Pool* pool = find(name);
  return pool != nullptr && pool->retiring;
}

std::vector<std::string> Gate::doubtful_flags(std::string_view name) const {
  std::vector<std::string> keys;
  const Pool* pool = find(name);
  if (pool == nullptr || !pool->recordless_since) return keys;
  for (const Member& member : pool->setup.members) {
    if (auto key = render_key(pool->setup.policy.flag.key, name, member)) keys.push_back(std::move(*key));
  }
  return keys;
}

const PoolPolicy* Gate::policy(std::string_view name) const {
  const Pool* pool = find(name);
  return pool == nullptr ? nullptr : &pool->setup.policy;
}

Instant Gate::next_turn(std::string_view name) const {
  const Pool* pool = find(name);
  return pool == nullptr ? Instant::max() : pool->next_turn;
}

Instant Gate::next_turn() const {
  Instant next = Instant::max();
  for (const auto& [name, pool] : pools_) next = std::min(next, pool.next_turn);
  return next;
}

const PoolView* Gate::view(std::string_view name) const {
  const Pool* pool = find(name);
  return pool == nullptr ? nullptr : &pool->view;
}

const PoolCounters* Gate::counters(std::string_view name) const {
  const Pool* pool = find(name);
  return pool == nullptr ? nullptr : &pool->counters;
}

bool Gate::disabled(std::string_view name, std::string_view target, Timestamp shared) const {
  const Pool* pool = find(name);
  if (pool == nullptr) return false;
  const auto it = pool->record.entries.find(std::string(target));
  if (it == pool->record.entries.end()) return false;
  const Entry& entry = it->second;
  return entry.state == Entry::State::kDisabled && entry.mode == Mode::kEnforce && entry.lease > shared;
}

AgentVotes Gate::own_votes(std::string_view name, Instant now, Timestamp shared) const {
  AgentVotes votes{.agent = agent_,
                   .zone = zone_,
                   .config = {},
                   .unwell = unwell_,
                   .at = shared,
                   .api_failing = -1,
                   .ballots = {}};
  const Pool* pool = find(name);
  if (pool == nullptr || pool->retiring) return votes;
  votes.config = pool->setup.config;
  votes.api_failing = api_failing(pool->setup.policy.efficacy, now);
  for (const auto& [target, watched] : pool->members) {
    const Health& health = watched.health;
    if (!watched.assigned || health.last_probe() == Instant{}) continue;
    const bool known = health.verdict() != Verdict::kUnknown;
    const Timestamp at = shared_time(health.last_probe(), now, shared);
    votes.ballots[target] = {.verdict = health.verdict(),
                             .suspect = health.last_failed(),
                             .since = known ? shared_time(health.since(), now, shared) : at,
                             .at = at,
                             .reason = health.reason()};
  }
  return votes;
}

void Gate::observe_api(Instant now, std::string_view job, std::string_view target, bool good) {
  const auto api = apis_.find(job);
  if (api != apis_.end()) api->second.insert_or_assign(std::string(target), ApiProbe{good, now});
}

// What was seen in the second half of the window: for judging, nothing from before the disabling may count.
int Gate::api_failing(const EfficacyPolicy& policy, Instant now) const {
  const auto api = apis_.find(policy.job);
  if (api == apis_.end()) return -1;
  int probes = 0;
  int failed = 0;
  for (const auto& [target, probe] : api->second) {
    if (now - probe.at > policy.window / 2) continue;
    ++probes;
    if (!probe.good) ++failed;
  }
  return probes == 0 ? -1 : failed * 100 / probes;
}

void Gate::configure(Instant now, std::vector<PoolSetup> setups) {
  apis_.clear();
  for (const PoolSetup& setup : setups) {
    if (!setup.policy.efficacy.job.empty()) apis_[setup.policy.efficacy.job];
  }
  for (auto& [name, pool] : pools_) {
    pool.retiring = true;
    pool.next_turn = now;
  }
  for (PoolSetup& setup : setups) {
    Pool& pool = pools_[setup.policy.pool];
    pool.retiring = false;
    pool.next_turn = now;
    if (setup.policy.vote_lifetime <= Duration::zero()) {
      setup.policy.vote_lifetime =
          3 * std::max({setup.policy.interval, setup.health.down_interval, setup.timeout, kTurnMin});
    }
    std::map<std::string, Watched, std::less<>> members;
    for (const Member& member : setup.members) {
      const auto known = pool.members.find(member.target);
      Watched watched{member, Health(setup.health)};
      if (known != pool.members.end()) watched = known->second;
      watched.member = member;
      watched.health.set_policy(setup.health);
      members.emplace(member.target, std::move(watched));
    }
    pool.members = std::move(members);
    pool.view.pool = setup.policy.pool;
    pool.view.mode = setup.policy.mode;
    pool.setup = std::move(setup);
    assign(pool);
  }
}

bool Gate::probes(std::string_view name, std::string_view target) const {
  const Pool* pool = find(name);
  if (pool == nullptr) return true;
  const auto it = pool->members.find(target);
  return it == pool->members.end() || it->second.assigned;
}

bool Gate::chosen_for(std::string_view name, std::string_view task) const {
  const Pool* pool = find(name);
  if (pool == nullptr || pool->retiring) return false;
  return pool->live.empty() || is_chosen(agent_, fmt::format("{} of {}", task, name), pool->live, 1);
}

Duration Gate::phase_shift(std::string_view name, std::string_view target, Instant now,
                           Timestamp shared) const {
  const Pool* pool = find(name);
  if (pool == nullptr) return Duration::zero();
  const PoolPolicy& policy = pool->setup.policy;
  const Duration place = fleet_phase(agent_, target, pool->live, vantages(*pool), policy.interval);
  // All agents count their phases from the same instant: zero of the shared clock, not of their own.
  const Duration offset = Duration(shared.time_since_epoch()) - now.time_since_epoch();
  const Duration shift = (place - offset) % policy.interval;
  return shift < Duration::zero() ? shift + policy.interval : shift;
}

size_t Gate::vantages(const Pool& pool) {
  const PoolPolicy& policy = pool.setup.policy;
  return vantages_within(policy.vantages, pool.live.size(), policy.interval, policy.max_probes_per_second);
}

Duration Gate::interval(std::string_view name, Duration wanted) const {
  const Pool* pool = find(name);
  if (pool == nullptr) return wanted;
  return interval_within(wanted, vantages(*pool), pool->setup.policy.max_probes_per_second);
}

void Gate::assign(Pool& pool) {
  for (auto& [target, watched] : pool.members) {
    const bool assigned = pool.live.empty() || is_chosen(agent_, target, pool.live, vantages(pool));
    if (assigned == watched.assigned) continue;
    watched.assigned = assigned;
    // What was seen before is old by the time it is this agent's turn again.
    watched.health = Health(pool.setup.health);
  }
  ++assignments_;
}

Seen Gate::observe(Instant now, std::string_view name, std::string_view target, bool good,
                   std::string_view reason) {
  Pool* pool = find(name);
  if (pool == nullptr) return {std::nullopt, Attention::kNormal};
  const auto it = pool->members.find(target);
  if (it == pool->members.end()) return {std::nullopt, Attention::kNormal};
  Health& health = it->second.health;
  Seen seen;
  seen.change = health.observe(now, good, reason);
  seen.attention = health.attention();
  if (seen.change) pool->next_turn = std::min(pool->next_turn, now);
  return seen;
}

void Gate::add_override(std::string_view name, Override word) {
  Pool* pool = find(name);
  if (pool == nullptr) return;
  std::string field = override_field(word);
  pool->overrides[std::move(field)] = std::move(word);
  pool->next_turn = Instant{};
}

void Gate::withdraw_override(std::string_view name, std::string_view target) {
  Pool* pool = find(name);
  if (pool == nullptr) return;
  pool->overrides.erase(std::string(target));
  pool->next_turn = Instant{};
}

void Gate::look_again(std::string_view name, Instant now) {
  if (Pool* pool = find(name)) pool->next_turn = std::min(pool->next_turn, now);
}

int Gate::other_pools_frozen(std::string_view name, Instant now) const {
  int count = 0;
  for (const auto& [other, pool] : pools_) {
    if (other == name || !pool.failing || now - pool.failing_at > vote_lifetime(pool.setup.policy)) continue;
    ++count;
  }
  return count;
}

PoolFacts Gate::local_facts(std::string_view name, Instant now, Timestamp shared) const {
  PoolFacts facts;
  facts.self = agent_;
  const Pool* pool = find(name);
  if (pool == nullptr) return facts;
  facts.config = pool->setup.config;
  if (!pool->retiring) {
    facts.members = pool->setup.members;
    facts.agents.push_back(own_votes(name, now, shared));
  }
  for (const auto& [field, word] : pool->overrides) facts.overrides.push_back(word);
  facts.record = pool->record;
  facts.other_pools_frozen = other_pools_frozen(name, now);
  return facts;
}

// Stamps are Redis's time as their writer knew it, and it may have been set back since: then what is long
// past looks young. So votes are never taken as younger than they have been known here.
void Gate::age(AgentVotes& votes, const Heard& heard, Instant now, Timestamp shared) {
  const Timestamp latest = shared - to_ms(now - heard.at);
  for (auto& [target, ballot] : votes.ballots)
    ballot.at = std::min(ballot.at, latest - (votes.at - ballot.at));
  votes.at = std::min(votes.at, latest);
  votes.dated = heard.dated;
}

Result<PoolFacts> Gate::facts(std::string_view name, Instant now, const Reading& reading) {
  Pool* pool = find(name);
  if (pool == nullptr) return invalid("no such pool");
  PoolFacts facts;
  facts.self = agent_;
  facts.config = pool->setup.config;
  if (!pool->retiring) facts.members = pool->setup.members;
  facts.other_pools_frozen = other_pools_frozen(name, now);

  std::map<std::string, Heard, std::less<>> heard;
  facts.agents.reserve(std::min(reading.votes.size(), kVoteAgentsMax));
  for (const auto& [agent, text] : reading.votes) {
    if (facts.agents.size() >= kVoteAgentsMax) break;
    if (pool->retiring && agent == agent_) continue;
    auto votes = decode_votes(agent, text);
    if (votes.has_value()) {
      const auto known = pool->heard.find(agent);
      Heard& as_heard = heard[agent];
      if (known != pool->heard.end() && known->second.stamp == votes->at) {
        as_heard = known->second;
      } else {
        const bool newer = known != pool->heard.end() && known->second.stamp < votes->at;
        const bool from_future = votes->at > reading.time + kFutureMax;
        as_heard = {votes->at, now, (newer || agent == agent_) && !from_future};
      }
      age(*votes, as_heard, now, reading.time);
      facts.agents.push_back(std::move(*votes));
    } else {
      ++pool->counters.unreadable;
    }
  }
  pool->heard = std::move(heard);

  Result<Record> record = reading.record ? parse_record(*reading.record)
                                         : Result<Record>(unavailable("the pool has no decision record"));
  if (record.has_value()) {
    pool->recordless_since.reset();
  } else {
    if (reading.record) ++pool->counters.unreadable;
    if (!pool->recordless_since) {
      pool->recordless_since = now;
      pool->recordless_since_shared = reading.time;
      pool->look_at_once = true;
    }
    const Duration ttl = pool->setup.policy.flag.ttl;
    const bool all_have_ended =
        now - *pool->recordless_since > ttl && reading.time - pool->recordless_since_shared > to_ms(ttl);
    // Agents of another configuration may have flags out whose keys this one does not know.
    const auto alike = std::count_if(facts.agents.begin(), facts.agents.end(),
                                     [&](const AgentVotes& votes) { return votes.config == facts.config; });
    const bool most_are_alike = 2 * static_cast<size_t>(alike) > facts.agents.size() || facts.agents.empty();
    const bool no_flag_is_out = reading.flags_out && reading.flags_out->empty() && most_are_alike;
    if (!no_flag_is_out && !all_have_ended) return record.error();
    pool->orphans = reading.flags_out.value_or(std::vector<std::string>());
    record = Record{};
  }
  facts.record = std::move(*record);

  for (const auto& [field, text] : reading.overrides) {
    if (facts.overrides.size() >= kOverridesMax) break;
    auto word = decode_override(field, text);
    if (word.has_value()) {
      facts.overrides.push_back(std::move(*word));
    } else {
      ++pool->counters.unreadable;
    }
  }
  return facts;
}

GateEffects Gate::tick(std::string_view name, Instant now, const PoolFacts& facts, Timestamp shared) {
  Pool* pool = find(name);
  if (pool == nullptr) return {};
  const PoolPolicy& policy = pool->setup.policy;
  const PoolDecision decision = decide(facts, policy, shared);
  GateEffects effects = carry_out(facts, policy, decision, shared, pool->epoch_seen);
  // An empty record is written down: from then on a missing one means that something was lost.
  if (pool->recordless_since) effects.commit = true;
  // A lease that should have ended by then was written before a clock was set back. It would not be counted
  // in the budget: whom it disabled is decided about anew.
  for (const std::string& key : std::exchange(pool->orphans, {}))
    effects.flags.insert(effects.flags.begin(), {key, std::nullopt, Timestamp{}});
  if (pool->retiring) {
    effects.forget_agents.push_back(agent_);
    effects.commit = true;
  }

  ++pool->counters.turns;
  std::vector<std::string> live;
  for (const AgentVotes& agent : facts.agents) {
    if (Duration(shared - agent.at) < vote_lifetime(policy)) live.push_back(agent.agent);
  }
  std::sort(live.begin(), live.end());
  if (live != pool->live && !pool->retiring) {
    pool->live = std::move(live);
    assign(*pool);
  }
  pool->record = facts.record;
  pool->epoch_seen = std::max(pool->epoch_seen, facts.record.epoch);
  pool->failing = decision.pool_failing;
  pool->failing_at = now;
  pool->next_turn = now + turn_period(policy);
  // A turn comes early for what is known to happen then.
  const auto wake_at = [&](Timestamp at) {
    if (at > shared) pool->next_turn = std::min(pool->next_turn, now + (at - shared));
  };
  for (const TargetDecision& target : decision.targets) {
    if (target.hold != Hold::kNone && target.tally.down > 0) ++pool->counters.holds[target.hold];
    if (target.hold == Hold::kPace) wake_at(facts.record.last_disable + to_ms(policy.interval));
    const auto entry = facts.record.entries.find(target.target);
    if (entry == facts.record.entries.end() || entry->second.state == Entry::State::kEnabled) continue;
    if (target.hold == Hold::kDisableTime) wake_at(entry->second.until);
    wake_at(entry->second.lease);
  }
  refresh_view(*pool, facts, decision, shared);
  pool->view.shared = true;
  return effects;
}

void Gate::committed(std::string_view name, const GateEffects& effects) {
  Pool* pool = find(name);
  if (pool == nullptr) return;
  pool->record = effects.record;
  pool->epoch_seen = std::max(pool->epoch_seen, effects.record.epoch);
  for (const GateEvent& event : effects.events) ++pool->counters.decisions[{event.action, event.mode}];
  for (const std::string& field : effects.forget_overrides) pool->overrides.erase(field);
  pool->view.epoch = effects.record.epoch;
  for (TargetView& target : pool->view.targets) {
    target.entry = entry_of(effects.record, target.target, pool->setup.policy.mode);
  }
  if (pool->retiring) pools_.erase(pools_.find(name));
}

void Gate::conflicted(std::string_view name, Instant now) {
  Pool* pool = find(name);
  if (pool == nullptr) return;
  ++pool->counters.conflicts;
  pool->next_turn = now;
}

void Gate::unreachable(std::string_view name, Instant now, Timestamp shared) {
  Pool* pool = find(name);
  if (pool == nullptr) return;
  // A record that has just been missed is looked into at once, everything else waits for the next turn.
  const bool at_once = std::exchange(pool->look_at_once, false);
  pool->next_turn = at_once ? now : now + turn_period(pool->setup.policy);
  const PoolFacts facts = local_facts(name, now, shared);
  refresh_view(*pool, facts, decide(facts, pool->setup.policy, shared), shared);
  pool->view.shared = false;
}

void Gate::refresh_view(Pool& pool, const PoolFacts& facts, const PoolDecision& decision, Timestamp shared) {
  PoolView& view = pool.view;
  view.mode = pool.setup.policy.mode;
  view.decided_at = shared;
  view.epoch = facts.record.epoch;
  view.freeze = decision.freeze;
  view.freeze_why = decision.freeze_why;
  view.expected_agents = decision.expected_agents;
  view.live_agents = decision.live_agents;
  view.api_failing = decision.api_failing;
  view.disabled = decision.disabled;
  view.allowed = decision.allowed;
  view.sick = decision.sick;
  view.targets.clear();
  for (const TargetDecision& target : decision.targets) {
    const auto watched = pool.members.find(target.target);
    if (watched == pool.members.end()) continue;
    view.targets.push_back({.target = target.target,
                            .instance = watched->second.member.instance,
                            .own = watched->second.health.verdict(),
                            .fleet = target.fleet,
                            .votes = target.tally,
                            .entry = entry_of(facts.record, target.target, view.mode),
                            .last_action = target.action,
                            .hold = target.hold,
                            .evidence = target.evidence});
  }
}

}  // namespace sluice::gate
