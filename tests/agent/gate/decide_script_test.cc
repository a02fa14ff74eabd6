// Decisions as transcripts: tests/agent/gate/scripts/*.txt. A block is commands, "----", what is said, an
// empty line. With SLUICE_REWRITE=1 in the environment the expectations are written anew, for review in the
// diff.
//
//   policy max_disabled_percent=50 vantages=0   members a b c   agents n1@zone n2 n3
//   vote a down by n1 n2 reason timeout         what these agents see from now on (by: all that speak,
//   reason: refused) silence n1 | wake n1 | leave n1             it stops publishing | goes on | is taken out
//   api 50 by n1 n2 | api unknown              percent of the API that these agents see fail
//   config n1 c2 | unwell n1 why | pools N      another configuration | it doubts itself | other pools fail
//   as a whole operator disable a for 1h because why       also drain, enable, freeze * ; withdraw a tick 30s
//   time passes, one decision a second; changes are said show | flags                                members
//   with hold and votes | the flags that are set now

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/gate/effects.h"

namespace sluice::gate {
namespace {

constexpr Timestamp kStart = from_unix_ms(1'700'000'000'000);

class Script {
 public:
  Script() {
    policy_.pool = "p";
    policy_.flag.key = "off:{target}";
    policy_.flag.ttl = 30s;
    policy_.interval = 5s;
    policy_.vantages = 0;
    policy_.disable_time.jitter_percent = 0;
  }

  std::string run(const std::string& line) {
    std::istringstream in(line);
    std::string verb;
    in >> verb;
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    if (verb == "policy") return set_policy(words);
    if (verb == "members") return set_members(words);
    if (verb == "agents") return set_agents(words);
    if (verb == "vote") return vote(words);
    if (verb == "silence" || verb == "wake" || verb == "leave") return change_agents(verb, words);
    if (verb == "config") return agents_.at(words.at(0)).config = words.at(1), "";
    if (verb == "unwell") return agents_.at(words.at(0)).unwell = words.size() > 1 ? words[1] : "", "";
    if (verb == "api") return set_api(words);
    if (verb == "pools") return other_pools_ = std::stoi(words.at(0)), "";
    if (verb == "operator") return operate(words);
    if (verb == "tick") return tick(words.at(0));
    if (verb == "show") return show();
    if (verb == "flags") return flags();
    return "unknown command " + verb + "\n";
  }

 private:
  std::string set_policy(const std::vector<std::string>& words) {
    for (const std::string& word : words) {
      const size_t at = word.find('=');
      const std::string key = word.substr(0, at);
      const std::string value = word.substr(at + 1);
      const auto duration = [&] { return parse_duration(value).value(); };
      if (key == "max_disabled_percent")
        policy_.max_disabled_percent = std::stoi(value);
      else if (key == "min_available")
        policy_.min_available = std::stoi(value);
      else if (key == "min_votes")
        policy_.min_votes = std::stoi(value);
      else if (key == "min_zones")
        policy_.min_zones = std::stoi(value);
      else if (key == "vantages")
        policy_.vantages = std::stoi(value);
      else if (key == "freeze_percent")
        policy_.freeze_percent = std::stoi(value);
      else if (key == "eject_for")
        policy_.eject_for = duration();
      else if (key == "release_for")
        policy_.release_for = duration();
      else if (key == "ttl")
        policy_.flag.ttl = duration();
      else if (key == "interval")
        policy_.interval = duration();
      else if (key == "slow_start")
        policy_.slow_start = duration(), policy_.flag.encoding = FlagEncoding::kJson;
      else if (key == "base")
        policy_.disable_time.base = duration();
      else if (key == "max")
        policy_.disable_time.max = duration();
      else if (key == "decay")
        policy_.disable_time.decay = duration();
      else if (key == "efficacy")
        policy_.efficacy = {.job = "api", .window = duration(), .hold = 2min};
      else if (key == "key")
        policy_.flag.key = value;
      else if (key == "mode")
        policy_.mode = value == "shadow" ? Mode::kShadow : Mode::kEnforce;
      else
        return "unknown policy " + key + "\n";
    }
    std::string out;
    for (const std::string& mistake : validate(policy_)) out += mistake + "\n";
    return out;
  }

  std::string set_members(const std::vector<std::string>& words) {
    members_.clear();
    for (const std::string& word : words) {
      const bool store = word.ends_with("!");
      const std::string name = store ? word.substr(0, word.size() - 1) : word;
      members_.push_back({.target = name, .instance = name, .carries_the_flags = store});
    }
    return "";
  }

  std::string set_agents(const std::vector<std::string>& words) {
    for (const std::string& word : words) {
      const size_t at = word.find('@');
      AgentVotes& agent = agents_[word.substr(0, at)];
      agent.agent = word.substr(0, at);
      agent.zone = at == std::string::npos ? "" : word.substr(at + 1);
      agent.config = "c1";
      agent.at = now_;
      for (const Member& member : members_)
        agent.ballots[member.target] = {Verdict::kUp, false, now_, now_, "ok"};
    }
    return "";
  }

  std::string change_agents(const std::string& verb, const std::vector<std::string>& words) {
    for (const std::string& word : words) {
      if (verb == "silence") silent_.insert(word);
      if (verb == "wake") silent_.erase(word);
      if (verb == "leave") agents_.erase(word);
    }
    return "";
  }

  std::string set_api(const std::vector<std::string>& words) {
    for (auto& [name, agent] : agents_) {
      const bool meant = words.size() == 1 || std::find(words.begin() + 2, words.end(), name) != words.end();
      if (meant) agent.api_failing = words.at(0) == "unknown" ? -1 : std::stoi(words.at(0));
    }
    return "";
  }

  std::string vote(const std::vector<std::string>& words) {
    const std::string& target = words.at(0);
    const Verdict verdict = words.at(1) == "up"  ? Verdict::kUp
                            : words[1] == "down" ? Verdict::kDown
                                                 : Verdict::kUnknown;
    std::string reason = verdict == Verdict::kDown ? "refused" : "ok";
    std::vector<std::string> by;
    for (size_t i = 2; i < words.size(); ++i) {
      if (words[i] == "by") continue;
      if (words[i] == "reason") {
        reason = words.at(++i);
      } else {
        by.push_back(words[i]);
      }
    }
    if (by.empty()) {
      for (const auto& [name, agent] : agents_) {
        if (!silent_.contains(name)) by.push_back(name);
      }
    }
    for (const std::string& name : by) {
      Ballot& ballot = agents_.at(name).ballots[target];
      if (ballot.verdict != verdict) ballot.since = now_;
      ballot = {verdict, verdict == Verdict::kDown, ballot.since, now_, reason};
    }
    return "";
  }

  std::string operate(const std::vector<std::string>& words) {
    const std::string target = words.at(1) == "*" ? "" : words[1];
    std::erase_if(overrides_, [&](const Override& word) { return word.target == target; });
    if (words[0] == "withdraw") return "";
    Override word{.target = target,
                  .action = *override_action(words[0]),
                  .at = now_,
                  .until = now_,
                  .reason = "",
                  .by = "ann"};
    for (size_t i = 2; i + 1 < words.size(); ++i) {
      if (words[i] == "for") word.until = now_ + to_ms(parse_duration(words[i + 1]).value());
      if (words[i] == "because") word.reason = words[i + 1];
    }
    overrides_.push_back(word);
    return "";
  }

  PoolFacts facts() const {
    PoolFacts facts;
    facts.members = members_;
    facts.record = record_;
    facts.overrides = overrides_;
    facts.other_pools_frozen = other_pools_;
    for (const auto& [name, agent] : agents_) {
      facts.agents.push_back(agent);
      if (facts.self.empty() && !silent_.contains(name)) {
        facts.self = name;
        facts.config = agent.config;
      }
    }
    return facts;
  }

  void publish() {
    for (auto& [name, agent] : agents_) {
      if (silent_.contains(name)) continue;
      agent.at = now_;
      for (auto& [target, ballot] : agent.ballots) ballot.at = now_;
    }
  }

  std::string since_start(Timestamp at) const { return "+" + format_duration(at - kStart); }

  std::string tick(const std::string& text) {
    std::string out;
    const Timestamp end = now_ + to_ms(parse_duration(text).value());
    while (now_ < end) {
      now_ += 1s;
      publish();
      const PoolFacts seen = facts();
      const GateEffects effects = carry_out(seen, policy_, decide(seen, policy_, now_), now_);
      if (!effects.commit) continue;
      for (const GateEvent& event : effects.events) {
        out += fmt::format("{} {} {} by {}{}: {}", since_start(now_), to_string(event.action), event.target,
                           event.by, event.mode == Mode::kShadow ? " (shadow)" : "", event.evidence);
        if (event.action == Action::kDisable) out += "; until " + since_start(event.until);
        if (event.action == Action::kEnable && event.reason != "ok") out += "; because " + event.reason;
        out += "\n";
      }
      for (const FlagWrite& flag : effects.flags) {
        if (flag.value) {
          flags_[flag.key] = {*flag.value, flag.expires_at};
        } else {
          flags_.erase(flag.key);
        }
      }
      record_ = effects.record;
    }
    return out;
  }

  std::string show() const {
    std::string out;
    const PoolDecision decision = decide(facts(), policy_, now_);
    if (decision.freeze != Hold::kNone)
      out += fmt::format("freeze {}: {}\n", to_string(decision.freeze), decision.freeze_why);
    for (const SickAgent& agent : decision.sick) out += fmt::format("sick {}: {}\n", agent.agent, agent.why);
    for (const TargetDecision& target : decision.targets) {
      out += fmt::format("{} {}", target.target, to_string(target.fleet));
      const auto entry = record_.entries.find(target.target);
      if (entry != record_.entries.end()) {
        out += fmt::format(" {}", to_string(entry->second.state));
        if (entry->second.state == Entry::State::kReturning)
          out += fmt::format(" weight {}", entry->second.weight);
        out += fmt::format(" streak {}", decayed_streak(entry->second, policy_, now_));
      }
      if (target.hold != Hold::kNone) out += fmt::format(" hold {}", to_string(target.hold));
      out += fmt::format(": {}\n", target.evidence);
    }
    return out;
  }

  std::string flags() const {
    std::string out;
    for (const auto& [key, flag] : flags_) {
      if (flag.second > now_) out += fmt::format("{} until {}\n", key, since_start(flag.second));
    }
    return out.empty() ? "none\n" : out;
  }

  Timestamp now_ = kStart;
  PoolPolicy policy_;
  std::vector<Member> members_;
  std::map<std::string, AgentVotes> agents_;
  std::set<std::string> silent_;
  std::vector<Override> overrides_;
  int other_pools_ = 0;
  Record record_;
  std::map<std::string, std::pair<std::string, Timestamp>> flags_;
};

class DecideScriptTest : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(DecideScriptTest, says_what_is_written) {
  std::ifstream in(GetParam());
  std::string rewritten;
  Script script;
  std::string said;
  std::string wanted;
  bool in_expectation = false;
  int line_number = 0;
  const auto end_of_block = [&] {
    if (in_expectation) EXPECT_EQ(said, wanted) << GetParam().filename() << " before line " << line_number;
    rewritten += said;
    said.clear();
    wanted.clear();
    in_expectation = false;
  };
  for (std::string line; std::getline(in, line);) {
    ++line_number;
    if (line == "----") {
      in_expectation = true;
      rewritten += "----\n";
    } else if (in_expectation && !line.empty()) {
      wanted += line + "\n";
    } else if (in_expectation) {
      end_of_block();
      rewritten += "\n";
    } else {
      rewritten += line + "\n";
      if (!line.empty() && line[0] != '#') said += script.run(line);
    }
  }
  end_of_block();
  if (std::getenv("SLUICE_REWRITE") != nullptr) std::ofstream(GetParam()) << rewritten;
}

std::vector<std::filesystem::path> scripts() {
  std::vector<std::filesystem::path> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(SLUICE_SOURCE_DIR "/tests/agent/gate/scripts")) {
    if (entry.path().extension() == ".txt") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

INSTANTIATE_TEST_SUITE_P(Scripts, DecideScriptTest, testing::ValuesIn(scripts()),
                         [](const auto& info) { return info.param.stem().string(); });

}  // namespace
}  // namespace sluice::gate
