#include "tests/sim/world.h"

#include <algorithm>

#include "core/check.h"
#include "tests/sim/people.h"
#include "tests/sim/referee.h"

namespace sluice::sim {
namespace {

constexpr Timestamp kUnixStart = from_unix_ms(1'700'000'000'000);
// What the driver of a real agent keeps to as well: a turn that takes longer is given up, its decision with
// it.
constexpr Duration kCommandTimeout = 2s;
constexpr size_t kTraceLines = 400;
constexpr Duration kSample = 5s;
constexpr Duration kReaderPoll = 2s;
constexpr int kApiServers = 5;

using test::MemoryRedis;
using test::RedisReply;

std::vector<std::pair<std::string, std::string>> pairs(const RedisReply& reply) {
  std::vector<std::pair<std::string, std::string>> out;
  for (size_t i = 0; i + 1 < reply.items.size(); i += 2)
    out.emplace_back(reply.items[i].text, reply.items[i + 1].text);
  return out;
}

gate::Reading reading_of(const std::vector<RedisReply>& replies, const std::vector<std::string>& doubtful) {
  const size_t first = replies.size() - 4;
  gate::Reading out;
  const auto& time = replies[first].items;
  out.time = from_unix_ms(std::stoll(time[0].text) * 1000 + std::stoll(time[1].text) / 1000);
  if (!replies[first + 1].is_nil()) out.record = replies[first + 1].text;
  out.votes = pairs(replies[first + 2]);
  out.overrides = pairs(replies[first + 3]);
  if (!doubtful.empty()) out.flags_out.emplace();
  for (size_t i = 0; i < doubtful.size(); ++i) {
    if (replies[first - doubtful.size() + i].integer >= 0) out.flags_out->push_back(doubtful[i]);
  }
  return out;
}

schedule::Pace pace_of(gate::Attention attention) {
  switch (attention) {
    case gate::Attention::kFast:
      return schedule::Pace::kFast;
    case gate::Attention::kSlow:
      return schedule::Pace::kSlow;
    case gate::Attention::kNormal:
      break;
  }
  return schedule::Pace::kNormal;
}

}  // namespace

namespace {

std::string_view reason_of(const Target& target) {
  return target.state == TargetState::kImpostor ? "oidc_issuer_mismatch" : "connect_refused";
}

}  // namespace

std::string_view to_string(TargetState state) {
  switch (state) {
    case TargetState::kUp:
      return "up";
    case TargetState::kRefuses:
      return "refuses";
    case TargetState::kHangs:
      return "hangs";
    case TargetState::kSlow:
      return "slow";
    case TargetState::kImpostor:
      return "impostor";
    case TargetState::kFlaps:
      break;
  }
  return "flaps";
}

bool Target::answers(Instant now) const {
  switch (state) {
    case TargetState::kUp:
    case TargetState::kSlow:
      return true;
    case TargetState::kFlaps:
      return (now - since) / flap_period % 2 == 0;
    case TargetState::kRefuses:
    case TargetState::kHangs:
    case TargetState::kImpostor:
      break;
  }
  return false;
}

void Counts::add(const Counts& other) {
  events += other.events;
  probes += other.probes;
  turns += other.turns;
  commits += other.commits;
  conflicts += other.conflicts;
  unreachable += other.unreachable;
  decisions += other.decisions;
  reads += other.reads;
  commands += other.commands;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  messages += other.messages;
  messages_again += other.messages_again;
  for (const auto& [name, count] : other.faults) faults[name] += count;
}

World::World(Setting setting, uint64_t seed) : setting_(std::move(setting)), random_(seed) {
  referee_ = std::make_unique<Referee>(*this);
  for (const auto& generation : setting_.generations) {
    for (const gate::PoolSetup& pool : generation) {
      std::vector<Target>& targets = pools_[pool.policy.pool];
      for (const gate::Member& member : pool.members) {
        const bool known = std::any_of(targets.begin(), targets.end(),
                                       [&](const Target& t) { return t.name == member.target; });
        if (!known)
          targets.push_back(
              {.name = member.target, .state = TargetState::kUp, .since = now_, .flap_period = 20s});
      }
    }
  }
  agents_.resize(static_cast<size_t>(setting_.agents));
  for (size_t i = 0; i < agents_.size(); ++i) {
    Agent& agent = agents_[i];
    agent.name = fmt::format("n{}", i);
    agent.zone = fmt::format("z{}", i % static_cast<size_t>(setting_.zones));
    agent.clock_base = random_.between(0s, 1000000s);
    agent.clock_ppm = static_cast<int>(random_.below(401)) - 200;
  }
  redis_.set_time(redis_time());
  if (setting_.alerts) {
    people_ = std::make_unique<People>(*this);
    schedule_event(now_ + 1s, [this] { sample_people(); });
  }
  for (size_t i = 0; i < agents_.size(); ++i) {
    schedule_event(now_ + random_.between(0s, 3s), [this, i] { start(i); });
  }
  for (const auto& [pool, targets] : pools_) {
    Reader reader;
    reader.pool = pool;
    readers_.push_back(std::move(reader));
  }
  schedule_event(now_ + kSample, [this] { sample(); });
  schedule_event(now_ + kReaderPoll, [this] { look_at_flags(); });
}

World::~World() = default;

void World::sample() {
  referee_->on_sample();
  schedule_event(now_ + kSample, [this] { sample(); });
}

void World::sample_people() {
  people_->sample();
  schedule_event(now_ + 1s, [this] { sample_people(); });
}

// Every reader asks for all flags of its pool; without an answer it goes by what it knows.
void World::look_at_flags() {
  for (Reader& reader : readers_) {
    if (reader.stopped) continue;
    if (redis_up_ && !reader.cut) {
      ++counts_.reads;
      reader.read_at = now_;
      reader.disabled_until.clear();
      reader.leases_end.clear();
      for (const std::string& key : redis_.keys("off:" + reader.pool + ":")) {
        // The key ends in the name of the target, in all generations (random_pool).
        const auto expires_at = redis_.expires_at(key);
        if (!expires_at) throw Violation("a flag without an end: " + key);
        const std::string target = key.substr(key.rfind(':') + 1);
        const auto text = redis_.get(key);
        if (text->find("\"disabled\":false") != std::string::npos) continue;  // slow start
        reader.disabled_until[target] = now_ + (*expires_at - redis_time());
      }
      reader.leases_end = reader.disabled_until;
    }
    referee_->on_reader(reader);
  }
  schedule_event(now_ + kReaderPoll, [this] { look_at_flags(); });
}

void World::break_api(const std::string& pool, bool broken) {
  if (broken) {
    broken_apis_.insert(pool);
  } else {
    broken_apis_.erase(pool);
  }
  say_trace(fmt::format("the API of {} {}", pool, broken ? "fails for a reason of its own" : "is whole"));
}

// Each API server sends its request to some member that its reader may use, and fails when that is dead.
void World::probe_api(Agent& agent, const std::string& pool, Instant now) {
  const gate::PoolPolicy* policy = agent.gate->policy(pool);
  if (policy == nullptr || policy->efficacy.job.empty()) return;
  const auto reader =
      std::find_if(readers_.begin(), readers_.end(), [&](const Reader& r) { return r.pool == pool; });
  std::vector<const Target*> usable;
  for (const Target& target : pools_.at(pool)) {
    const auto until = reader->disabled_until.find(target.name);
    if (until == reader->disabled_until.end() || until->second <= now_) usable.push_back(&target);
  }
  for (int i = 0; i < kApiServers; ++i) {
    const bool meets_dead = !usable.empty() && !usable[random_.below(usable.size())]->answers(now_);
    const bool good = !agent.sick && !broken_apis_.contains(pool) && !meets_dead;
    agent.gate->observe_api(now, policy->efficacy.job, fmt::format("api{}", i), good);
  }
}

Timestamp World::redis_time() const {
  return kUnixStart + std::chrono::floor<std::chrono::milliseconds>(now_.time_since_epoch() + redis_offset_);
}

Timestamp World::unix_time() const {
  return kUnixStart + std::chrono::floor<std::chrono::milliseconds>(now_.time_since_epoch());
}

const Target& World::target(const std::string& pool, const std::string& name) const {
  for (const Target& target : pools_.at(pool)) {
    if (target.name == name) return target;
  }
  throw std::invalid_argument("no target " + name + " in pool " + pool);
}

std::vector<std::string> World::pool_names() const {
  std::vector<std::string> names;
  for (const auto& [name, targets] : pools_) names.push_back(name);
  return names;
}

std::vector<std::string> World::target_names(const std::string& pool) const {
  std::vector<std::string> names;
  for (const Target& target : pools_.at(pool)) names.push_back(target.name);
  return names;
}

const gate::PoolSetup* World::setup(size_t generation, const std::string& pool) const {
  for (const gate::PoolSetup& setup : setting_.generations.at(generation)) {
    if (setup.policy.pool == pool) return &setup;
  }
  return nullptr;
}

void World::say_trace(std::string line) {
  line =
      fmt::format("[{:>10} #{}] {}", format_duration(now_.time_since_epoch() - 1000s), counts_.events, line);
  if (verbose) fmt::print("{}\n", line);
  trace_.push_back(std::move(line));
  if (trace_.size() > kTraceLines) trace_.pop_front();
}

void World::note_fault(const std::string& name, const std::string& detail) {
  calm_since = Instant::max();
  ++counts_.faults[name];
  say_trace(fmt::format("FAULT {} {}", name, detail));
}

void World::schedule_event(Instant at, std::function<void()> what) {
  if (free_slots_.empty()) {
    free_slots_.push_back(what_.size());
    what_.emplace_back();
  }
  const size_t slot = free_slots_.back();
  free_slots_.pop_back();
  what_[slot] = std::move(what);
  events_.push({at, next_order_++, slot});
}

void World::run_for(Duration time) {
  const Instant end = now_ + time;
  while (!events_.empty() && events_.top().at <= end) {
    const Event event = events_.top();
    events_.pop();
    now_ = std::max(now_, event.at);
    redis_.set_time(redis_time());
    ++counts_.events;
    const std::function<void()> what = std::exchange(what_[event.slot], {});
    free_slots_.push_back(event.slot);
    what();
  }
  now_ = end;
  redis_.set_time(redis_time());
}

// Agents
// -----------------------------------------------------------------------------------------------------------

Instant World::local(const Agent& agent) const {
  const Duration passed = now_.time_since_epoch();
  return Instant(agent.clock_base + passed + passed / 1'000'000 * agent.clock_ppm);
}

Instant World::global(const Agent& agent, Instant at) const {
  const Duration left = at - local(agent);
  // Rounded up, so that waking there finds the time come.
  return now_ + left - left / 1'000'000 * agent.clock_ppm + 1us;
}

void World::on_agent(size_t index, uint64_t life, std::function<void()> what) {
  Agent& agent = agents_[index];
  if (!agent.running || agent.life != life) return;
  if (agent.paused) {
    agent.backlog.push_back([this, index, life, what = std::move(what)] { on_agent(index, life, what); });
    return;
  }
  what();
  look(index);
}

void World::start(size_t index) {
  Agent& agent = agents_[index];
  if (agent.running) return;
  agent.running = true;
  agent.paused = false;
  ++agent.life;
  agent.resumed_at = now_;
  agent.gate = std::make_unique<gate::Gate>(agent.name, agent.zone);
  agent.scheduler = {};
  agent.clock = {};
  agent.targets.clear();
  agent.ids.clear();
  agent.turning.clear();
  agent.backlog.clear();
  agent.last_probe.clear();
  agent.stuck.clear();
  agent.wake_at = Instant::max();
  referee_->on_start(index);
  say_trace(agent.name + " starts");
  configure(agent);
  if (people_) people_->on_start(index);
  look(index);
}

void World::kill(size_t index) {
  Agent& agent = agents_[index];
  if (!agent.running) return;
  agent.running = false;
  if (people_) people_->on_kill(index);
  say_trace(agent.name + " is killed");
}

void World::stop(size_t index) {
  Agent& agent = agents_[index];
  if (!agent.running) return;
  if (!agent.paused) {
    for (const std::string& pool : agent.gate->pools()) {
      send(index, pool, std::make_shared<MemoryRedis::Session>(),
           gate::leave_plan(gate::pool_keys(pool), agent.name), [](const Replies&) {});
    }
  }
  agent.running = false;
  if (people_) people_->on_stop(index);
  say_trace(agent.name + " stops");
}

void World::pause(size_t index) {
  if (!agents_[index].running) return;
  agents_[index].paused = true;
  say_trace(agents_[index].name + " is paused");
}

void World::resume(size_t index) {
  Agent& agent = agents_[index];
  if (!agent.running || !agent.paused) return;
  agent.paused = false;
  agent.resumed_at = now_;
  say_trace(agent.name + " goes on");
  std::deque<std::function<void()>> backlog = std::exchange(agent.backlog, {});
  for (const auto& what : backlog) what();
  look(index);
}

void World::reload(size_t index, size_t generation) {
  Agent& agent = agents_[index];
  agent.file_generation = generation;
  if (!agent.running) return;
  on_agent(index, agent.life, [this, index] {
    configure(agents_[index]);
    say_trace(fmt::format("{} loads configuration {}", agents_[index].name, agents_[index].generation));
  });
}

void World::configure(Agent& agent) {
  agent.generation = agent.file_generation;
  agent.gate->configure(local(agent), setting_.generations.at(agent.generation));
  referee_->on_configure(static_cast<size_t>(&agent - agents_.data()));
  assign(agent);
  agent.resumed_at = now_;
}

// Brings the scheduler in line with the configuration and the place of this agent in the fleet.
void World::assign(Agent& agent) {
  agent.assignments_seen = agent.gate->assignments();
  const Instant now = local(agent);
  std::set<std::pair<std::string, std::string>> wanted;
  for (const gate::PoolSetup& setup : setting_.generations.at(agent.generation)) {
    const std::string& pool = setup.policy.pool;
    for (const gate::Member& member : setup.members) {
      if (!agent.gate->probes(pool, member.target)) continue;
      const auto name = std::pair(pool, member.target);
      wanted.insert(name);
      const auto id = agent.ids.emplace(name, static_cast<schedule::TargetId>(agent.ids.size())).first;
      const bool was_probing = agent.scheduler.contains(id->second);
      agent.targets[id->second] = name;
      Duration shift{};
      if (agent.clock.known()) shift = agent.gate->phase_shift(pool, member.target, now, agent.clock.at(now));
      agent.scheduler.set_target(id->second,
                                 {.key = pool + "/" + member.target,
                                  .interval = setup.policy.interval,
                                  .timeout = setup.timeout,
                                  .fast_interval = setup.health.fast_interval,
                                  .slow_interval = setup.health.down_interval,
                                  .phase_shift = shift / Duration(100ms) * Duration(100ms)},
                                 now);
      if (!was_probing) {
        agent.last_probe.erase(name);
        agent.scheduler.set_pace(id->second, schedule::Pace::kFast, now);
      }
    }
  }
  for (const auto& [name, id] : agent.ids) {
    if (!wanted.contains(name)) agent.scheduler.remove_target(id);
  }
}

void World::look(size_t index) {
  Agent& agent = agents_[index];
  if (!agent.running || agent.paused) return;
  const Instant now = local(agent);
  if (agent.gate->assignments() != agent.assignments_seen) assign(agent);
  for (const schedule::Due& due : agent.scheduler.due(now)) begin_probe(index, due);
  if (agent.gate->next_turn() <= now) {
    for (const std::string& pool : agent.gate->pools()) {
      if (agent.gate->next_turn(pool) <= now && !agent.turning.contains(pool)) begin_turn(index, pool);
    }
  }
  if (people_) people_->look(index);
  plan_wake(index);
}

void World::plan_wake(size_t index) {
  Agent& agent = agents_[index];
  Instant next = agent.scheduler.next_due();
  if (agent.turning.empty()) {
    next = std::min(next, agent.gate->next_turn());
  } else {
    for (const std::string& pool : agent.gate->pools()) {
      if (!agent.turning.contains(pool)) next = std::min(next, agent.gate->next_turn(pool));
    }
  }
  if (people_) next = std::min(next, people_->next_wake(index));
  if (next == Instant::max()) return;
  const Instant wake_at = std::max(now_ + 1us, global(agent, next));
  if (agent.wake_at > now_ && agent.wake_at <= wake_at) return;
  agent.wake_at = wake_at;
  schedule_event(wake_at, [this, index, life = agent.life] { on_agent(index, life, [] {}); });
}

// Probes
// -----------------------------------------------------------------------------------------------------------

void World::begin_probe(size_t index, const schedule::Due& due) {
  Agent& agent = agents_[index];
  ++counts_.probes;
  const auto& [pool, name] = agent.targets.at(due.id);
  const Target& target = this->target(pool, name);
  ++probes_of[{pool, name}];
  if (agent.stuck.contains({pool, name})) return;
  const Duration timeout = std::max(due.deadline - local(agent), Duration(1ms));
  const bool reachable = !agent.sick && !agent.cut_from.contains({pool, name});
  bool good = reachable && target.answers(now_);
  Duration takes = random_.between(1ms, 40ms);
  if (target.state == TargetState::kSlow) takes = random_.between(timeout / 2, timeout + timeout / 4);
  if (target.state == TargetState::kHangs || (!reachable && random_.below(2) == 0)) takes = timeout;
  if (takes >= timeout) {
    takes = timeout;
    good = false;
  }
  schedule_event(now_ + takes, [this, index, life = agent.life, id = due.id, good] {
    on_agent(index, life, [this, index, id, good] { end_probe(index, id, good); });
  });
}

void World::end_probe(size_t index, schedule::TargetId id, bool good) {
  Agent& agent = agents_[index];
  const Instant now = local(agent);
  const auto [pool, target] = agent.targets.at(id);
  agent.scheduler.finished(id, now);
  if (!agent.gate->probes(pool, target) || agent.gate->policy(pool) == nullptr) return;
  agent.last_probe[{pool, target}] = now_;
  referee_->on_probe(index, pool, target, good);
  const gate::Seen seen =
      agent.gate->observe(now, pool, target, good, good ? "ok" : reason_of(this->target(pool, target)));
  agent.scheduler.set_pace(id, pace_of(seen.attention), now);
}

// Turns
// ------------------------------------------------------------------------------------------------------------

void World::send(size_t index, const std::string& pool, std::shared_ptr<MemoryRedis::Session> session,
                 gate::Commands commands, std::function<void(Replies)> then, std::shared_ptr<Basis> basis) {
  Agent& agent = agents_[index];
  const uint64_t life = agent.life;
  const auto answered = std::make_shared<bool>(false);
  const auto answer = [this, index, life, answered, then](Replies replies) {
    on_agent(index, life, [answered, then, replies = std::move(replies)] {
      if (std::exchange(*answered, true)) return;
      then(replies);
    });
  };
  schedule_event(now_ + kCommandTimeout, [answer] { answer(nullptr); });
  const auto lost = [&] { return static_cast<int>(random_.below(100)) < agent.link.loss_percent; };
  if (agent.link.requests_lost || lost()) return;
  const bool reply_lost = lost();
  const Duration there = random_.between(100us, agent.link.delay_max);
  const Duration back = random_.between(100us, agent.link.delay_max);
  schedule_event(now_ + there, [this, index, pool, session, commands = std::move(commands), answer,
                                reply_lost, back, basis] {
    if (!redis_up_) return;
    const Replies replies = execute(pool, index, *session, commands, basis.get());
    // A partition that began meanwhile keeps the answer back.
    if (reply_lost || agents_[index].link.replies_lost) return;
    schedule_event(now_ + back, [answer, replies] { answer(replies); });
  });
}

World::Replies World::execute(const std::string& pool, size_t index, MemoryRedis::Session& session,
                              const gate::Commands& commands, Basis* basis) {
  const bool commits = !pool.empty() && commands.back().front() == "EXEC";
  const auto before = commits ? redis_.get(gate::pool_keys(pool).record) : std::nullopt;
  const auto replies = std::make_shared<const std::vector<RedisReply>>(redis_.run_all(session, commands));
  redis_.published.clear();
  for (const RedisReply& reply : *replies) {
    if (reply.kind == RedisReply::Kind::kError) throw Violation("Redis does not understand: " + reply.text);
  }
  if (basis == nullptr) return replies;
  if (commands.back().front() == "HGETALL") *basis = {now_, redis_time(), replies};
  if (commits && !replies->back().is_nil()) {
    ++counts_.commits;
    referee_->on_commit(index, pool, *basis, before);
  }
  return replies;
}

void World::begin_turn(size_t index, const std::string& pool) {
  Agent& agent = agents_[index];
  agent.turning.insert(pool);
  ++counts_.turns;
  const Instant asked = local(agent);
  const auto session = std::make_shared<MemoryRedis::Session>();
  if (!agent.clock.known()) {
    // Nothing may be stamped before Redis has said what time it is.
    send(index, pool, session, {{"TIME"}}, [this, index, pool, asked](const Replies& replies) {
      Agent& self = agents_[index];
      self.turning.erase(pool);
      const Instant now = local(self);
      if (!replies) {
        ++counts_.unreachable;
        self.gate->unreachable(pool, now, self.clock.at(now));
        return;
      }
      const auto& time = replies->front().items;
      self.clock.learn(asked, now,
                       from_unix_ms(std::stoll(time[0].text) * 1000 + std::stoll(time[1].text) / 1000));
    });
    return;
  }
  probe_api(agent, pool, asked);
  const gate::AgentVotes own = agent.gate->own_votes(pool, asked, agent.clock.at(asked));
  const bool publishes = !agent.gate->retiring(pool);
  const gate::PoolKeys keys = gate::pool_keys(pool);
  const std::vector<std::string> doubtful = agent.gate->doubtful_flags(pool);
  if (publishes) referee_->on_votes(agent.name, pool, own.at);
  const auto basis = std::make_shared<Basis>();
  send(
      index, pool, session, gate::read_plan(keys, publishes ? &own : nullptr, doubtful),
      [this, index, pool, asked, session, basis, doubtful](const Replies& replies) {
        Agent& self = agents_[index];
        const Instant now = local(self);
        if (!replies) {
          ++counts_.unreachable;
          self.turning.erase(pool);
          self.gate->unreachable(pool, now, self.clock.at(now));
          return;
        }
        decide(index, pool, asked, session, reading_of(*replies, doubtful), basis);
      },
      basis);
}

void World::decide(size_t index, const std::string& pool, Instant asked,
                   const std::shared_ptr<MemoryRedis::Session>& session, const gate::Reading& reading,
                   const std::shared_ptr<Basis>& basis) {
  Agent& agent = agents_[index];
  basis->generation = agent.generation;
  const Instant now = local(agent);
  agent.clock.learn(asked, now, reading.time);
  // An agent that was stopped in the middle must not act on what it knew before.
  const bool late = now - asked > kCommandTimeout;
  if (!late) referee_->on_look(index, pool, *basis);
  const auto facts =
      late ? Result<gate::PoolFacts>(unavailable("late")) : agent.gate->facts(pool, now, reading);
  if (facts.has_error()) {
    agent.turning.erase(pool);
    agent.gate->unreachable(pool, now, agent.clock.at(now));
    return;
  }
  const gate::GateEffects effects = agent.gate->tick(pool, now, *facts, reading.time);
  ++counts_.decisions;
  for (const gate::GateEvent& event : effects.events) {
    say_trace(fmt::format("{} wants to {} {}/{}: {}", agent.name, to_string(event.action), pool, event.target,
                          event.evidence));
  }
  if (!effects.commit) {
    agent.turning.erase(pool);
    return;
  }
  send(
      index, pool, session, gate::commit_plan(gate::pool_keys(pool), effects),
      [this, index, pool, effects](const Replies& outcome) {
        Agent& self = agents_[index];
        const Instant then = local(self);
        self.turning.erase(pool);
        if (!outcome) {
          ++counts_.unreachable;
          self.gate->unreachable(pool, then, self.clock.at(then));
        } else if (outcome->back().is_nil()) {
          ++counts_.conflicts;
          self.gate->conflicted(pool, then);
        } else {
          self.gate->committed(pool, effects);
          for (const gate::GateEvent& event : effects.events) {
            if (event.action == gate::Action::kDisable) ++disables_of[{pool, event.target}];
          }
        }
      },
      basis);
}

// The world's troubles
// ---------------------------------------------------------------------------------------------

void World::set_target(const std::string& pool, const std::string& name, TargetState state,
                       Duration flap_period) {
  for (Target& target : pools_.at(pool)) {
    if (target.name != name) continue;
    target.state = state;
    target.since = now_;
    target.flap_period = flap_period;
    say_trace(fmt::format("{}/{} {}", pool, name, to_string(state)));
    return;
  }
  throw std::invalid_argument("no target " + name + " in pool " + pool);
}

void World::say(const std::string& pool, const gate::Override& word) {
  MemoryRedis::Session session;
  if (!redis_up_) return;
  redis_.run_all(session, gate::override_plan(gate::pool_keys(pool), word));
  say_trace(fmt::format("operator: {} {}/{}", to_string(word.action), pool, word.target));
}

void World::unsay(const std::string& pool, const std::string& target) {
  MemoryRedis::Session session;
  if (!redis_up_) return;
  redis_.run_all(session, gate::withdraw_plan(gate::pool_keys(pool), target, "operator", redis_time()));
}

void World::set_redis_up(bool up) {
  redis_up_ = up;
  say_trace(up ? "redis is back" : "redis is down");
}

void World::fail_over(Duration lost, Duration clock_difference) {
  redis_.lose_writes_after(redis_.time() - to_ms(lost));
  redis_offset_ += clock_difference;
  redis_.set_time(redis_time());
  if (clock_difference < Duration::zero()) referee_->on_set_back(-clock_difference);
  if (people_) people_->on_redis_disturbed({});
  say_trace("redis fails over");
}

void World::step_redis_clock(Duration by) {
  redis_offset_ += by;
  redis_.set_time(redis_time());
  const Duration back = std::max(-by, Duration{});
  if (back > Duration::zero()) referee_->on_set_back(back);
  if (people_) people_->on_redis_disturbed(back);
  say_trace(fmt::format("redis's clock steps by {} s", to_seconds(by)));
}

void World::flush_redis() {
  for (const std::string& key : redis_.keys()) redis_.remove(key);
  if (people_) people_->on_redis_disturbed({});
  say_trace("redis loses everything");
}

void World::damage_record(const std::string& pool) {
  referee_->on_record_damaged(pool);
  redis_.set(gate::pool_keys(pool).record, "{\"version\":1,");
  say_trace("the record of " + pool + " is damaged");
}

void World::lose_record(const std::string& pool) {
  referee_->on_record_damaged(pool);
  redis_.remove(gate::pool_keys(pool).record);
  say_trace("the record of " + pool + " is gone");
}

}  // namespace sluice::sim
