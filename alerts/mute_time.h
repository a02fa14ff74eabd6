#pragma once
// When not to disturb: Alertmanager's time intervals.
//
// An interval is a conjunction of fields (times of day, weekdays, days of the month, months, years); a field
// is a disjunction of ranges, and an absent field is always satisfied. So
//
//     weekdays: [monday:friday], times: [{start_time: 09:00, end_time: 17:00}], location: Europe/Berlin
//
// is office hours in Berlin. The wall clock there is asked at the instant in question, so an interval of
// 02:00-03:00 simply does not occur on the day the clock jumps over it, and lasts two hours on the day it is
// set back: Alertmanager behaves the same. The instant is truncated to its minute; end_time is exclusive, all
// other ranges are inclusive.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/time_zone.h"
#include "core/result.h"
#include "core/time.h"

namespace sluice::alerts {

// Both ends inclusive, except for minutes of the day where `end` is exclusive.
struct Range {
  int begin = 0;
  int end = 0;

  bool operator==(const Range&) const = default;
};

struct TimeInterval {
  std::vector<Range> times;          // minutes of the day, 0..1440
  std::vector<Range> weekdays;       // 0 is Sunday
  std::vector<Range> days_of_month;  // 1..31, or -31..-1 counted from the end: -1 is the last day
  std::vector<Range> months;         // 1..12
  std::vector<Range> years;
  std::string location;                  // as written; "" is UTC
  std::shared_ptr<const TimeZone> zone;  // null is UTC

  bool contains(Timestamp at) const;
};

// The fields as the configuration writes them; errors are worded as Alertmanager's.
Result<Range> parse_time_range(std::string_view start, std::string_view end);  // "09:00", "17:00", "24:00"
Result<Range> parse_weekday_range(std::string_view text);                      // "monday:friday", "saturday"
Result<Range> parse_day_of_month_range(std::string_view text);                 // "1:5", "-3:-1", "15"
Result<Range> parse_month_range(std::string_view text);  // "january:march", "1:3", "may"
Result<Range> parse_year_range(std::string_view text);   // "2020:2022", "2030"

}  // namespace sluice::alerts
