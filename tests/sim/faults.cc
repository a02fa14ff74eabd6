#include "tests/sim/faults.h"

#include <algorithm>

#include "tests/sim/people.h"
#include "tests/sim/referee.h"

namespace sluice::sim {
namespace {

Duration seconds(Random& random, int low, int high) {
  return std::chrono::seconds(low + static_cast<int>(random.below(static_cast<uint64_t>(high - low + 1))));
}

gate::PoolSetup random_pool(Random& random, const std::string& name) {
  gate::PoolSetup setup;
  gate::PoolPolicy& policy = setup.policy;
  policy.pool = name;
  policy.flag.key = "off:{pool}:{target}";
  policy.flag.ttl = seconds(random, 15, 90);
  policy.interval = seconds(random, 2, 15);
  policy.max_disabled_percent = random.below(3) == 0 ? static_cast<int>(random.below(101)) : 50;
  policy.min_available = static_cast<int>(random.below(3));
  policy.disable_time = {
      .base = seconds(random, 5, 15), .max = seconds(random, 15, 60), .decay = {}, .jitter_percent = 10};
  policy.min_zones = random.below(5) == 0 ? 2 : 1;
  policy.vantages = static_cast<int>(random.below(8));
  policy.freeze_window = seconds(random, 10, 60);
  policy.eject_for = random.below(4) == 0 ? seconds(random, 1, 10) : 0s;
  policy.release_for = random.below(4) == 0 ? seconds(random, 1, 10) : 0s;
  if (random.below(3) == 0) {
    policy.efficacy = {.job = "api of " + name,
                       .window = 2 * policy.interval + seconds(random, 5, 40),
                       .hold = seconds(random, 10, 120)};
  }
  if (random.below(4) == 0) {
    policy.slow_start = seconds(random, 5, 30);
    policy.flag.encoding = gate::FlagEncoding::kJson;
  }
  setup.health = {.rise = 1 + static_cast<int>(random.below(3)),
                  .fall = 1 + static_cast<int>(random.below(4)),
                  .fast_interval = 1s,
                  .down_interval = random.below(2) == 0 ? 2 * policy.interval : Duration{}};
  setup.timeout = seconds(random, 1, 5);
  const uint64_t members = 1 + random.below(random.below(5) == 0 ? 20 : 6);
  for (uint64_t i = 0; i < members; ++i) {
    setup.members.push_back({fmt::format("t{}", i), fmt::format("t{}", i), i == 0 && random.below(6) == 0});
  }
  setup.config = name + "/g0";
  return setup;
}

gate::PoolSetup changed(Random& random, gate::PoolSetup setup, size_t generation) {
  switch (random.below(6)) {
    case 0:
      setup.policy.max_disabled_percent = static_cast<int>(random.below(101));
      break;
    case 1:
      setup.policy.min_available = static_cast<int>(random.below(4));
      break;
    case 2:
      setup.members.push_back({fmt::format("new{}", generation), fmt::format("new{}", generation), false});
      break;
    case 3:
      if (setup.members.size() > 1) setup.members.pop_back();
      break;
    case 4:
      setup.health.fall = 1 + static_cast<int>(random.below(5));
      break;
    default:
      setup.policy.flag.key = fmt::format("off:{{pool}}:v{}:{{target}}", generation);
      break;
  }
  setup.config = fmt::format("{}/g{}", setup.policy.pool, generation);
  return setup;
}

}  // namespace

Setting random_setting(Random& random) {
  Setting setting;
  // Mostly small fleets, as most are; now and then a big one.
  const uint64_t kind = random.below(40);
  setting.agents = kind < 8    ? 1
                   : kind < 37 ? 2 + static_cast<int>(random.below(6))
                               : 10 + static_cast<int>(random.below(kind == 39 ? 191 : 30));
  setting.zones = 1 + static_cast<int>(random.below(3));
  const uint64_t pools = setting.agents > 50 ? 1 : 1 + random.below(4);
  std::vector<gate::PoolSetup> first;
  for (uint64_t i = 0; i < pools; ++i) first.push_back(random_pool(random, fmt::format("p{}", i)));
  // Zones can only be asked for when there are some.
  for (gate::PoolSetup& setup : first) {
    const bool enough = setting.zones >= 2 && setting.agents >= 2 && setup.policy.vantages == 0;
    if (!enough) setup.policy.min_zones = 1;
  }
  setting.generations.push_back(first);
  for (size_t generation = 1; generation < 3; ++generation) {
    std::vector<gate::PoolSetup> next;
    for (const gate::PoolSetup& setup : setting.generations.back()) {
      next.push_back(random.below(2) == 0 ? changed(random, setup, generation) : setup);
    }
    if (next.size() > 1 && random.below(4) == 0) next.pop_back();
    setting.generations.push_back(std::move(next));
  }
  return setting;
}

size_t Chaos::any_agent() {
  return world_.random().below(world_.agents().size());
}

// One, a zone, a minority, a majority, or all of them.
std::vector<size_t> Chaos::some_agents() {
  Random& random = world_.random();
  const size_t count = world_.agents().size();
  std::vector<size_t> out;
  switch (random.below(5)) {
    case 0:
      out.push_back(random.below(count));
      break;
    case 1: {
      const std::string& zone = world_.agents()[random.below(count)].zone;
      for (size_t i = 0; i < count; ++i) {
        if (world_.agents()[i].zone == zone) out.push_back(i);
      }
      break;
    }
    case 2: {
      const size_t first = random.below(count);
      for (size_t i = 0; i < (count + 2) / 3; ++i) out.push_back((first + i) % count);
      break;
    }
    case 3: {
      const size_t first = random.below(count);
      for (size_t i = 0; i < count / 2 + 1; ++i) out.push_back((first + i) % count);
      break;
    }
    default:
      for (size_t i = 0; i < count; ++i) out.push_back(i);
  }
  return out;
}

std::pair<std::string, std::string> Chaos::any_target() {
  auto pool = world_.pools().begin();
  std::advance(pool, world_.random().below(world_.pools().size()));
  return {pool->first, pool->second[world_.random().below(pool->second.size())].name};
}

// One row per way to break something; the weight is how often it is drawn.
const Chaos::Fault Chaos::kFaults[] = {
    {3, &Chaos::kill_agents},          {3, &Chaos::restart_agent},
    {3, &Chaos::pause_agents},         {6, &Chaos::cut_agents},
    {3, &Chaos::lose_messages},        {3, &Chaos::delay_messages},
    {3, &Chaos::stop_redis},           {6, &Chaos::fail_redis_over},
    {3, &Chaos::step_redis_clock},     {1, &Chaos::flush_redis},
    {9, &Chaos::break_target},         {3, &Chaos::break_pools},
    {3, &Chaos::make_agent_sick},      {3, &Chaos::cut_paths},
    {6, &Chaos::reload_agents},        {3, &Chaos::speak_as_operator},
    {1, &Chaos::lose_record},          {3, &Chaos::break_api},
    {3, &Chaos::cut_reader},           {4, &Chaos::break_receiver, true},
    {2, &Chaos::silence_target, true},
};

void Chaos::break_something() {
  const auto possible = [&](const Fault& fault) { return !fault.of_people || world_.people() != nullptr; };
  uint64_t weights = 0;
  for (const Fault& fault : kFaults) weights += possible(fault) ? fault.weight : 0;
  uint64_t drawn = world_.random().below(weights);
  length_ = seconds(world_.random(), 3, 120);
  for (const Fault& fault : kFaults) {
    if (!possible(fault)) continue;
    if (drawn < fault.weight) return (this->*fault.apply)();
    drawn -= fault.weight;
  }
}

void Chaos::kill_agents() {
  for (const size_t i : some_agents()) {
    world_.note_fault("agent killed", world_.agents()[i].name);
    world_.kill(i);
    world_.at(length_, [this, i] { world_.start(i); });
  }
}

void Chaos::restart_agent() {
  const size_t i = any_agent();
  world_.note_fault("agent restarted", world_.agents()[i].name);
  world_.stop(i);
  world_.at(length_ / 6, [this, i] { world_.start(i); });
}

void Chaos::pause_agents() {
  for (const size_t i : some_agents()) {
    world_.note_fault("agent paused", world_.agents()[i].name);
    world_.pause(i);
    world_.at(length_, [this, i] { world_.resume(i); });
  }
}

void Chaos::cut_agents() {
  const uint64_t direction = world_.random().below(3);
  for (const size_t i : some_agents()) {
    Link& link = world_.agents()[i].link;
    link.requests_lost = direction != 1;
    link.replies_lost = direction != 0;
    world_.note_fault(direction == 2 ? "partition" : "asymmetric partition", world_.agents()[i].name);
    world_.at(length_, [this, i] {
      Link& healed = world_.agents()[i].link;
      healed.requests_lost = healed.replies_lost = false;
    });
  }
}

void Chaos::lose_messages() {
  const size_t i = any_agent();
  world_.note_fault("loss", world_.agents()[i].name);
  world_.agents()[i].link.loss_percent = static_cast<int>(5 + world_.random().below(60));
  world_.at(length_, [this, i] { world_.agents()[i].link.loss_percent = 0; });
}

void Chaos::delay_messages() {
  for (const size_t i : some_agents()) {
    world_.note_fault("delay", world_.agents()[i].name);
    world_.agents()[i].link.delay_max = seconds(world_.random(), 1, 4);
    world_.at(length_, [this, i] { world_.agents()[i].link.delay_max = Link{}.delay_max; });
  }
}

void Chaos::stop_redis() {
  world_.note_fault("redis down", "");
  world_.set_redis_up(false);
  world_.at(length_, [this] { world_.set_redis_up(true); });
}

void Chaos::fail_redis_over() {
  const Duration lost = world_.random().between(0s, 1s);
  world_.note_fault("redis fail-over", format_duration(lost));
  world_.fail_over(lost, world_.random().between(-500ms, 500ms));
}

void Chaos::step_redis_clock() {
  world_.note_fault("redis clock step", "");
  world_.step_redis_clock(world_.random().between(-120s, 120s));
}

void Chaos::flush_redis() {
  world_.note_fault("redis data lost", "");
  world_.flush_redis();
}

void Chaos::break_target() {
  Random& random = world_.random();
  const auto name = any_target();
  const TargetState states[] = {TargetState::kRefuses, TargetState::kHangs, TargetState::kSlow,
                                TargetState::kFlaps, TargetState::kImpostor};
  const TargetState state = states[random.below(std::size(states))];
  world_.note_fault(fmt::format("target {}", to_string(state)), name.first + "/" + name.second);
  world_.set_target(name.first, name.second, state, seconds(random, 3, 40));
  world_.at(length_ * 2, [this, name] { world_.set_target(name.first, name.second, TargetState::kUp); });
}

// Most of a pool at once, or most of everything.
void Chaos::break_pools() {
  const bool everywhere = world_.random().below(3) == 0;
  const std::string only = any_target().first;
  world_.note_fault("correlated outage", everywhere ? "all pools" : only);
  for (const std::string& pool : world_.pool_names()) {
    if (!everywhere && pool != only) continue;
    for (const std::string& target : world_.target_names(pool)) {
      if (world_.random().below(5) == 0) continue;
      world_.set_target(pool, target, TargetState::kRefuses);
      world_.at(length_, [this, pool, target] { world_.set_target(pool, target, TargetState::kUp); });
    }
  }
}

void Chaos::make_agent_sick() {
  const size_t i = any_agent();
  world_.note_fault("sick vantage", world_.agents()[i].name);
  world_.agents()[i].sick = true;
  world_.at(length_, [this, i] { world_.agents()[i].sick = false; });
}

void Chaos::cut_paths() {
  const auto name = any_target();
  for (const size_t i : some_agents()) {
    world_.note_fault("path cut", world_.agents()[i].name + " to " + name.first + "/" + name.second);
    world_.agents()[i].cut_from.insert(name);
    world_.at(length_, [this, i, name] { world_.agents()[i].cut_from.erase(name); });
  }
}

void Chaos::reload_agents() {
  const size_t generation = world_.random().below(world_.setting().generations.size());
  for (const size_t i : some_agents()) {
    world_.note_fault("reload", world_.agents()[i].name);
    world_.reload(i, generation);
  }
}

void Chaos::speak_as_operator() {
  const auto name = any_target();
  gate::Override word{.target = name.second,
                      .action = static_cast<gate::Override::Action>(world_.random().below(4)),
                      .at = world_.redis_time(),
                      .until = world_.redis_time() + to_ms(length_),
                      .reason = "chaos",
                      .by = "ann"};
  if (word.action == gate::Override::Action::kFreeze) word.target.clear();
  world_.note_fault("operator's word", std::string(to_string(word.action)));
  world_.say(name.first, word);
  if (world_.random().below(2) == 0) return;
  world_.at(length_ / 2, [this, name, word] { world_.unsay(name.first, gate::override_field(word)); });
}

void Chaos::lose_record() {
  const std::string pool = any_target().first;
  if (world_.random().below(2) == 0) {
    world_.note_fault("record damaged", pool);
    world_.damage_record(pool);
  } else {
    world_.note_fault("record lost", pool);
    world_.lose_record(pool);
  }
}

void Chaos::break_api() {
  const std::string pool = any_target().first;
  world_.note_fault("api broken", pool);
  world_.break_api(pool, true);
  world_.at(length_, [this, pool] { world_.break_api(pool, false); });
}

void Chaos::cut_reader() {
  const size_t i = world_.random().below(world_.readers().size());
  world_.note_fault("reader cut off", world_.readers()[i].pool);
  world_.readers()[i].cut = true;
  world_.at(length_, [this, i] { world_.readers()[i].cut = false; });
}

void Chaos::break_receiver() {
  const bool down = world_.random().below(2) == 0;
  world_.note_fault(down ? "receiver down" : "receiver's answers lost", "");
  world_.people()->set_receiver(!down, !down);
  world_.at(length_, [this] { world_.people()->set_receiver(true, false); });
}

void Chaos::silence_target() {
  const auto [pool, target] = any_target();
  world_.note_fault("silence", pool + "/" + target);
  world_.people()->silence(any_agent(), pool, target, length_);
}

void Chaos::run(Duration time, Duration pace) {
  const Instant end = world_.now() + time;
  while (world_.now() < end) {
    world_.run_for(std::min(world_.random().between(0s, 2 * pace), end - world_.now()));
    break_something();
  }
}

void Chaos::heal_all(size_t generation) {
  Random& random = world_.random();
  world_.set_redis_up(true);
  for (size_t i = 0; i < world_.agents().size(); ++i) {
    World::Agent& agent = world_.agents()[i];
    agent.link = {};
    agent.sick = false;
    agent.cut_from.clear();
    world_.resume(i);
    world_.start(i);
    world_.reload(i, generation);
  }
  for (Reader& reader : world_.readers()) reader.cut = reader.stopped = false;
  if (world_.people() != nullptr) world_.people()->set_receiver(true, false);
  for (const std::string& pool : world_.pool_names()) {
    world_.break_api(pool, false);
    const std::vector<std::string> names = world_.target_names(pool);
    world_.unsay(pool, "*");
    for (const std::string& name : names) {
      world_.set_target(pool, name, TargetState::kUp);
      world_.unsay(pool, name);
    }
    if (random.below(2) == 0)
      world_.set_target(pool, names[random.below(names.size())], TargetState::kRefuses);
  }
}

namespace {

void play(World& world, Duration time) {
  Chaos chaos(world);
  const Instant end = world.now() + time;
  Random& random = world.random();
  world.run_for(seconds(random, 10, 120));
  while (world.now() < end) {
    chaos.run(seconds(random, 60, 600), seconds(random, 2, 40));
    // What was to heal by itself must not end in the calm: it is past by then.
    const size_t generation = random.below(world.setting().generations.size());
    chaos.heal_all(generation);
    world.run_for(250s);
    chaos.heal_all(generation);
    world.calm_since = world.now();
    world.say_trace("calm");
    world.run_for(world.referee().settling_time());
    world.referee().check_settled(generation);
    if (world.people() != nullptr) world.people()->check_settled(generation);
  }
}

}  // namespace

namespace {

Counts counts_of(World& world) {
  Counts counts = world.counts();
  counts.commands = world.redis().commands;
  counts.bytes_in = world.redis().bytes_in;
  counts.bytes_out = world.redis().bytes_out;
  return counts;
}

}  // namespace

Outcome run_steadily(int agents, int members, Duration interval, Duration time) {
  gate::PoolSetup setup;
  setup.policy.pool = "auth";
  setup.policy.flag.key = "off:{pool}:{target}";
  setup.policy.interval = interval;
  setup.config = "0123456789abcdef";
  for (int i = 0; i < members; ++i) {
    const std::string name = fmt::format("https://auth-{:05}.example.com", i);
    setup.members.push_back({name, name, false});
  }
  World world({.agents = agents, .zones = 3, .generations = {{setup}}}, 1);
  world.run_for(60s);
  const Counts before = counts_of(world);
  world.run_for(time);
  Outcome outcome;
  outcome.counts = counts_of(world);
  outcome.counts.probes -= before.probes;
  outcome.counts.turns -= before.turns;
  outcome.counts.commits -= before.commits;
  outcome.counts.commands -= before.commands;
  outcome.counts.bytes_in -= before.bytes_in;
  outcome.counts.bytes_out -= before.bytes_out;
  outcome.simulated = time;
  return outcome;
}

Outcome try_seed(uint64_t seed, Duration time, bool alerts, bool verbose) {
  Random random(seed);
  Setting setting = random_setting(random);
  setting.alerts = alerts;
  World world(std::move(setting), seed);
  world.verbose = verbose;
  Outcome outcome;
  const Instant begin = world.now();
  try {
    play(world, time);
  } catch (const Violation& violation) {
    outcome.violation = violation.what();
    outcome.step = world.step();
  }
  outcome.trace.assign(world.trace().begin(), world.trace().end());
  outcome.counts = counts_of(world);
  outcome.simulated = world.now() - begin;
  return outcome;
}

}  // namespace sluice::sim
