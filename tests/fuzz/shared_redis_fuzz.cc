// What anybody may have written into the Redis that agents share: votes, decision record, operators' words
// and readers' acknowledgements, alerts, what was told, silences. An agent that reads it goes on: the gate
// stays within its budget and writes a record that can be read, and what makes no sense is passed over.
//
// The input is lines of "<place> <field>\x1f<text>"; \x1e in a text stands for a line's end. The places "a",
// "t" and "s" are also offered with checksums in front of their lines, to get behind them.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/fleet/sharing.h"
#include "agent/gate/gate.h"
#include "agent/gate/readers.h"
#include "agent/gate/votes.h"
#include "alerts/pipeline.h"
#include "alerts/record.h"

namespace {

using namespace sluice;

constexpr Timestamp kNow = from_unix_ms(1'800'000'000'000);
constexpr Instant kStart(1000s);

void require(bool holds) {
  if (!holds) std::abort();
}

struct Redis {
  gate::Reading pool;
  std::vector<std::pair<std::string, std::string>> readers;
  std::vector<std::string> alerts, told, silences;  // as HGETALL answers
  std::string version, memory, written;
};

std::string signed_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    out += alerts::to_line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

Redis read(std::string_view input, bool with_checksums) {
  Redis redis;
  redis.pool.time = kNow;
  redis.pool.flags_out.emplace();
  while (!input.empty()) {
    const size_t end = std::min(input.find('\n'), input.size());
    const std::string_view line = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
    const size_t middle = line.find('\x1f');
    if (line.size() < 2 || middle == std::string_view::npos || middle < 2) continue;
    std::string field(line.substr(2, middle - 2));
    std::string text(line.substr(middle + 1));
    std::replace(text.begin(), text.end(), '\x1e', '\n');
    if (with_checksums && std::string_view("ats").find(line[0]) != std::string_view::npos)
      text = signed_lines(text);
    const auto add = [&](std::vector<std::string>& hash) {
      hash.push_back(std::move(field));
      hash.push_back(std::move(text));
    };
    switch (line[0]) {
      case 'r':
        redis.pool.record = text;
        break;
      case 'v':
        redis.pool.votes.emplace_back(field, text);
        break;
      case 'o':
        redis.pool.overrides.emplace_back(field, text);
        break;
      case 'k':
        redis.readers.emplace_back(field, text);
        break;
      case 'a':
        add(redis.alerts);
        break;
      case 't':
        add(redis.told);
        break;
      case 's':
        add(redis.silences);
        break;
      case 'n':
        redis.version = text;
        break;
      case 'm':
        redis.memory = text;
        break;
      case 'w':
        redis.written = text;
        break;
      default:
        break;
    }
  }
  return redis;
}

void decide(Redis redis) {
  gate::PoolSetup setup;
  setup.policy.pool = "auth";
  setup.policy.flag.key = "off:{target}";
  setup.policy.max_disabled_percent = 50;
  setup.members = {{"a", "a", false}, {"b", "b", false}, {"c", "c", false}, {"d", "d", true}};
  setup.config = "c1";
  gate::Gate gate("n1", "z1");
  gate.configure(kStart, {setup});
  gate::Readers readers;
  Instant now = kStart;
  for (int turn = 0; turn < 4; ++turn) {
    // The others go on.
    for (auto& [agent, text] : redis.pool.votes) {
      if (auto votes = gate::decode_votes(agent, text)) {
        votes->at = redis.pool.time;
        for (auto& [target, ballot] : votes->ballots) ballot.at = redis.pool.time;
        text = gate::encode_votes(*votes);
        require(gate::decode_votes(agent, text).has_value());
      }
    }
    const auto facts = gate.facts("auth", now, redis.pool);
    if (facts.has_value()) {
      const gate::GateEffects effects = gate.tick("auth", now, *facts, redis.pool.time);
      const gate::Commands writes = gate::commit_plan(gate::pool_keys("auth"), effects);
      const std::string record = gate::write_record(effects.record);
      require(gate::parse_record(record).has_value());
      int set = 0;
      for (const gate::GateEvent& event : effects.events) {
        if (event.action == gate::Action::kDisable && event.by.empty()) ++set;
      }
      const auto flagged =
          std::count_if(setup.members.begin(), setup.members.end(), [&](const gate::Member& m) {
            const auto entry = effects.record.entries.find(m.target);
            return entry != effects.record.entries.end() && !entry->second.by_operator &&
                   entry->second.state != gate::Entry::State::kEnabled &&
                   entry->second.lease > redis.pool.time;
          });
      require(set <= 1 && !writes.empty());
      require(set == 0 || flagged <= gate::disabled_max(setup.members.size(), setup.policy));
      redis.pool.record = record;
      gate.committed("auth", effects);
    } else {
      gate.unreachable("auth", now, redis.pool.time);
    }
    readers.observe(now, 7, redis.readers);
    now += 20s;
    redis.pool.time += to_ms(20s);
  }
}

fleet::Reply text_reply(std::string text) {
  return {text.empty(), std::move(text), {}};
}

fleet::Reply list_reply(std::vector<std::string> items) {
  return {false, "", std::move(items)};
}

void share(const Redis& redis) {
  auto config = std::make_shared<alerts::Config>();
  auto to = std::make_shared<alerts::Integration>();
  to->receiver = "ops";
  to->config = alerts::WebhookConfig{};
  to->send_resolved = true;
  config->receivers = {{"ops", {to}}};
  config->route.receiver = "ops";
  alerts::PipelineOptions options;
  options.groups_max = options.silences_max = 8;
  alerts::Pipeline pipeline(config, options);
  (void)pipeline.set_sharing(kNow, true);
  fleet::Sharing sharing("n1", "sluice", kStart, "0123456789abcdef 7 n1 1800000000000");
  Instant now = kStart;
  Timestamp wall = kNow;
  for (int round = 0; round < 3; ++round) {
    const fleet::Moment at{now, wall};
    while (auto question = sharing.ask(at)) {
      fleet::Replies replies;
      for (const fleet::Command& command : question->commands) {
        const auto asks = [&](std::string_view name) {
          return command.size() > 1 && command[1].ends_with(name);
        };
        if (command[0] == "TIME") {
          replies.push_back(list_reply({std::to_string(to_unix_ms(wall) / 1000), "0"}));
        } else if (command[0] == "HGETALL") {
          replies.push_back(list_reply(asks("alerts") ? redis.alerts
                                       : asks("told") ? redis.told
                                                      : redis.silences));
        } else if (command[0] == "ZRANGEBYSCORE") {
          replies.push_back(list_reply({"n1", "n2"}));
        } else {
          replies.push_back(text_reply(asks("version")      ? redis.version + std::to_string(round)
                                       : asks("memory")     ? redis.memory
                                       : asks("written:n1") ? redis.written
                                                            : ""));
        }
      }
      if (!question->watch.empty()) {
        (void)sharing.decide(at, replies);
        (void)sharing.settled(at, fleet::Outcome::kConflict);
        continue;
      }
      const fleet::News news = sharing.answered(at, replies);
      alerts::Effects effects = pipeline.learn(wall, news.told);
      sharing.take_records(std::move(effects.shared));
      (void)pipeline.step(wall, news.alerts);
    }
    for (int i = 0; i < 5 && pipeline.next_wake(); ++i) {
      const Timestamp next = std::max(wall, *pipeline.next_wake());
      const alerts::Effects effects = pipeline.step(next);
      for (const alerts::Delivery& delivery : effects.send) (void)pipeline.on_delivery(next, delivery.id, {});
    }
    now += 2s;
    wall += to_ms(2s);
  }
  // Whatever was learned is state that this agent can be started with.
  alerts::Pipeline again(config, options);
  require(again.restore(wall, pipeline.snapshot(wall)).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), std::min<size_t>(size, 65536));
  decide(read(input, false));
  share(read(input, false));
  share(read(input, true));
  return 0;
}
