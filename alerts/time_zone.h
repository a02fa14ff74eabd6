#pragma once
// A time zone out of a TZif file (RFC 8536), such as /usr/share/zoneinfo/Europe/Berlin.
//
// Reading the file is the caller's business, so that all of this is a function of bytes: a list of instants
// at which the offset to UTC changes, and a rule in POSIX notation ("CET-1CEST,M3.5.0,M10.5.0/3") for the
// years behind them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/time.h"

namespace sluice::alerts {

class TimeZone {
 public:
  // The content of a TZif file, version 1 to 4. Anything else is an error.
  static Result<TimeZone> parse(std::string_view tzif);

  // Seconds east of UTC at that instant.
  int64_t offset_at(Timestamp at) const;
  // The abbreviation in force: "CET".
  std::string_view abbreviation_at(Timestamp at) const;

 private:
  struct Local {
    int64_t offset_seconds = 0;
    bool daylight = false;
    std::string abbreviation;
  };
  struct Transition {
    int64_t at_seconds = 0;
    size_t local = 0;
  };
  // One end of daylight saving in a POSIX rule: a day of the year and a second of that day.
  struct RuleDay {
    enum class Kind { kMonthWeekDay, kJulian, kZeroBased } kind = Kind::kMonthWeekDay;
    int month = 0, week = 0, day = 0;
    int64_t second = 7200;
    int64_t seconds_into_year(int year) const;
  };
  struct Rule {
    Local standard, daylight;
    bool has_daylight = false;
    RuleDay begin, end;
  };

  static Result<Rule> parse_rule(std::string_view text);
  const Local& local_at(Timestamp at) const;

  std::vector<Local> locals_;
  std::vector<Transition> transitions_;  // ascending
  Rule rule_;
  bool has_rule_ = false;
};

}  // namespace sluice::alerts
