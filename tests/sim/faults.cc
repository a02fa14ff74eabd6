#include "tests/sim/faults.h"

#include <algorithm>

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
  const uint64_t kind = random.below(20);
  setting.agents = kind < 4    ? 1
                   : kind < 17 ? 2 + static_cast<int>(random.below(6))
                               : 10 + static_cast<int>(random.below(kind == 19 ? 191 : 30));
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

World::Agent& Chaos::any_agent(size_t& index) {
  index = world_.random().below(world_.agents().size());
  return world_.agents()[index];
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

void Chaos::break_something() {
  Random& random = world_.random();
  const Duration length = seconds(random, 3, 120);
  size_t index = 0;
  World::Agent& agent = any_agent(index);
  switch (random.below(22)) {
    case 0:
      for (const size_t i : some_agents()) {
        world_.note_fault("agent killed", world_.agents()[i].name);
        world_.kill(i);
        world_.at(length, [this, i] { world_.start(i); });
      }
      return;
    case 1:
      world_.note_fault("agent restarted", agent.name);
      world_.stop(index);
      world_.at(seconds(random, 1, 20), [this, index] { world_.start(index); });
      return;
    case 2:
      for (const size_t i : some_agents()) {
        world_.note_fault("agent paused", world_.agents()[i].name);
        world_.pause(i);
        world_.at(length, [this, i] { world_.resume(i); });
      }
      return;
    case 3:
    case 4: {
      const uint64_t direction = random.below(3);
      for (const size_t i : some_agents()) {
        Link& link = world_.agents()[i].link;
        link.requests_lost = direction != 1;
        link.replies_lost = direction != 0;
        world_.note_fault(direction == 2 ? "partition" : "asymmetric partition", world_.agents()[i].name);
        world_.at(length, [this, i] {
          world_.agents()[i].link.requests_lost = world_.agents()[i].link.replies_lost = false;
        });
      }
      return;
    }
    case 5:
      world_.note_fault("loss", agent.name);
      agent.link.loss_percent = static_cast<int>(5 + random.below(60));
      world_.at(length, [this, index] { world_.agents()[index].link.loss_percent = 0; });
      return;
    case 6:
      for (const size_t i : some_agents()) {
        world_.note_fault("delay", world_.agents()[i].name);
        world_.agents()[i].link.delay_max = seconds(random, 1, 4);
        world_.at(length, [this, i] { world_.agents()[i].link.delay_max = 5ms; });
      }
      return;
    case 7:
      world_.note_fault("redis down", "");
      world_.set_redis_up(false);
      world_.at(length, [this] { world_.set_redis_up(true); });
      return;
    case 8:
    case 9: {
      const Duration lost = random.between(0s, 1s);
      world_.note_fault("redis fail-over", format_duration(lost));
      world_.fail_over(lost, random.between(-500ms, 500ms));
      return;
    }
    case 10:
      world_.note_fault("redis clock step", "");
      world_.step_redis_clock(random.between(-120s, 120s));
      return;
    case 11:
      if (random.below(3) != 0) return;
      world_.note_fault("redis data lost", "");
      world_.flush_redis();
      return;
    case 12:
    case 13:
    case 14: {
      const std::pair<std::string, std::string> name = any_target();
      const std::string& pool = name.first;
      const std::string& target = name.second;
      const TargetState states[] = {TargetState::kRefuses, TargetState::kHangs, TargetState::kSlow,
                                    TargetState::kFlaps};
      const TargetState state = states[random.below(4)];
      world_.note_fault(fmt::format("target {}", to_string(state)), pool + "/" + target);
      world_.set_target(pool, target, state, seconds(random, 3, 40));
      world_.at(length * 2, [this, name] { world_.set_target(name.first, name.second, TargetState::kUp); });
      return;
    }
    case 15: {
      const bool everywhere = random.below(3) == 0;
      const std::string only = any_target().first;
      world_.note_fault("correlated outage", everywhere ? "all pools" : only);
      for (const auto& [pool, targets] : world_.pools()) {
        if (!everywhere && pool != only) continue;
        std::vector<std::string> names;
        for (const Target& target : targets) names.push_back(target.name);
        for (const std::string& target : names) {
          if (random.below(5) == 0) continue;
          world_.set_target(pool, target, TargetState::kRefuses);
          world_.at(length, [this, name = std::pair(pool, target)] {
            world_.set_target(name.first, name.second, TargetState::kUp);
          });
        }
      }
      return;
    }
    case 16:
      world_.note_fault("sick vantage", agent.name);
      agent.sick = true;
      world_.at(length, [this, index] { world_.agents()[index].sick = false; });
      return;
    case 17: {
      const auto name = any_target();
      for (const size_t i : some_agents()) {
        world_.note_fault("path cut", world_.agents()[i].name + " to " + name.first + "/" + name.second);
        world_.agents()[i].cut_from.insert(name);
        world_.at(length, [this, i, name] { world_.agents()[i].cut_from.erase(name); });
      }
      return;
    }
    case 18:
    case 19: {
      const size_t generation = random.below(world_.setting().generations.size());
      for (const size_t i : some_agents()) {
        world_.note_fault("reload", world_.agents()[i].name);
        world_.reload(i, generation);
      }
      return;
    }
    case 20: {
      const std::pair<std::string, std::string> name = any_target();
      const std::string& pool = name.first;
      const std::string& target = name.second;
      gate::Override word{.target = target,
                          .action = static_cast<gate::Override::Action>(random.below(4)),
                          .at = world_.redis_time(),
                          .until = world_.redis_time() + to_ms(length),
                          .reason = "chaos",
                          .by = "ann"};
      if (word.action == gate::Override::Action::kFreeze) word.target.clear();
      world_.note_fault("operator's word", std::string(to_string(word.action)));
      world_.say(pool, word);
      if (random.below(2) == 0) {
        world_.at(length / 2, [this, name, word] { world_.unsay(name.first, gate::override_field(word)); });
      }
      return;
    }
    default:
      if (random.below(3) != 0) return;
      const std::string pool = any_target().first;
      if (random.below(2) == 0) {
        world_.note_fault("record damaged", pool);
        world_.damage_record(pool);
      } else {
        world_.note_fault("record lost", pool);
        world_.lose_record(pool);
      }
  }
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
  for (const auto& [pool, targets] : world_.pools()) {
    std::vector<std::string> names;
    for (const Target& target : targets) names.push_back(target.name);
    for (const std::string& name : names) world_.set_target(pool, name, TargetState::kUp);
    world_.unsay(pool, "*");
    for (const std::string& name : names) world_.unsay(pool, name);
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
  }
}

}  // namespace

Counts run_seed(uint64_t seed, Duration time, bool verbose) {
  Random random(seed);
  World world(random_setting(random), seed);
  world.verbose = verbose;
  play(world, time);
  return world.counts();
}

Outcome try_seed(uint64_t seed, Duration time, bool verbose) {
  Random random(seed);
  World world(random_setting(random), seed);
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
  outcome.counts = world.counts();
  outcome.simulated = world.now() - begin;
  return outcome;
}

}  // namespace sluice::sim
