#include "core/time.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace sluice {
namespace {

struct Unit {
  std::string_view name;
  int64_t ms;
};
constexpr std::array<Unit, 7> kUnits = {{{"y", 365LL * 86400000},
                                         {"w", 7LL * 86400000},
                                         {"d", 86400000},
                                         {"h", 3600000},
                                         {"m", 60000},
                                         {"s", 1000},
                                         {"ms", 1}}};
constexpr int64_t kMaxMs = std::numeric_limits<int64_t>::max() / 1000000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Reads exactly `digits` decimal digits at `pos` and moves it on; -1 when they are not there.
int read_digits(std::string_view text, size_t& pos, int digits) {
  int value = 0;
  for (int i = 0; i < digits; ++i, ++pos) {
    if (pos >= text.size() || !is_digit(text[pos])) return -1;
    value = value * 10 + (text[pos] - '0');
  }
  return value;
}

bool read_char(std::string_view text, size_t& pos, std::string_view one_of) {
  if (pos >= text.size() || one_of.find(text[pos]) == std::string_view::npos) return false;
  ++pos;
  return true;
}

}  // namespace

Duration from_seconds(double seconds) {
  if (std::isnan(seconds)) return Duration::zero();
  const double ns = seconds * 1e9;
  if (ns >= 9.2e18) return Duration::max();
  if (ns <= -9.2e18) return Duration::min();
  return Duration(std::llround(ns));
}

Result<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration::zero();
  if (text.empty()) return invalid("empty duration string");
  const auto bad = [&] { return invalid(fmt::format("not a valid duration string: \"{}\"", text)); };
  int64_t total = 0;
  size_t pos = 0, next_unit = 0;
  while (pos < text.size()) {
    int64_t number = 0;
    const size_t start = pos;
    for (; pos < text.size() && is_digit(text[pos]); ++pos) {
      number = number * 10 + (text[pos] - '0');
      if (number > kMaxMs) return invalid("duration out of range");
    }
    if (pos == start) return bad();
    const size_t unit_start = pos;
    while (pos < text.size() && !is_digit(text[pos])) ++pos;
    const std::string_view unit = text.substr(unit_start, pos - unit_start);
    size_t i = next_unit;
    while (i < kUnits.size() && kUnits[i].name != unit) ++i;
    if (i == kUnits.size()) return bad();
    if (number > (kMaxMs - total) / kUnits[i].ms) return invalid("duration out of range");
    total += number * kUnits[i].ms;
    next_unit = i + 1;
  }
  return Duration(std::chrono::milliseconds(total));
}

std::string format_duration(Duration d) {
  int64_t ms = to_ms(d).count();
  if (ms == 0) return "0s";
  std::string text;
  if (ms < 0) {
    text = "-";
    ms = -ms;
  }
  for (const Unit& unit : kUnits) {
    // Years and weeks only when they divide the rest, as Prometheus prints them: 8d is "8d", not "1w1d".
    const bool exact_only = unit.name == "y" || unit.name == "w";
    if (ms < unit.ms || (exact_only && ms % unit.ms != 0)) continue;
    text += fmt::format("{}{}", ms / unit.ms, unit.name);
    ms %= unit.ms;
  }
  return text;
}

std::string format_human(Duration d) {
  if (d == Duration::min()) d = -Duration::max();  // its negation would overflow
  if (d < Duration::zero()) return "-" + format_human(-d);
  if (d < 1s) return fmt::format("{}ms", to_ms(d).count());
  if (d < 1min) {
    const double tenths = std::floor(to_seconds(d) * 10) / 10;
    return fmt::format("{:g}s", tenths);
  }
  const int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(d).count();
  const auto two = [](int64_t high, const char* h, int64_t low, const char* l) {
    return low == 0 ? fmt::format("{}{}", high, h) : fmt::format("{}{}{}{}", high, h, low, l);
  };
  if (seconds < 3600) return two(seconds / 60, "m", seconds % 60, "s");
  if (seconds < 86400) return two(seconds / 3600, "h", seconds % 3600 / 60, "m");
  return two(seconds / 86400, "d", seconds % 86400 / 3600, "h");
}

std::string format_rfc3339(Timestamp at) {
  using namespace std::chrono;
  constexpr int64_t kFirst = -62167219200000, kLast = 253402300799999;
  const int64_t ms = std::clamp(to_unix_ms(at), kFirst, kLast);
  const sys_time<milliseconds> t{milliseconds(ms)};
  const sys_days day = floor<days>(t);
  const year_month_day date{day};
  const hh_mm_ss<milliseconds> clock{t - day};
  // By hand, as every message and every answer of the API is full of times.
  std::string text = "0000-00-00T00:00:00.000";
  const auto put = [&](size_t end, int64_t value) {
    for (; value != 0; value /= 10) text[--end] = static_cast<char>('0' + value % 10);
  };
  put(4, static_cast<int>(date.year()));
  put(7, static_cast<unsigned>(date.month()));
  put(10, static_cast<unsigned>(date.day()));
  put(13, clock.hours().count());
  put(16, clock.minutes().count());
  put(19, clock.seconds().count());
  put(23, clock.subseconds().count());
  while (text.back() == '0' && text.size() > 20) text.pop_back();
  if (text.back() == '.') text.pop_back();
  text += 'Z';
  return text;
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const auto bad = [&] { return invalid(fmt::format("not an RFC 3339 time: \"{}\"", text)); };
  size_t pos = 0;
  const int y = read_digits(text, pos, 4);
  if (y < 0 || !read_char(text, pos, "-")) return bad();
  const int mo = read_digits(text, pos, 2);
  if (mo < 0 || !read_char(text, pos, "-")) return bad();
  const int d = read_digits(text, pos, 2);
  if (d < 0 || !read_char(text, pos, "Tt ")) return bad();
  const int h = read_digits(text, pos, 2);
  if (h < 0 || h > 23 || !read_char(text, pos, ":")) return bad();
  const int mi = read_digits(text, pos, 2);
  if (mi < 0 || mi > 59 || !read_char(text, pos, ":")) return bad();
  const int s = read_digits(text, pos, 2);
  if (s < 0 || s > 59) return bad();
  int64_t ms = 0;
  if (read_char(text, pos, ".")) {
    int64_t scale = 100;
    const size_t start = pos;
    for (; pos < text.size() && is_digit(text[pos]); ++pos, scale /= 10) ms += (text[pos] - '0') * scale;
    if (pos == start) return bad();
  }
  int64_t offset_minutes = 0;
  if (!read_char(text, pos, "Zz")) {
    const int sign = pos < text.size() && text[pos] == '-' ? -1 : 1;
    if (!read_char(text, pos, "+-")) return bad();
    const int oh = read_digits(text, pos, 2);
    if (oh < 0 || oh > 23 || !read_char(text, pos, ":")) return bad();
    const int om = read_digits(text, pos, 2);
    if (om < 0 || om > 59) return bad();
    offset_minutes = sign * (oh * 60 + om);
  }
  const year_month_day date{year(y), month(static_cast<unsigned>(mo)), day(static_cast<unsigned>(d))};
  if (pos != text.size() || !date.ok()) return bad();
  const sys_seconds t = sys_days(date) + hours(h) + minutes(mi) + seconds(s) - minutes(offset_minutes);
  return from_unix_ms(t.time_since_epoch().count() * 1000 + ms);
}

}  // namespace sluice
