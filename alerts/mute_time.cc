#include "alerts/mute_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace sluice::alerts {
namespace {

constexpr std::array<std::string_view, 7> kWeekdays = {"sunday",   "monday", "tuesday", "wednesday",
                                                       "thursday", "friday", "saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"january",   "february", "march",    "april",
                                                      "may",       "june",     "july",     "august",
                                                      "september", "october",  "november", "december"};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

std::optional<int> parse_integer(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 8) return std::nullopt;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return negative ? -value : value;
}

// "a:b" or "a": both halves through `parse`, which says what is wrong with one of them.
template <typename Parse>
Result<Range> parse_pair(std::string_view text, std::string_view what, const Parse& parse) {
  const size_t colon = text.find(':');
  const std::string_view first = text.substr(0, colon);
  const std::string_view second = colon == std::string_view::npos ? first : text.substr(colon + 1);
  if (second.find(':') != std::string_view::npos) {
    return invalid(fmt::format("couldn't parse {} range {}, invalid format", what, text));
  }
  const Result<int> begin = parse(first);
  if (!begin) return begin.error();
  const Result<int> end = parse(second);
  if (!end) return end.error();
  return Range{*begin, *end};
}

bool any_contains(const std::vector<Range>& ranges, int value) {
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(),
                                       [=](Range r) { return r.begin <= value && value <= r.end; });
}

Result<int> parse_clock(std::string_view text) {
  const auto bad = [&] { return invalid(fmt::format("couldn't parse timestamp {}, invalid format", text)); };
  const size_t colon = text.find(':');
  if (text.size() != 5 || colon != 2) return bad();
  const auto hour = parse_integer(text.substr(0, 2)), minute = parse_integer(text.substr(3));
  if (!hour || !minute || *hour < 0 || *minute < 0 || *minute > 59) return bad();
  const int value = *hour * 60 + *minute;
  if (value > 1440) return bad();
  return value;
}

}  // namespace

Result<Range> parse_time_range(std::string_view start, std::string_view end) {
  const auto begin = parse_clock(start);
  if (!begin) return begin.error();
  const auto stop = parse_clock(end);
  if (!stop) return stop.error();
  if (*begin >= *stop) return invalid("start time cannot be equal or greater than end time");
  return Range{*begin, *stop};
}

Result<Range> parse_weekday_range(std::string_view text) {
  const auto range = parse_pair(lower(text), "weekday", [](std::string_view word) -> Result<int> {
    const auto at = std::find(kWeekdays.begin(), kWeekdays.end(), word);
    if (at == kWeekdays.end()) return invalid(fmt::format("{} is not a valid weekday", word));
    return static_cast<int>(at - kWeekdays.begin());
  });
  if (range && range->begin > range->end) return invalid("start day cannot be before end day");
  return range;
}

Result<Range> parse_day_of_month_range(std::string_view text) {
  const auto range = parse_pair(text, "day of month", [](std::string_view word) -> Result<int> {
    const auto day = parse_integer(word);
    if (!day) return invalid(fmt::format("couldn't parse day of month {}", word));
    return *day;
  });
  if (!range) return range;
  const auto out_of_bounds = [](int day) { return day == 0 || day > 31 || day < -31; };
  if (out_of_bounds(range->begin)) {
    return invalid(fmt::format("{} is not a valid day of the month: out of range", range->begin));
  }
  if (out_of_bounds(range->end)) {
    return invalid(fmt::format("{} is not a valid day of the month: out of range", range->end));
  }
  if (range->begin < 0 && range->end > 0) {
    return invalid("end day must be negative if start day is negative");
  }
  // Day 1 of a range may be counted from the front and its last from the back (1:-1); compared in a month of
  // 28 days.
  const auto in_short_month = [](int day) { return day < 0 ? 28 + day + 1 : day; };
  if (in_short_month(range->begin) > in_short_month(range->end) && range->end < 0 && range->begin > 0) {
    return invalid("end day is always before start day");
  }
  if ((range->begin > 0) == (range->end > 0) && range->begin > range->end) {
    return invalid("start day cannot be greater than end day");
  }
  return range;
}

Result<Range> parse_month_range(std::string_view text) {
  const auto range = parse_pair(lower(text), "month", [](std::string_view word) -> Result<int> {
    const auto at = std::find(kMonths.begin(), kMonths.end(), word);
    if (at != kMonths.end()) return static_cast<int>(at - kMonths.begin()) + 1;
    const auto number = parse_integer(word);
    if (!number || *number < 1 || *number > 12) return invalid(fmt::format("{} is not a valid month", word));
    return *number;
  });
  if (range && range->begin > range->end) return invalid("start month cannot be before end month");
  return range;
}

Result<Range> parse_year_range(std::string_view text) {
  const auto range = parse_pair(text, "year", [](std::string_view word) -> Result<int> {
    const auto year = parse_integer(word);
    if (!year || *year < 0) return invalid(fmt::format("{} is not a valid year", word));
    return *year;
  });
  if (range && range->begin > range->end) return invalid("start year cannot be before end year");
  return range;
}

bool TimeInterval::contains(Timestamp at) const {
  using namespace std::chrono;
  const int64_t offset = zone == nullptr ? 0 : zone->offset_at(at);
  const sys_seconds local = floor<seconds>(sys_time<milliseconds>(at.time_since_epoch())) + seconds(offset);
  const sys_days day = floor<days>(local);
  const year_month_day date(day);

  const int minute = static_cast<int>(floor<minutes>(local - day).count());
  const auto in_time = [&](Range r) { return r.begin <= minute && minute < r.end; };
  if (!times.empty() && std::none_of(times.begin(), times.end(), in_time)) return false;

  const int month_day = static_cast<int>(static_cast<unsigned>(date.day()));
  const int month_days = static_cast<int>(static_cast<unsigned>((date.year() / date.month() / last).day()));
  const auto in_days = [&](Range r) {
    // Counted from the end of this month; a range that reaches beyond it is clamped, one that lies beyond it
    // is empty.
    int begin = r.begin < 0 ? month_days + r.begin + 1 : r.begin;
    int end = r.end < 0 ? month_days + r.end + 1 : r.end;
    if (begin > month_days || end < begin) return false;
    begin = std::clamp(begin, -month_days, month_days);
    end = std::clamp(end, -month_days, month_days);
    return begin <= month_day && month_day <= end;
  };
  if (!days_of_month.empty() && std::none_of(days_of_month.begin(), days_of_month.end(), in_days))
    return false;

  return any_contains(weekdays, static_cast<int>(weekday(day).c_encoding())) &&
         any_contains(months, static_cast<int>(static_cast<unsigned>(date.month()))) &&
         any_contains(years, static_cast<int>(date.year()));
}

}  // namespace sluice::alerts
