#include "tests/sim/referee.h"

#include <algorithm>

#include "agent/gate/flag.h"

namespace sluice::sim {
namespace {

// Between a decision and its commit lie the turn's limit and the network's worst delay.
constexpr Duration kCommitSlack = 12s;
// When everything is whole again, until every agent has published anew.
constexpr Duration kRecovery = 60s;
// Nothing is longer on its way (Chaos::delay_messages).
constexpr Duration kDelayMax = 4s;
// Agents stamp with whole milliseconds and their own clock's rate.
constexpr Duration kProbeSlack = 100ms;
// on_sample() comes this often: what was so in between is seen that much later.
constexpr Duration kSampled = 5s;
// For longer than agents are remembered nobody needs to know when they voted.
constexpr Duration kMemoryMax = 15min;
// A lease may be this much longer: TIME was read a little before the flag was written.
constexpr Duration kFutureSlack = 1s;

gate::Record record_of(const std::optional<std::string>& text) {
  if (!text) return {};
  auto record = gate::parse_record(*text);
  return record.has_value() ? std::move(*record) : gate::Record{};
}

// Of votes: who it is and when.
std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find('\n') + 1);
}

bool is_flagged(const gate::Entry& entry, Timestamp now) {
  return entry.state != gate::Entry::State::kEnabled && entry.lease > now;
}

}  // namespace

void Referee::fail(const std::string& what) const {
  throw Violation(what);
}

Duration Referee::lifetime(const gate::PoolSetup& setup) const {
  return 3 * std::max({setup.policy.interval, setup.health.down_interval, setup.timeout});
}

void Referee::on_start(size_t agent) {
  index_of_[world_.agents()[agent].name] = agent;
  for (auto& [key, seen] : seen_) {
    if (std::get<0>(key) != agent) continue;
    const Instant last_down = seen.last_down;
    seen = {};
    seen.last_down = last_down;
  }
  std::erase_if(looks_, [&](const auto& look) { return look.first.first == agent; });
  std::erase_if(met_, [&](const auto& met) { return met.first.first == agent; });
}

void Referee::on_probe(size_t agent, const std::string& pool, const std::string& target, bool good) {
  Seen& seen = seen_[{agent, pool, target}];
  const gate::PoolSetup* setup = world_.setup(world_.agents()[agent].generation, pool);
  if (setup != nullptr) seen.policy = setup->health;
  seen.good_in_a_row = good ? seen.good_in_a_row + 1 : 0;
  seen.bad_in_a_row = good ? 0 : seen.bad_in_a_row + 1;
  if (seen.bad_in_a_row >= seen.policy.fall) seen.down = true;
  if (seen.good_in_a_row >= seen.policy.rise) seen.down = false;
  if (seen.down) seen.last_down = world_.now();
}

void Referee::on_configure(size_t agent) {
  for (auto& [key, seen] : seen_) {
    if (std::get<0>(key) != agent) continue;
    // A pool that leaves the configuration is still what it was: a probe may be on its way.
    const gate::PoolSetup* setup = world_.setup(world_.agents()[agent].generation, std::get<1>(key));
    if (setup == nullptr || setup->health == seen.policy) continue;
    seen.policy = setup->health;
    seen.good_in_a_row = seen.bad_in_a_row = 0;
  }
  // A pool that comes back may be what it was, or begin anew.
  for (auto& [key, voters] : met_) {
    if (key.first != agent || world_.setup(world_.agents()[agent].generation, key.second) != nullptr)
      continue;
    for (auto& [voter, met] : voters) {
      met.surely_dated = false;
      met.pool_left = true;
    }
  }
}

void Referee::on_votes(const std::string& agent, const std::string& pool, Timestamp stamp) {
  auto& sent = votes_sent_[{agent, pool}];
  sent.emplace_back(stamp, world_.now());
  while (world_.now() - sent.front().second > kMemoryMax) sent.pop_front();
}

void Referee::on_look(size_t agent, const std::string& pool, const World::Basis& basis) {
  auto& looks = looks_[{agent, pool}];
  looks.push_back({basis.at, world_.now(), basis.time});
  while (basis.at - looks.front().read_at > kMemoryMax) looks.pop_front();

  std::map<std::string, Met, std::less<>> read;
  const auto& known = met_[{agent, pool}];
  const auto& items = basis.votes().items;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    const auto votes = gate::decode_votes(items[i].text, first_line(items[i + 1].text));
    if (votes.has_error()) continue;
    const bool own = votes->agent == world_.agents()[agent].name;
    Met met{votes->at, own, own};
    if (const auto before = known.find(votes->agent); before != known.end()) {
      const bool newer = before->second.stamp < votes->at;
      if (before->second.stamp == votes->at) {
        met = before->second;
      } else if (!own) {
        met = {votes->at, newer, newer && !before->second.pool_left};
      }
    }
    read.emplace(votes->agent, met);
  }
  met_[{agent, pool}] = std::move(read);
}

void Referee::on_set_back(Duration back) {
  ended_until_ = std::max(ended_until_, world_.redis().time() + to_ms(back));
  // Leases that are out end so much later.
  for (auto* times : {&quorum_possible_at_, &anybody_able_at_, &orphans_until_}) {
    for (auto& [pool, at] : *times) at += back;
  }
  for (const auto& [pool, targets] : world_.pools()) {
    leases_end_[pool] = std::max(leases_end_[pool], world_.now() + longest_ttl(pool)) + back;
  }
}

Duration Referee::longest_ttl(const std::string& pool) const {
  Duration ttl{};
  for (size_t i = 0; i < world_.setting().generations.size(); ++i) {
    if (const auto* setup = world_.setup(i, pool)) ttl = std::max(ttl, setup->policy.flag.ttl);
  }
  return ttl;
}

void Referee::on_record_damaged(const std::string& pool) {
  const Instant last_end = std::max(leases_end_[pool], world_.now() + longest_ttl(pool));
  orphans_until_[pool] = std::max(orphans_until_[pool], last_end);
}

void Referee::note(std::map<std::string, Instant>& times, const std::string& pool) {
  Instant& at = times[pool];
  at = std::max(at, world_.now());
}

Referee::Votes Referee::count_votes(const Case& commit) const {
  Votes votes;
  const Duration memory = commit.setup.policy.agent_memory;
  const auto& items = commit.basis.votes().items;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    auto read = gate::decode_votes(items[i].text, items[i + 1].text);
    if (read.has_error()) fail("an agent wrote votes that cannot be read: " + read.error().message);
    Voter voter{std::move(*read)};
    const auto& sent = votes_sent_.at({voter.votes.agent, commit.pool});
    // When a clock is set, two may have the same stamp.
    for (const auto& [stamp, at] : sent) {
      if (stamp != voter.votes.at || at > commit.basis.at) continue;
      if (voter.sent_first == Instant{}) voter.sent_first = at;
      voter.sent = at;
    }
    if (voter.sent == Instant{}) continue;  // long ago
    const bool remembered =
        commit.basis.at - voter.sent < memory && commit.basis.time - voter.votes.at < memory;
    if (remembered) ++votes.expected;
    if (may_count(commit, voter, voter.votes.at)) ++votes.fresh;
    votes.voters.push_back(std::move(voter));
  }
  return votes;
}

// Where the agent can have met these votes for the first time: they are up to kDelayMax on their way.
std::vector<Referee::Look> Referee::first_looks(const Case& commit, const Voter& voter) const {
  std::vector<Look> first;
  const auto looks = looks_.find({commit.agent, commit.pool});
  if (looks != looks_.end()) {
    auto look = std::lower_bound(looks->second.begin(), looks->second.end(), voter.sent,
                                 [](const Look& l, Instant at) { return l.read_at < at; });
    for (; look != looks->second.end() && look->read_at <= commit.basis.at; ++look) {
      first.push_back(*look);
      if (look->read_at >= voter.sent + kDelayMax) break;
    }
  }
  // Or the one who decided is dead by now, and what it knew is not known here any more.
  if (first.empty()) first.push_back({commit.basis.at, commit.basis.at, commit.basis.time});
  return first;
}

Referee::Met Referee::met(const Case& commit, const Voter& voter) const {
  const auto all = met_.find({commit.agent, commit.pool});
  // Who decided is dead by now, and what it knew is not known here any more.
  if (all == met_.end()) return {voter.votes.at, true, false};
  const auto met = all->second.find(voter.votes.agent);
  return met == all->second.end() || met->second.stamp != voter.votes.at ? Met{voter.votes.at, true, false}
                                                                         : met->second;
}

// Whether the decision may have counted what carries this stamp. Redis's clock may have been set back since,
// or the voter may not know that it was. Who has just come knows nothing of when these votes were written,
// until it reads the next ones; who has seen them before knows that they are no younger than that, and if
// they came from the future then, that they are worth nothing.
bool Referee::may_count(const Case& commit, const Voter& voter, Timestamp stamp) const {
  const Duration fresh_for = lifetime(commit.setup);
  const std::vector<Look> first = first_looks(commit, voter);
  const bool from_future = std::all_of(first.begin(), first.end(), [&](const Look& look) {
    return voter.votes.at > look.time + gate::kFutureMax;
  });
  const Duration known_for = commit.basis.at - first.back().at + (voter.votes.at - stamp);
  return met(commit, voter).dated && !from_future && known_for < fresh_for &&
         commit.basis.time - stamp < fresh_for;
}

// Whether it must have: young by the stamp, and in truth, and never from the future.
bool Referee::must_count(const Case& commit, const Voter& voter, Timestamp stamp) const {
  const Duration fresh_for = lifetime(commit.setup);
  const std::vector<Look> first = first_looks(commit, voter);
  const bool from_future =
      std::any_of(first.begin(), first.end(), [&](const Look& look) { return voter.votes.at > look.time; });
  return met(commit, voter).surely_dated && !from_future && commit.basis.time - stamp < fresh_for &&
         commit.basis.at - voter.sent_first + (voter.votes.at - stamp) < fresh_for;
}

// The flags are exactly what the record says.
void Referee::check_flags(const std::string& pool, const gate::Record& record) const {
  const Timestamp now = world_.redis().time();
  std::set<std::string> wanted;
  for (const auto& [target, entry] : record.entries) {
    if (entry.key.empty() || !is_flagged(entry, now)) continue;
    wanted.insert(entry.key);
    const auto expiry = world_.redis().expires_at(entry.key);
    // It ended before the clock was set back to where it would not have.
    if (!expiry && entry.lease <= ended_until_) continue;
    if (!expiry)
      fail(fmt::format("{}: the record says that {} is flagged, and there is no flag", pool, target));
    if (*expiry != entry.lease)
      fail(fmt::format("{}: the flag of {} does not end with its lease", pool, target));
  }
  const auto orphans = orphans_until_.find(pool);
  if (orphans != orphans_until_.end() && world_.now() < orphans->second) return;
  for (const std::string& key : world_.redis().keys("off:" + pool + ":")) {
    if (!wanted.contains(key)) {
      fail(fmt::format("{}: there is a flag {} that the record does not know", pool, key));
    }
  }
}

// What was disabled and is not any more: not before its least time, and by lapse only if nobody could renew
// it.
void Referee::check_ends(const std::string& pool, const World::Basis& basis, const gate::Record& before,
                         const gate::Record& after) const {
  for (const auto& [target, entry] : before.entries) {
    if (entry.state != gate::Entry::State::kDisabled || entry.by_operator) continue;
    const auto next = after.entries.find(target);
    const bool well_again = next != after.entries.end() && next->second.reason == "ok" &&
                            next->second.state != gate::Entry::State::kDisabled;
    if (well_again && entry.lease > basis.time && basis.time < entry.until) {
      fail(fmt::format("{}: {} is enabled before its least time is over", pool, target));
    }
    const bool calm = world_.calm_since < world_.now() - kRecovery;
    if (entry.lease <= basis.time && calm)
      fail(fmt::format("{}: the lease of {} ran out while all were there to renew it", pool, target));
  }
}

// The members' flags that are really out, whatever the record says: within the budget after one was added.
void Referee::check_room(const gate::PoolSetup& setup, const gate::Record& after, int allowed) const {
  const std::string& pool = setup.policy.pool;
  int out = 0;
  for (const gate::Member& member : setup.members) {
    const auto key = gate::render_key(setup.policy.flag.key, pool, member);
    const auto entry = after.entries.find(member.target);
    const bool operators = entry != after.entries.end() && entry->second.by_operator;
    if (world_.redis().get(*key) && !operators) ++out;
  }
  if (out > allowed)
    fail(fmt::format("{}: {} flags are out, and one was added; allowed are {}", pool, out, allowed));
}

void Referee::check_operator(const Case& commit, const std::string& target) const {
  for (const auto& [field, text] : world_.redis().hash(gate::pool_keys(commit.pool).overrides)) {
    const auto word = gate::decode_override(field, text);
    if (word.has_error() || word->until <= commit.basis.time) continue;
    const bool about_it = word->target == target && word->action == gate::Override::Action::kEnable;
    if (about_it || word->action == gate::Override::Action::kFreeze) {
      fail(fmt::format("{}: {} disables {} against the operator's word", commit.pool,
                       world_.agents()[commit.agent].name, target));
    }
  }
}

void Referee::on_commit(size_t index, const std::string& pool, const World::Basis& basis,
                        const std::optional<std::string>& before_text) {
  const World::Agent& agent = world_.agents()[index];
  const gate::Record before = record_of(before_text);
  const auto text = world_.redis().get(gate::pool_keys(pool).record);
  if (!text) return;
  const auto parsed = gate::parse_record(*text);
  if (parsed.has_error())
    fail(fmt::format("{} wrote a record that cannot be read: {}", agent.name, parsed.error().message));
  const gate::Record& after = *parsed;
  const Timestamp now = world_.redis().time();
  if (world_.now() - basis.at > kCommitSlack)
    fail(fmt::format("{}: {} commits what it read long ago", pool, agent.name));
  note(anybody_able_at_, pool);
  check_flags(pool, after);
  check_ends(pool, basis, before, after);
  const gate::PoolSetup* setup = world_.setup(basis.generation, pool);
  if (setup == nullptr) return;
  const Case commit{index, pool, basis, *setup};

  // The budget, worked out again: what the automation has out among the members, before and after.
  int out_before = 0;
  int out_after = 0;
  for (const gate::Member& member : setup->members) {
    const auto counts = [&](const gate::Record& record) {
      const auto it = record.entries.find(member.target);
      return it != record.entries.end() && is_flagged(it->second, basis.time) && !it->second.by_operator;
    };
    if (counts(before)) ++out_before;
    if (counts(after)) ++out_after;
    const auto entry = after.entries.find(member.target);
    if (member.carries_the_flags && entry != after.entries.end() && is_flagged(entry->second, now)) {
      fail(fmt::format("{}: {} carries the flags and is flagged itself", pool, member.target));
    }
  }
  const int size = static_cast<int>(setup->members.size());
  const int allowed =
      std::min(size * setup->policy.max_disabled_percent / 100, size - setup->policy.min_available);

  int added = 0;
  bool changed = false;
  for (const auto& [target, entry] : after.entries) {
    const auto old = before.entries.find(target);
    // As it was when it was decided about: a lease may end while its renewal is on the way.
    const bool was_flagged = old != before.entries.end() && is_flagged(old->second, basis.time);
    if (!is_flagged(entry, now)) {
      // A renewal may be over when it arrives: then a clock was set, and nothing was decided.
      if (was_flagged && !is_flagged(entry, basis.time)) changed = true;
      continue;
    }
    const bool written = old == before.entries.end() || old->second.lease != entry.lease;
    if (written && entry.lease > basis.time + to_ms(setup->policy.flag.ttl)) {
      fail(fmt::format("{}: the lease of {} is longer than the TTL", pool, target));
    }
    if (!was_flagged || old->second.since != entry.since) changed = true;
    if (entry.by_operator) continue;
    const bool disabled_now = entry.state == gate::Entry::State::kDisabled &&
                              (!was_flagged || old->second.since != entry.since || old->second.by_operator);
    if (disabled_now) {
      ++added;
      check_disabling(commit, target, entry, before);
      check_operator(commit, target);
      check_room(*setup, after, std::max(allowed, out_before));
    } else if (was_flagged && entry.lease > old->second.lease) {
      check_evidence(commit, target, true);
    }
  }
  if (added > 0 && out_after > allowed) {
    fail(fmt::format("{}: {} disables more than the budget: {} of {}, allowed are {}", pool, agent.name,
                     out_after, size, allowed));
  }
  if (added > 1) fail(fmt::format("{}: {} disables {} at a time", pool, agent.name, added));
  if (changed && after.epoch <= before.epoch)
    fail(fmt::format("{}: {} changed flags under the same epoch", pool, agent.name));
}

void Referee::check_disabling(const Case& commit, const std::string& target, const gate::Entry& entry,
                              const gate::Record& before) {
  const std::string& agent = world_.agents()[commit.agent].name;
  const gate::PoolPolicy& policy = commit.setup.policy;
  if (entry.since - before.last_disable < policy.interval) {
    fail(fmt::format("{}: {} disables {} within an interval of the one before", commit.pool, agent, target));
  }
  if (entry.until < entry.since + to_ms(policy.disable_time.base)) {
    fail(fmt::format("{}: {} is disabled for less than the least time", commit.pool, target));
  }
  if (before.no_effect_until > commit.basis.time) {
    fail(
        fmt::format("{}: {} disables {} although it did not help the last time", commit.pool, agent, target));
  }
  check_evidence(commit, target, false);
  check_freeze(commit, target);
}

// A flag is set or prolonged: was there a quorum, and for setting it, did enough agents really see it fail?
void Referee::check_evidence(const Case& commit, const std::string& target, bool renewal) {
  // Whatever lived only between two samples: who has just committed could, and with a quorum, as is checked
  // here.
  note(quorum_possible_at_, commit.pool);
  const gate::PoolSetup& setup = commit.setup;
  const Votes votes = count_votes(commit);
  const std::string what = fmt::format("{}: {} {} {}", commit.pool, world_.agents()[commit.agent].name,
                                       renewal ? "renews" : "disables", target);
  if (votes.fresh * 2 <= votes.expected) {
    fail(fmt::format("{} without a living quorum: {} of {} agents", what, votes.fresh, votes.expected));
  }
  const int expected =
      setup.policy.vantages > 0 ? std::min(setup.policy.vantages, votes.expected) : votes.expected;
  int counted = 0;
  int down = 0;
  for (const Voter& voter : votes.voters) {
    const auto ballot = voter.votes.ballots.find(target);
    if (ballot == voter.votes.ballots.end() || ballot->second.verdict == gate::Verdict::kUnknown) continue;
    if (!may_count(commit, voter, voter.votes.at) || !may_count(commit, voter, ballot->second.at)) continue;
    ++counted;
    if (ballot->second.verdict != gate::Verdict::kDown || voter.votes.config != setup.config) continue;
    // Did it see what it says?
    const auto seen = seen_.find({index_of_.at(voter.votes.agent), commit.pool, target});
    const Instant last_down = seen == seen_.end() ? Instant::min() : seen->second.last_down;
    const Instant says_so_of = voter.sent_first - (voter.votes.at - ballot->second.at);
    if (last_down + kProbeSlack < says_so_of) {
      fail(fmt::format(
          "{}: {} says that it is down since {} s, seen {} s ago, and its probes were last so {} s ago", what,
          voter.votes.agent, to_seconds(Duration(commit.basis.time - ballot->second.since)),
          to_seconds(commit.basis.at - says_so_of),
          last_down == Instant::min() ? 1e9 : to_seconds(commit.basis.at - last_down)));
    }
    ++down;
  }
  if (counted * 2 <= expected) fail(fmt::format("{} on {} votes of {} expected", what, counted, expected));
  if (!renewal && down * 2 <= expected) {
    fail(fmt::format("{}, and only {} of {} expected see it fail", what, down, expected));
  }
}

// Who fails at least two, and most, of the members that most of at least two others pass.
std::set<std::string> Referee::find_sick(const Case& commit, const Votes& votes) const {
  std::map<std::string, int> failed;
  std::map<std::string, int> compared;
  for (const gate::Member& member : commit.setup.members) {
    std::vector<std::pair<std::string, gate::Verdict>> said;
    for (const Voter& voter : votes.voters) {
      const auto ballot = voter.votes.ballots.find(member.target);
      if (ballot == voter.votes.ballots.end() || ballot->second.verdict == gate::Verdict::kUnknown) continue;
      if (may_count(commit, voter, voter.votes.at) && may_count(commit, voter, ballot->second.at))
        said.emplace_back(voter.votes.agent, ballot->second.verdict);
    }
    const auto passes =
        std::count_if(said.begin(), said.end(), [](const auto& s) { return s.second == gate::Verdict::kUp; });
    for (const auto& [agent, verdict] : said) {
      const bool fails = verdict == gate::Verdict::kDown;
      const auto others = static_cast<ptrdiff_t>(said.size()) - 1;
      if (others < 2 || (passes - (fails ? 0 : 1)) * 2 <= others) continue;
      ++compared[agent];
      if (fails) ++failed[agent];
    }
  }
  std::set<std::string> sick;
  for (const auto& [agent, times] : failed) {
    if (times >= 2 && times * 2 > compared[agent]) sick.insert(agent);
  }
  return sick;
}

// So many failed together for so long that the freeze must have been seen by whoever decided.
void Referee::check_freeze(const Case& commit, const std::string& target) {
  const gate::PoolSetup& setup = commit.setup;
  const Votes votes = count_votes(commit);
  const std::set<std::string> sick = find_sick(commit, votes);
  std::vector<Timestamp> onsets;
  for (const gate::Member& member : setup.members) {
    int up = 0;
    bool certain = true;
    std::vector<Timestamp> down;
    for (const Voter& voter : votes.voters) {
      const auto ballot = voter.votes.ballots.find(member.target);
      const bool counts = ballot != voter.votes.ballots.end() && !sick.contains(voter.votes.agent) &&
                          may_count(commit, voter, voter.votes.at) &&
                          may_count(commit, voter, ballot->second.at);
      if (!counts) continue;
      if (ballot->second.verdict != gate::Verdict::kDown) {
        ++up;
      } else {
        down.push_back(ballot->second.since);
        certain = certain && must_count(commit, voter, voter.votes.at) &&
                  must_count(commit, voter, ballot->second.at);
      }
    }
    // Unanimous, so that a split cannot be the reason to see it otherwise; and all certain, for the onset is
    // the median.
    if (up > 0 || !certain || static_cast<int>(down.size()) * 2 <= votes.expected) continue;
    std::sort(down.begin(), down.end());
    onsets.push_back(down[down.size() / 2]);
  }
  std::sort(onsets.begin(), onsets.end());
  size_t group = 0;
  for (const Timestamp first : onsets) {
    group =
        std::max(group, static_cast<size_t>(std::count_if(onsets.begin(), onsets.end(), [&](Timestamp at) {
                   return at >= first && at - first <= setup.policy.freeze_window;
                 })));
  }
  if (group >= 2 && group * 100 > static_cast<size_t>(setup.policy.freeze_percent) * setup.members.size()) {
    fail(fmt::format("{}: {} is disabled although {} of {} members fail together", commit.pool, target, group,
                     setup.members.size()));
  }
}

// The readers' side of the contract, and what it is worth: a reader that can read avoids what is flagged and
// nothing else; one that cannot avoids nothing for longer than the leases that it knows of.
void Referee::on_reader(const Reader& reader) const {
  const Duration ttl = longest_ttl(reader.pool);
  for (const auto& [target, until] : reader.disabled_until) {
    if (until <= world_.now()) continue;
    if (until > reader.leases_end.at(target)) {
      fail(fmt::format("{}: a reader avoids {} beyond the lease that it saw", reader.pool, target));
    }
    const auto last_end = leases_end_.find(reader.pool);
    const bool was_set_back = last_end != leases_end_.end() && world_.now() <= last_end->second;
    if (!was_set_back && world_.now() - reader.read_at > ttl + kFutureSlack) {
      fail(fmt::format("{}: a reader that is cut off still avoids {} after the TTL", reader.pool, target));
    }
  }
}

void Referee::on_sample() {
  for (const auto& [pool, targets] : world_.pools()) {
    Duration ttl{};
    Duration vote_life{};
    Duration interval{};
    for (size_t i = 0; i < world_.setting().generations.size(); ++i) {
      const gate::PoolSetup* setup = world_.setup(i, pool);
      if (setup == nullptr) continue;
      ttl = std::max(ttl, setup->policy.flag.ttl);
      vote_life = std::max(vote_life, lifetime(*setup));
      interval = std::max({interval, setup->policy.interval, setup->health.down_interval, setup->timeout});
    }
    // No flag outlives its lease when there is nobody left to renew it. An agent that can write keeps an
    // operator's flag alive by itself.
    // They need not be there at the same time: votes count for a while.
    int able = 0;
    int able_lately = 0;
    for (const World::Agent& agent : world_.agents()) {
      Instant& able_at = able_at_[agent.name];
      if (agent.running && !agent.paused && !agent.link.requests_lost && world_.redis_up()) {
        able_at = world_.now();
        ++able;
      }
      if (able_at != Instant{} && world_.now() - able_at <= vote_life + kSampled) ++able_lately;
    }
    const gate::PoolSetup* any = world_.setup(0, pool);
    const gate::PoolPolicy& policy = any != nullptr ? any->policy : gate::PoolPolicy{};
    int expected = 0;
    for (const auto& [name, text] : world_.redis().hash(gate::pool_keys(pool).votes)) {
      const auto agent = gate::decode_votes(name, first_line(text));
      if (agent.has_value() && world_.redis().time() - agent->at < policy.agent_memory) ++expected;
    }
    if (able_lately * 2 > expected && able > 0) note(quorum_possible_at_, pool);
    if (able > 0) note(anybody_able_at_, pool);
    const gate::Record record = record_of(world_.redis().get(gate::pool_keys(pool).record));
    for (const auto& [target, entry] : record.entries) {
      if (entry.key.empty() || !world_.redis().get(entry.key)) continue;
      const Instant since = (entry.by_operator ? anybody_able_at_ : quorum_possible_at_)[pool];
      if (world_.now() - since <= ttl + kSampled + kCommitSlack) continue;
      fail(fmt::format("{}: the flag of {} is still set {} after the last who could renew it", pool, target,
                       format_duration(world_.now() - since)));
    }
    // Whatever is wrong with Redis, probes keep their cadence.
    for (size_t i = 0; i < world_.agents().size(); ++i) {
      const World::Agent& agent = world_.agents()[i];
      if (!agent.running || agent.paused || agent.gate->policy(pool) == nullptr) continue;
      for (const auto& [name, at] : agent.last_probe) {
        if (name.first != pool || !agent.ids.contains(name) || agent.stuck.contains(name)) continue;
        if (!agent.scheduler.contains(agent.ids.at(name))) continue;
        if (agent.resumed_at > at || world_.now() - at <= 3 * interval + 5s) continue;
        fail(fmt::format("{} has not probed {}/{} for {}", agent.name, pool, name.second,
                         format_duration(world_.now() - at)));
      }
    }
  }
}

Duration Referee::settling_time() const {
  Duration longest{};
  for (const auto& generation : world_.setting().generations) {
    for (const gate::PoolSetup& setup : generation) {
      const auto& policy = setup.policy;
      const Duration see =
          2 * (std::max(policy.interval, setup.health.down_interval) + setup.timeout) +
          std::max(setup.health.rise, setup.health.fall) * (setup.health.fast_interval + setup.timeout);
      const Duration act = static_cast<int>(setup.members.size()) * (policy.interval + 1s) + 4 * 15s;
      const Duration wait =
          std::max(policy.disable_time.max * 11 / 10, policy.flag.ttl) + policy.freeze_window;
      longest = std::max(longest, see + act + wait + lifetime(setup) + policy.slow_start);
    }
  }
  return longest + kRecovery;
}

void Referee::check_settled(size_t generation) {
  const Timestamp now = world_.redis().time();
  for (const gate::PoolSetup& setup : world_.setting().generations.at(generation)) {
    const std::string& pool = setup.policy.pool;
    const auto text = world_.redis().get(gate::pool_keys(pool).record);
    if (!text) fail(fmt::format("{}: there is no record after everything has settled", pool));
    const gate::Record record = record_of(text);
    check_flags(pool, record);
    std::vector<std::string> dead;
    std::vector<std::string> flagged;
    for (const gate::Member& member : setup.members) {
      const Target& target = world_.target(pool, member.target);
      const bool is_dead = target.state == TargetState::kRefuses || target.state == TargetState::kHangs ||
                           target.state == TargetState::kImpostor;
      const bool steady = is_dead || target.state == TargetState::kUp;
      const auto entry = record.entries.find(member.target);
      const bool is_out = entry != record.entries.end() &&
                          entry->second.state == gate::Entry::State::kDisabled && entry->second.lease > now;
      if (is_dead) dead.push_back(member.target);
      if (is_out) flagged.push_back(member.target);
      for (const Reader& reader : world_.readers()) {
        if (reader.pool != pool) continue;
        const auto until = reader.disabled_until.find(member.target);
        const bool avoided = until != reader.disabled_until.end() && until->second > world_.now();
        if (is_out != avoided && steady) {
          fail(fmt::format("{}: readers {} {}, which is {}", pool, avoided ? "avoid" : "use", member.target,
                           is_out ? "flagged" : "not flagged"));
        }
      }
      if (steady && is_out && !is_dead) {
        fail(fmt::format("{}: {} is well and still disabled: {}", pool, member.target,
                         entry->second.evidence));
      }
      for (const World::Agent& agent : world_.agents()) {
        const gate::PoolView* view = agent.gate->view(pool);
        if (view == nullptr || !view->shared) fail(fmt::format("{} has no view of {}", agent.name, pool));
        for (const gate::TargetView& seen : view->targets) {
          if (seen.target != member.target || !steady) continue;
          const gate::Verdict truth = is_dead ? gate::Verdict::kDown : gate::Verdict::kUp;
          if (seen.fleet != truth) {
            fail(fmt::format("{} believes that {}/{} is {}: {}", agent.name, pool, member.target,
                             to_string(seen.fleet), seen.evidence));
          }
        }
      }
      size_t vantages = 0;
      for (const World::Agent& agent : world_.agents())
        vantages += agent.gate->probes(pool, member.target) ? 1 : 0;
      const size_t wanted = setup.policy.vantages == 0 ? world_.agents().size()
                                                       : std::min(world_.agents().size(),
                                                                  static_cast<size_t>(setup.policy.vantages));
      if (vantages != wanted) {
        fail(
            fmt::format("{}/{} is probed by {} agents instead of {}", pool, member.target, vantages, wanted));
      }
    }
    const auto size = static_cast<int>(setup.members.size());
    const int allowed = std::max(
        0, std::min(size * setup.policy.max_disabled_percent / 100, size - setup.policy.min_available));
    if (static_cast<int>(flagged.size()) > allowed)
      fail(fmt::format("{}: more are disabled than allowed", pool));
    const bool store_is_dead =
        std::any_of(setup.members.begin(), setup.members.end(), [&](const gate::Member& member) {
          return member.carries_the_flags && std::count(dead.begin(), dead.end(), member.target) > 0;
        });
    const bool may_freeze =
        dead.size() >= 2 && static_cast<int>(dead.size()) * 100 > setup.policy.freeze_percent * size;
    // What was found not to help is not tried again for a while, and was perhaps found in the chaos before.
    const bool held = record.no_effect_until + to_ms(4 * 15s + setup.policy.interval) > now;
    if (static_cast<int>(dead.size()) <= allowed && !may_freeze && !store_is_dead && !held &&
        flagged.size() < dead.size()) {
      for (const std::string& target : dead) {
        if (std::count(flagged.begin(), flagged.end(), target) == 0) {
          fail(fmt::format("{}: {} is dead for all, there is room, and it is not disabled", pool, target));
        }
      }
    }
  }
}

}  // namespace sluice::sim
