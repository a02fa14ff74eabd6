#include "agent/gate/commit.h"

#include <fmt/format.h>

#include "agent/gate/json_text.h"
#include "agent/gate/votes.h"

namespace sluice::gate {
namespace {

// A record that nobody has touched for this long belongs to a pool that is gone.
constexpr std::string_view kRecordSeconds = "2592000";

std::string ms_text(Timestamp at) {
  return std::to_string(to_unix_ms(at));
}

void append_log(Commands& out, const PoolKeys& keys, const std::string& line) {
  out.push_back({"LPUSH", keys.log, line});
  out.push_back({"LTRIM", keys.log, "0", std::to_string(kLogLinesMax - 1)});
  out.push_back({"PUBLISH", keys.channel, line});
}

std::string word_line(const Override& word, std::string_view action) {
  JsonObject line;
  line.time("at", word.at);
  line.text("target", word.target);
  line.text("action", action);
  line.text("by", word.by);
  line.text("reason", word.reason);
  line.time("until", word.until);
  return line.done();
}

}  // namespace

PoolKeys pool_keys(std::string_view pool, std::string_view prefix) {
  const std::string stem = fmt::format("{}:{{{}}}:", prefix, pool);
  return {stem + "record", stem + "votes",   stem + "overrides", stem + "log",
          stem + "epoch",  stem + "readers", stem + "events"};
}

Commands read_plan(const PoolKeys& keys, const AgentVotes* own,
                   const std::vector<std::string>& doubtful_flags) {
  Commands out;
  if (own != nullptr) out.push_back({"HSET", keys.votes, own->agent, encode_votes(*own)});
  out.push_back({"WATCH", keys.record, keys.overrides});
  for (const std::string& flag : doubtful_flags) out.push_back({"PTTL", flag});
  out.push_back({"TIME"});
  out.push_back({"GET", keys.record});
  out.push_back({"HGETALL", keys.votes});
  out.push_back({"HGETALL", keys.overrides});
  return out;
}

Commands commit_plan(const PoolKeys& keys, const GateEffects& effects) {
  if (!effects.commit) return {{"UNWATCH"}};
  Commands out;
  out.push_back({"MULTI"});
  out.push_back({"SET", keys.record, write_record(effects.record), "EX", std::string(kRecordSeconds)});
  for (const FlagWrite& flag : effects.flags) {
    if (flag.value) {
      out.push_back({"SET", flag.key, *flag.value, "PXAT", ms_text(flag.expires_at)});
    } else {
      out.push_back({"DEL", flag.key});
    }
  }
  if (!effects.events.empty()) {
    out.push_back(
        {"SET", keys.epoch, std::to_string(effects.record.epoch), "EX", std::string(kRecordSeconds)});
  }
  for (const GateEvent& event : effects.events) append_log(out, keys, to_json(event));
  for (const std::string& agent : effects.forget_agents) out.push_back({"HDEL", keys.votes, agent});
  for (const std::string& field : effects.forget_overrides) out.push_back({"HDEL", keys.overrides, field});
  out.push_back({"EXEC"});
  return out;
}

Commands leave_plan(const PoolKeys& keys, std::string_view agent) {
  return {{"HDEL", keys.votes, std::string(agent)}};
}

Commands override_plan(const PoolKeys& keys, const Override& word) {
  Commands out;
  out.push_back({"MULTI"});
  out.push_back({"HSET", keys.overrides, override_field(word), encode_override(word)});
  append_log(out, keys, word_line(word, fmt::format("operator_{}", to_string(word.action))));
  out.push_back({"EXEC"});
  return out;
}

Commands withdraw_plan(const PoolKeys& keys, const std::string& target, const std::string& by, Timestamp at) {
  const Override word{.target = target, .at = at, .until = at, .reason = "", .by = by};
  Commands out;
  out.push_back({"MULTI"});
  out.push_back({"HDEL", keys.overrides, target});
  append_log(out, keys, word_line(word, "operator_withdraw"));
  out.push_back({"EXEC"});
  return out;
}

}  // namespace sluice::gate
