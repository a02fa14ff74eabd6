#pragma once
// The flag itself: its key from a template, its value in the encoding of whoever reads it.

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/gate/facts.h"
#include "core/result.h"

namespace sluice::gate {

inline constexpr size_t kFlagKeyBytesMax = 1024;

// "{target}", "{instance}" and "{pool}" are replaced, "{{" and "}}" are literal braces. Anything else in
// braces, a brace that stays open, control characters or an endless key are errors.
Result<std::string> render_key(std::string_view key_template, std::string_view pool, const Member& member);

// Two members of a pool must not share a flag: an error names them.
Result<void> check_keys(const PoolPolicy& policy, const std::vector<Member>& members);

struct FlagContent {
  uint64_t epoch = 0;
  std::string pool;
  std::string target;
  std::string reason;
  Timestamp since;
  Timestamp expires_at;
  int weight = 0;
  bool drain = false;
};

// raw: `value` as it is. json:
// {"disabled":true,"value":...,"weight":0,"epoch":..,"pool":..,"target":..,"reason":..,
// "since":..,"expires_at":..}, and "drain":true when an operator drains it; times as Unix seconds. pickle:
// what Python's pickle.loads reads back as an int when `value` is one, else as a str.
std::string encode_flag(const FlagPolicy& policy, const FlagContent& content);
std::string pickle(std::string_view value);

// On a cluster all keys of a pool must be in one slot: an error that says how to write the template, when
// they are not.
Result<void> check_cluster(const PoolPolicy& policy, const std::vector<Member>& members,
                           std::string_view pool_key);

}  // namespace sluice::gate
