#include "agent/gate/flag.h"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "agent/gate/json_text.h"
#include "core/redis_slot.h"
#include "core/whole_number.h"

namespace sluice::gate {
namespace {

Result<std::string_view> placeholder(std::string_view name, std::string_view pool, const Member& member) {
  if (name == "target") return std::string_view(member.target);
  if (name == "instance") return std::string_view(member.instance);
  if (name == "pool") return pool;
  return invalid(
      fmt::format("has the unknown placeholder {{{}}}; known are {{target}}, {{instance}} and {{pool}}, and "
                  "{{{{ and }}}} are literal braces",
                  name));
}

bool has_control_character(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

std::optional<int64_t> as_integer(std::string_view text) {
  const auto value = parse_whole<int64_t>(text);
  // "007" and "-0" are strings to whoever wrote them.
  return value && std::to_string(*value) == text ? value : std::nullopt;
}

void append_little_endian(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

}  // namespace

Result<std::string> render_key(std::string_view key_template, std::string_view pool, const Member& member) {
  std::string out;
  for (size_t i = 0; i < key_template.size(); ++i) {
    const char c = key_template[i];
    const bool doubled = i + 1 < key_template.size() && key_template[i + 1] == c;
    if ((c == '{' || c == '}') && doubled) {
      out += c;
      ++i;
    } else if (c == '{') {
      const size_t end = key_template.find_first_of("{}", i + 1);
      if (end == std::string_view::npos || key_template[end] != '}') {
        return invalid("has a { that is never closed; a literal one is written {{");
      }
      const auto text = placeholder(key_template.substr(i + 1, end - i - 1), pool, member);
      if (text.has_error()) return text.error();
      out += *text;
      i = end;
    } else if (c == '}') {
      return invalid("has a } that closes nothing; a literal one is written }}");
    } else {
      out += c;
    }
    if (out.size() > kFlagKeyBytesMax)
      return limit_met(fmt::format("is longer than {} bytes", kFlagKeyBytesMax));
  }
  if (out.empty()) return invalid("is empty");
  if (has_control_character(out)) return invalid("has a control character");
  return out;
}

Result<void> check_keys(const PoolPolicy& policy, const std::vector<Member>& members) {
  std::map<std::string, std::string> owners;
  for (const Member& member : members) {
    auto key = render_key(policy.flag.key, policy.pool, member);
    if (key.has_error()) return invalid("flag.key " + key.error().message);
    const auto [owner, is_new] = owners.emplace(std::move(*key), member.target);
    if (is_new || owner->second == member.target) continue;
    return invalid(fmt::format("flag.key gives {:?} for both {} and {}: it needs {{target}} or {{instance}}",
                               owner->first, owner->second, member.target));
  }
  return {};
}

std::string pickle(std::string_view value) {
  std::string out = "\x80\x02";  // protocol 2: every Python that is still alive reads it
  if (const auto number = as_integer(value)) {
    if (*number >= INT32_MIN && *number <= INT32_MAX) {
      out += 'J';  // BININT
      append_little_endian(out, static_cast<uint64_t>(*number), 4);
    } else {
      out += "\x8a\x08";  // LONG1 of eight bytes
      append_little_endian(out, static_cast<uint64_t>(*number), 8);
    }
  } else {
    out += 'X';  // BINUNICODE
    append_little_endian(out, value.size(), 4);
    out += value;
  }
  out += '.';
  return out;
}

std::string encode_flag(const FlagPolicy& policy, const FlagContent& content) {
  switch (policy.encoding) {
    case FlagEncoding::kRaw:
      return policy.value;
    case FlagEncoding::kPickle:
      return pickle(policy.value);
    case FlagEncoding::kJson:
      break;
  }
  JsonObject out;
  out.flag("disabled", content.weight == 0);
  out.text("value", policy.value);
  out.number("weight", content.weight);
  if (content.drain) out.flag("drain", true);
  out.number("epoch", content.epoch);
  out.text("pool", content.pool);
  out.text("target", content.target);
  out.text("reason", content.reason);
  out.time("since", content.since);
  out.time("expires_at", content.expires_at);
  return out.done();
}

Result<void> check_cluster(const PoolPolicy& policy, const std::vector<Member>& members,
                           std::string_view pool_key) {
  for (const Member& member : members) {
    const auto key = render_key(policy.flag.key, policy.pool, member);
    if (key.has_error()) return invalid("flag.key " + key.error().message);
    if (redis_slot(*key) == redis_slot(pool_key)) continue;
    return invalid(
        fmt::format("flag.key gives {:?}, which a Redis Cluster keeps in another slot than the pool's own "
                    "keys, so that both cannot "
                    "be written in one transaction: put the pool in literal braces, for example "
                    "\"{{{{{}}}}}:disabled:{{target}}\"",
                    *key, policy.pool));
  }
  return {};
}

}  // namespace sluice::gate
