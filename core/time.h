#pragma once
// Two kinds of time, and they do not mix.
//
// Instant is monotonic: schedules, deadlines and rise/fall dwell on it, and no clock step can confuse them.
// Timestamp is Unix time in milliseconds, as Prometheus stores it: samples, alerts and silences carry it.
// Neither clock type has now(): only core/net/clock.h reads clocks, everything else is given the time.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sluice {

using namespace std::chrono_literals;

using Duration = std::chrono::nanoseconds;

struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock, duration>;
  static constexpr bool is_steady = true;
};

struct UnixClock {
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<UnixClock, duration>;
  static constexpr bool is_steady = false;
};

using Instant = MonotonicClock::time_point;
using Timestamp = UnixClock::time_point;

constexpr Timestamp from_unix_ms(int64_t ms) { return Timestamp(std::chrono::milliseconds(ms)); }
constexpr int64_t to_unix_ms(Timestamp at) { return at.time_since_epoch().count(); }
constexpr double to_seconds(Duration d) { return std::chrono::duration<double>(d).count(); }
constexpr double to_seconds(Timestamp at) { return static_cast<double>(to_unix_ms(at)) / 1000.0; }
constexpr std::chrono::milliseconds to_ms(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d);
}
// The nearest duration to a number of seconds; saturates at about +-292 years, NaN is zero.
Duration from_seconds(double seconds);

// Prometheus durations: "1h30m", "15s", "250ms", "0". Units y w d h m s ms, each at most once, largest first. No sign,
// no fraction, no space. Source: Prometheus model.ParseDuration.
Result<Duration> parse_duration(std::string_view text);
// The shortest text that parse_duration reads back: 90s is "1m30s", 0 is "0s". Below a millisecond is dropped.
std::string format_duration(Duration d);
// For people: "4m12s", "3h5m", "2d4h"; two units at most, below a minute with one decimal ("2.5s", "340ms").
std::string format_human(Duration d);

// "2026-01-31T12:00:00.250Z"; milliseconds only when there are any. Years 0000 to 9999; others clamp.
std::string format_rfc3339(Timestamp at);
// RFC 3339 with "Z" or an offset; any number of fraction digits (cut to milliseconds).
Result<Timestamp> parse_rfc3339(std::string_view text);

}  // namespace sluice
