#include "tests/sim/scenario.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/sim/people.h"
#include "tests/sim/referee.h"

namespace sluice::sim {
namespace {

using Words = std::vector<std::string>;

// A mistake in the scenario itself.
struct BadScenario : std::runtime_error {
  using std::runtime_error::runtime_error;
};

Duration duration_of(const std::string& text) {
  const bool negative = text.starts_with("-");
  const auto parsed = parse_duration(negative ? text.substr(1) : text);
  if (parsed.has_error()) throw BadScenario("not a duration: " + text);
  return negative ? -*parsed : *parsed;
}

std::pair<std::string, std::string> target_of(const std::string& text) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos) throw BadScenario("not a pool/target: " + text);
  return {text.substr(0, slash), text.substr(slash + 1)};
}

void set_option(gate::PoolSetup& setup, const std::string& key, const std::string& value) {
  gate::PoolPolicy& policy = setup.policy;
  const auto number = [&] { return std::stoi(value); };
  if (key == "members") {
    setup.members.clear();
    for (int i = 0; i < number(); ++i)
      setup.members.push_back({fmt::format("t{}", i), fmt::format("t{}", i), false});
  } else if (key == "store") {
    for (gate::Member& member : setup.members) member.carries_the_flags = member.target == value;
  } else if (key == "interval") {
    policy.interval = duration_of(value);
  } else if (key == "timeout") {
    setup.timeout = duration_of(value);
  } else if (key == "ttl") {
    policy.flag.ttl = duration_of(value);
  } else if (key == "base") {
    policy.disable_time.base = duration_of(value);
  } else if (key == "max") {
    policy.disable_time.max = duration_of(value);
  } else if (key == "decay") {
    policy.disable_time.decay = duration_of(value);
  } else if (key == "percent") {
    policy.max_disabled_percent = number();
  } else if (key == "min_available") {
    policy.min_available = number();
  } else if (key == "min_zones") {
    policy.min_zones = number();
  } else if (key == "vantages") {
    policy.vantages = number();
  } else if (key == "freeze_percent") {
    policy.freeze_percent = number();
  } else if (key == "slow_start") {
    policy.slow_start = duration_of(value);
    policy.flag.encoding = gate::FlagEncoding::kJson;
  } else if (key == "efficacy") {
    setup.policy.efficacy.job = "api";
    setup.policy.efficacy.window = duration_of(value);
  } else if (key == "hold") {
    setup.policy.efficacy.hold = duration_of(value);
  } else if (key == "rise") {
    setup.health.rise = number();
  } else if (key == "fall") {
    setup.health.fall = number();
  } else if (key == "fast") {
    setup.health.fast_interval = duration_of(value);
  } else if (key == "down_interval") {
    setup.health.down_interval = duration_of(value);
  } else {
    throw BadScenario("unknown option " + key);
  }
}

class Player {
 public:
  void play(const Words& words) {
    const std::string& verb = words[0];
    if (verb == "fleet" || verb == "pool" || verb == "generation") return configure(words);
    if (!world_) world_ = std::make_unique<World>(setting_, 1);
    if (verb == "run") return world_->run_for(duration_of(words.at(1)));
    if (verb == "expect") return expect(Words(words.begin() + 1, words.end()));
    if (verb == "count") {
      probes_before_ = world_->probes_of;
      disables_before_ = world_->disables_of;
      return;
    }
    if (verb == "calm") {
      world_->calm_since = world_->now();
      return;
    }
    if (verb == "settled") {
      const size_t generation = words.size() > 1 ? std::stoul(words[1]) : 0;
      world_->referee().check_settled(generation);
      if (world_->people() != nullptr) world_->people()->check_settled(generation);
      return;
    }
    world_->note_fault(verb, words.size() > 1 ? words.back() : "");
    break_or_mend(words);
  }

  std::string trace() const {
    std::string out;
    if (!world_) return out;
    const auto& lines = world_->trace();
    for (size_t i = lines.size() > 40 ? lines.size() - 40 : 0; i < lines.size(); ++i) out += lines[i] + "\n";
    return out;
  }

 private:
  void configure(const Words& words) {
    if (world_) throw BadScenario("the configuration comes first");
    if (setting_.generations.empty()) setting_.generations.emplace_back();
    if (words[0] == "generation") {
      setting_.generations.push_back(setting_.generations.back());
      return;
    }
    if (words[0] == "fleet") {
      for (size_t i = 1; i < words.size(); ++i) {
        const auto value = std::stoi(words[i].substr(words[i].find('=') + 1));
        if (words[i].starts_with("alerts")) {
          setting_.alerts = value != 0;
          continue;
        }
        (words[i].starts_with("agents") ? setting_.agents : setting_.zones) = value;
      }
      return;
    }
    auto& generation = setting_.generations.back();
    auto setup = std::find_if(generation.begin(), generation.end(),
                              [&](const gate::PoolSetup& s) { return s.policy.pool == words.at(1); });
    if (setup == generation.end()) {
      gate::PoolSetup fresh;
      fresh.policy.pool = words.at(1);
      fresh.policy.flag.key = "off:{pool}:{target}";
      fresh.policy.flag.ttl = 60s;
      fresh.policy.interval = 5s;
      fresh.policy.vantages = 0;
      fresh.policy.disable_time = {.base = 10s, .max = 60s, .decay = {}, .jitter_percent = 10};
      fresh.health.fast_interval = 1s;
      fresh.timeout = 2s;
      generation.push_back(fresh);
      setup = generation.end() - 1;
    }
    for (size_t i = 2; i < words.size(); ++i) {
      const size_t at = words[i].find('=');
      set_option(*setup, words[i].substr(0, at), words[i].substr(at + 1));
    }
    setup->config = fmt::format("{}/g{}", setup->policy.pool, setting_.generations.size() - 1);
  }

  // "n1 n3 z0 all": agents by name, a zone, or every one.
  std::vector<size_t> agents_of(const Words& words, size_t first, size_t last) const {
    std::vector<size_t> out;
    for (size_t w = first; w < last; ++w) {
      const size_t before = out.size();
      for (size_t i = 0; i < world_->agents().size(); ++i) {
        const World::Agent& agent = world_->agents()[i];
        if (words[w] == agent.name || words[w] == agent.zone || words[w] == "all") out.push_back(i);
      }
      if (out.size() == before) throw BadScenario("no agent " + words[w]);
    }
    return out;
  }

  void break_or_mend(const Words& words) {
    const std::string& verb = words[0];
    if (verb == "target") {
      const auto [pool, target] = target_of(words.at(1));
      for (const TargetState state : {TargetState::kUp, TargetState::kRefuses, TargetState::kHangs,
                                      TargetState::kSlow, TargetState::kFlaps, TargetState::kImpostor}) {
        if (words.at(2) == to_string(state)) {
          world_->set_target(pool, target, state, words.size() > 3 ? duration_of(words[3]) : 20s);
          return;
        }
      }
      throw BadScenario("no such state: " + words[2]);
    }
    if (verb == "redis") return trouble_redis(words);
    if (verb == "record") {
      if (words.at(1) == "lost") return world_->lose_record(words.at(2));
      return world_->damage_record(words.at(2));
    }
    if (verb == "operator") {
      const auto [pool, target] = target_of(words.at(2));
      const auto action = gate::override_action(words[1]);
      if (!action) throw BadScenario("no such word: " + words[1]);
      world_->say(pool, {.target = target == "*" ? "" : target,
                         .action = *action,
                         .at = world_->redis_time(),
                         .until = world_->redis_time() + to_ms(duration_of(words.at(3))),
                         .reason = "scenario",
                         .by = "ann"});
      return;
    }
    if (verb == "api") return world_->break_api(words.at(1), words.at(2) == "broken");
    if (verb == "reader") {
      for (Reader& reader : world_->readers()) {
        if (reader.pool == words.at(1)) reader.cut = words.at(2) == "cut";
      }
      return;
    }
    if (verb == "receiver") {
      const std::string& how = words.at(1);
      return people().set_receiver(how != "down", how == "loses-answers");
    }
    if (verb == "silence") {
      const auto [pool, target] = target_of(words.at(2));
      return people().silence(agents_of(words, 1, 2).front(), pool, target, duration_of(words.at(3)));
    }
    if (verb == "withdraw") {
      const auto [pool, target] = target_of(words.at(1));
      return world_->unsay(pool, target);
    }
    if (verb == "path" || verb == "mend" || verb == "stick") {
      for (const size_t i : agents_of(words, 1, words.size() - 1)) {
        World::Agent& agent = world_->agents()[i];
        if (verb == "path") agent.cut_from.insert(target_of(words.back()));
        if (verb == "mend") agent.cut_from.erase(target_of(words.back()));
        if (verb == "stick") agent.stuck.insert(target_of(words.back()));
      }
      return;
    }
    if (verb == "reload" || verb == "lossy") {
      for (const size_t i : agents_of(words, 2, words.size())) {
        if (verb == "reload") world_->reload(i, std::stoul(words[1]));
        if (verb == "lossy") world_->agents()[i].link.loss_percent = std::stoi(words[1]);
      }
      return;
    }
    for (const size_t i : agents_of(words, 1, words.size())) {
      World::Agent& agent = world_->agents()[i];
      if (verb == "kill")
        world_->kill(i);
      else if (verb == "stop")
        world_->stop(i);
      else if (verb == "start")
        world_->start(i);
      else if (verb == "pause")
        world_->pause(i);
      else if (verb == "resume")
        world_->resume(i);
      else if (verb == "sick")
        agent.sick = true;
      else if (verb == "well")
        agent.sick = false;
      else if (verb == "cut")
        agent.link.requests_lost = agent.link.replies_lost = true;
      else if (verb == "cut-replies")
        agent.link.replies_lost = true;
      else if (verb == "join")
        agent.link = {};
      else
        throw BadScenario("unknown command " + verb);
    }
  }

  void trouble_redis(const Words& words) {
    const std::string& what = words.at(1);
    if (what == "down")
      world_->set_redis_up(false);
    else if (what == "up")
      world_->set_redis_up(true);
    else if (what == "flush")
      world_->flush_redis();
    else if (what == "fail-over")
      world_->fail_over(duration_of(words.at(2)), 0s);
    else if (what == "clock")
      world_->step_redis_clock(duration_of(words.at(2)));
    else
      throw BadScenario("unknown trouble " + what);
  }

  People& people() const {
    if (world_->people() == nullptr) throw BadScenario("without alerts=1 nobody is told");
    return *world_->people();
  }

  static void compare(const std::string& what, uint64_t is, const std::string& sign,
                      const std::string& bound) {
    const uint64_t limit = std::stoull(bound);
    const bool holds = sign == "<=" ? is <= limit : is >= limit;
    if (!holds) throw Violation(fmt::format("{} is {}, expected {} {}", what, is, sign, bound));
  }

  void expect(const Words& words) {
    if (words[0] == "flag" || words[0] == "no") {
      const std::string& name = words[0] == "no" ? words.at(2) : words.at(1);
      const auto [pool, target] = target_of(name);
      const bool is = world_->redis().get(fmt::format("off:{}:{}", pool, target)).has_value();
      if (is != (words[0] == "flag")) throw Violation(fmt::format("{} is {}flagged", name, is ? "" : "not "));
    } else if (words[0] == "flags") {
      const uint64_t count = world_->redis().keys("off:" + words.at(1) + ":").size();
      compare("flags of " + words[1], count, words.at(2), words.at(3));
    } else if (words[0] == "view") {
      const World::Agent& agent = world_->agents()[agents_of(words, 1, 2).front()];
      const auto [pool, target] = target_of(words.at(2));
      for (const gate::TargetView& seen : agent.gate->view(pool)->targets) {
        if (seen.target != target || to_string(seen.fleet) == words.at(3)) continue;
        throw Violation(fmt::format("{} believes that {} is {}: {}", agent.name, words[2],
                                    to_string(seen.fleet), seen.evidence));
      }
    } else if (words[0] == "reader") {
      const auto [pool, target] = target_of(words.at(2));
      for (const Reader& reader : world_->readers()) {
        if (reader.pool != pool) continue;
        const auto until = reader.disabled_until.find(target);
        const bool avoids = until != reader.disabled_until.end() && until->second > world_->now();
        if (avoids != (words.at(1) == "avoids"))
          throw Violation(fmt::format("the reader {} {}", avoids ? "avoids" : "uses", words[2]));
      }
    } else if (words[0] == "people") {
      const auto [pool, target] = target_of(words.at(1));
      const bool down = people().believes_down(pool, target);
      if (down != (words.at(2) == "down"))
        throw Violation(fmt::format("people believe that {} is {}", words[1], down ? "down" : "up"));
    } else if (words[0] == "told") {
      const auto [pool, target] = target_of(words.at(1));
      compare("messages about " + words[1], people().told(pool, target), words.at(2), words.at(3));
    } else if (words[0] == "frozen") {
      const gate::PoolView* view = world_->agents()[0].gate->view(words.at(1));
      if (view->freeze == gate::Hold::kNone) throw Violation(words[1] + " is not frozen");
    } else if (words[0] == "sick") {
      const World::Agent& judge = world_->agents().back();
      bool told = false;
      for (const auto& [pool, targets] : world_->pools()) {
        for (const gate::SickAgent& sick : judge.gate->view(pool)->sick)
          told = told || sick.agent == words.at(1);
      }
      if (!told) throw Violation(fmt::format("{} does not know that {} is sick", judge.name, words[1]));
    } else if (words[0] == "probes") {
      const auto name = target_of(words.at(1));
      compare("probes of " + words[1], world_->probes_of[name] - probes_before_[name], words.at(2),
              words.at(3));
    } else if (words[0] == "disables") {
      const auto name = target_of(words.at(1));
      compare("disablings of " + words[1], world_->disables_of[name] - disables_before_[name], words.at(2),
              words.at(3));
    } else {
      throw BadScenario("unknown expectation " + words[0]);
    }
  }

  Setting setting_;
  std::unique_ptr<World> world_;
  std::map<std::pair<std::string, std::string>, uint64_t> probes_before_;
  std::map<std::pair<std::string, std::string>, uint64_t> disables_before_;
};

}  // namespace

std::string play_scenario(const std::string& path) {
  std::ifstream in(path);
  if (!in) return path + ": cannot be read";
  Player player;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    std::istringstream stream(line.substr(0, line.find('#')));
    Words words;
    for (std::string word; stream >> word;) words.push_back(word);
    if (words.empty()) continue;
    try {
      player.play(words);
    } catch (const Violation& violation) {
      return fmt::format("{}{}:{}: {}\n  {}", player.trace(), path, number, violation.what(), line);
    } catch (const std::exception& mistake) {
      return fmt::format("{}:{}: {}", path, number, mistake.what());
    }
  }
  return "";
}

}  // namespace sluice::sim
