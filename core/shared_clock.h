#pragma once
// Redis's time as an agent knows it between two looks: the last answer of TIME plus monotonic time since.
// Half the round trip is its error; the agent's own wall clock does not matter at all.

#include <optional>
#include <string_view>

#include "core/time.h"
#include "core/whole_number.h"

namespace sluice {

// Whether it can be one of Redis's times. Anybody may have written those that agents read there, and two of
// them must not differ by more than a Duration can hold, 292 years.
constexpr bool is_redis_time(Timestamp at) {
  return at >= Timestamp{} && at < from_unix_ms(7'258'118'400'000);  // 1970 to 2199
}

// The answer of TIME, its two elements. Empty when they make no such time.
inline std::optional<Timestamp> redis_time(std::string_view seconds, std::string_view micros) {
  const auto whole = parse_whole<int64_t>(seconds), rest = parse_whole<int64_t>(micros);
  constexpr int64_t kSecondsMax = 1'000'000'000'000;  // can be counted in milliseconds
  if (!whole || !rest || *whole < 0 || *whole > kSecondsMax || *rest < 0 || *rest >= 1'000'000)
    return std::nullopt;
  const Timestamp time = from_unix_ms(*whole * 1000 + *rest / 1000);
  return is_redis_time(time) ? std::optional(time) : std::nullopt;
}

class SharedClock {
 public:
  bool known() const { return known_; }
  // Redis's time at the monotonic instant `now`. Before the first answer: the epoch.
  Timestamp at(Instant now) const {
    return known_ ? shared_ + std::chrono::floor<std::chrono::milliseconds>(now - local_) : Timestamp{};
  }
  // TIME was asked at `asked`, answered `time` at `answered`.
  void learn(Instant asked, Instant answered, Timestamp time) {
    known_ = true;
    local_ = asked + (answered - asked) / 2;
    shared_ = time;
  }

 private:
  bool known_ = false;
  Instant local_{};
  Timestamp shared_{};
};

}  // namespace sluice
