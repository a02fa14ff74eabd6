#include "agent/gate/votes.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "agent/gate/json_text.h"
#include "core/labels.h"
#include "core/shared_clock.h"
#include "core/whole_number.h"

namespace sluice::gate {
namespace {

void append_word(std::string& out, std::string_view word) {
  if (!out.empty() && out.back() != '\n') out += '\t';
  for (const char c : word) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
}

void append_time(std::string& out, Timestamp at) {
  append_word(out, std::to_string(to_unix_ms(at)));
}

// Cuts the text before `separator` off and returns it; all of it when there is none.
std::string_view cut(std::string_view& text, char separator) {
  const size_t at = text.find(separator);
  const std::string_view head = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return head;
}

bool read_time(std::string_view word, Timestamp& out) {
  const auto ms = parse_whole<int64_t>(word);
  out = from_unix_ms(ms.value_or(-1));
  return is_redis_time(out);
}

bool read_percent(std::string_view word, int& out) {
  out = parse_whole<int>(word).value_or(-1);
  return out >= 0 && out <= 100;
}

char letter(Verdict verdict) {
  switch (verdict) {
    case Verdict::kUp:
      return 'u';
    case Verdict::kDown:
      return 'd';
    case Verdict::kUnknown:
      break;
  }
  return '?';
}

bool read_verdict(std::string_view word, Verdict& out) {
  if (word.size() != 1) return false;
  out = word[0] == 'u' ? Verdict::kUp : word[0] == 'd' ? Verdict::kDown : Verdict::kUnknown;
  return word[0] == letter(out);
}

}  // namespace

std::string encode_votes(const AgentVotes& votes) {
  std::string out = "v1";
  append_time(out, votes.at);
  append_word(out, votes.zone);
  append_word(out, votes.config);
  append_word(out, votes.unwell);
  if (votes.api_failing >= 0) append_word(out, std::to_string(votes.api_failing));
  out += '\n';
  for (const auto& [target, ballot] : votes.ballots) {
    out += letter(ballot.verdict);
    append_word(out, ballot.suspect ? "1" : "0");
    append_time(out, ballot.since);
    append_time(out, ballot.at);
    append_word(out, ballot.reason);
    append_word(out, target);
    out += '\n';
  }
  return out;
}

Result<AgentVotes> decode_votes(std::string_view agent, std::string_view text) {
  if (text.size() > kVotesBytesMax)
    return limit_met(fmt::format("votes of {:?} are longer than {} bytes", agent, kVotesBytesMax));
  // What they say goes into the record, which is JSON.
  if (!is_valid_utf8(agent) || !is_valid_utf8(text))
    return invalid(fmt::format("votes of {:?} are not UTF-8", agent));
  AgentVotes votes;
  votes.agent = agent;
  std::string_view line = cut(text, '\n');
  const bool known_version = cut(line, '\t') == "v1";
  if (!known_version || !read_time(cut(line, '\t'), votes.at)) {
    return invalid(fmt::format("votes of {:?} do not begin with \"v1\" and a time", agent));
  }
  votes.zone = cut(line, '\t');
  votes.config = cut(line, '\t');
  votes.unwell = cut(line, '\t');
  if (!line.empty() && !read_percent(cut(line, '\t'), votes.api_failing)) {
    return invalid(fmt::format("votes of {:?} say nonsense about the API", agent));
  }
  size_t ballots = 0;
  while (!text.empty()) {
    if (++ballots > kBallotsMax)
      return limit_met(fmt::format("{:?} votes on more than {} targets", agent, kBallotsMax));
    line = cut(text, '\n');
    Ballot ballot;
    const bool verdict_read = read_verdict(cut(line, '\t'), ballot.verdict);
    ballot.suspect = cut(line, '\t') == "1";
    const bool since_read = read_time(cut(line, '\t'), ballot.since);
    const bool at_read = read_time(cut(line, '\t'), ballot.at);
    ballot.reason = cut(line, '\t');
    if (!verdict_read || !since_read || !at_read || line.empty()) {
      return invalid(fmt::format("vote {} of {:?} is damaged", ballots, agent));
    }
    votes.ballots.emplace(std::string(line), std::move(ballot));
  }
  return votes;
}

std::string_view to_string(Override::Action action) {
  switch (action) {
    case Override::Action::kDisable:
      return "disable";
    case Override::Action::kDrain:
      return "drain";
    case Override::Action::kEnable:
      return "enable";
    case Override::Action::kFreeze:
      break;
  }
  return "freeze";
}

std::optional<Override::Action> override_action(std::string_view text) {
  using enum Override::Action;
  for (const auto action : {kDisable, kDrain, kEnable, kFreeze}) {
    if (text == to_string(action)) return action;
  }
  return std::nullopt;
}

std::string override_field(const Override& word) {
  return word.action == Override::Action::kFreeze ? "*" : word.target;
}

std::string encode_override(const Override& word) {
  JsonObject out;
  out.text("action", to_string(word.action));
  out.time("at", word.at);
  out.time("until", word.until);
  out.text("reason", word.reason);
  out.text("by", word.by);
  return out.done();
}

Result<Override> decode_override(std::string_view field, std::string_view text) {
  const auto object = parse_object(text, 16 * 1024);
  if (object.has_error())
    return Error{object.error().kind,
                 fmt::format("the operator's word on {:?} {}", field, object.error().message)};
  JsonReader reader(*object);
  Override word;
  std::string action;
  reader.text("action", action);
  reader.time("at", word.at);
  reader.time("until", word.until);
  reader.text("reason", word.reason);
  reader.text("by", word.by);
  const auto known = override_action(action);
  if (!known) {
    reader.fail("action", "must be disable, drain, enable or freeze");
  } else if ((*known == Override::Action::kFreeze) != (field == "*")) {
    reader.fail("action", "freeze goes with \"*\", all others with a target");
  }
  if (!reader.error().empty())
    return invalid(fmt::format("the operator's word on {:?}: {}", field, reader.error()));
  word.action = *known;
  if (field != "*") word.target = field;
  return word;
}

}  // namespace sluice::gate
