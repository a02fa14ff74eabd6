#include "alerts/mute_time.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace sluice::alerts {
namespace {

Timestamp at(std::string_view text) {
  return parse_rfc3339(text).value();
}

std::shared_ptr<const TimeZone> zone(const std::string& name) {
  std::ifstream in("/usr/share/zoneinfo/" + name, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  auto parsed = TimeZone::parse(bytes.str());
  if (!parsed) return nullptr;
  return std::make_shared<const TimeZone>(std::move(*parsed));
}

TEST(TimeIntervalTest, an_interval_without_fields_is_always) {
  EXPECT_TRUE(TimeInterval{}.contains(at("2026-11-23T00:00:00Z")));
}

TEST(TimeIntervalTest, times_include_their_beginning_and_exclude_their_end) {
  TimeInterval interval;
  interval.times = {parse_time_range("09:00", "17:00").value(), parse_time_range("23:00", "24:00").value()};
  EXPECT_FALSE(interval.contains(at("2026-11-23T08:59:59.999Z")));
  EXPECT_TRUE(interval.contains(at("2026-11-23T09:00:00Z")));
  EXPECT_TRUE(interval.contains(at("2026-11-23T16:59:59.999Z")));
  EXPECT_FALSE(interval.contains(at("2026-11-23T17:00:00Z")));
  EXPECT_TRUE(interval.contains(at("2026-11-23T23:59:59Z")));
}

TEST(TimeIntervalTest, every_field_must_agree) {
  TimeInterval interval;
  interval.weekdays = {parse_weekday_range("Monday:friday").value()};
  interval.months = {parse_month_range("november:12").value()};
  interval.years = {parse_year_range("2026").value()};
  EXPECT_TRUE(interval.contains(at("2026-11-23T12:00:00Z")));   // a Monday
  EXPECT_FALSE(interval.contains(at("2026-11-22T12:00:00Z")));  // a Sunday
  EXPECT_FALSE(interval.contains(at("2026-10-26T12:00:00Z")));
  EXPECT_FALSE(interval.contains(at("2027-11-22T12:00:00Z")));
}

struct DayCase {
  const char* range;
  const char* day;
  bool expected;
};

TEST(TimeIntervalTest, days_count_from_either_end_of_the_month) {
  const DayCase cases[] = {{"1:5", "2026-02-05T00:00:00Z", true},    {"1:5", "2026-02-06T00:00:00Z", false},
                           {"-3:-1", "2026-02-26T00:00:00Z", true},  {"-3:-1", "2026-02-25T00:00:00Z", false},
                           {"-1", "2028-02-29T00:00:00Z", true},     {"-1", "2026-02-28T00:00:00Z", true},
                           {"31", "2026-02-28T00:00:00Z", false},    {"20:-2", "2026-04-29T00:00:00Z", true},
                           {"20:-2", "2026-04-30T00:00:00Z", false}, {"27:31", "2026-02-28T00:00:00Z", true}};
  for (const DayCase& c : cases) {
    TimeInterval interval;
    interval.days_of_month = {parse_day_of_month_range(c.range).value()};
    EXPECT_EQ(interval.contains(at(c.day)), c.expected) << c.range << " " << c.day;
  }
}

TEST(TimeIntervalTest, ranges_that_make_no_sense_are_refused_in_alertmanagers_words) {
  const auto message = [](const Result<Range>& range) {
    return range ? std::string("accepted") : range.error().message;
  };
  EXPECT_EQ(message(parse_time_range("17:00", "09:00")),
            "start time cannot be equal or greater than end time");
  EXPECT_EQ(message(parse_time_range("9:00", "10:00")), "couldn't parse timestamp 9:00, invalid format");
  EXPECT_EQ(message(parse_time_range("00:00", "24:01")), "couldn't parse timestamp 24:01, invalid format");
  EXPECT_EQ(message(parse_weekday_range("frunday")), "frunday is not a valid weekday");
  EXPECT_EQ(message(parse_weekday_range("friday:monday")), "start day cannot be before end day");
  EXPECT_EQ(message(parse_day_of_month_range("0")), "0 is not a valid day of the month: out of range");
  EXPECT_EQ(message(parse_day_of_month_range("1:32")), "32 is not a valid day of the month: out of range");
  EXPECT_EQ(message(parse_day_of_month_range("-1:5")), "end day must be negative if start day is negative");
  EXPECT_EQ(message(parse_month_range("13")), "13 is not a valid month");
  EXPECT_EQ(message(parse_month_range("may:april")), "start month cannot be before end month");
  EXPECT_EQ(message(parse_year_range("2020:2019")), "start year cannot be before end year");
}

TEST(TimeIntervalTest, the_wall_clock_of_the_location_counts_also_when_it_is_changed) {
  const auto berlin = zone("Europe/Berlin");
  if (berlin == nullptr) GTEST_SKIP() << "skipped: no /usr/share/zoneinfo";
  TimeInterval interval;
  interval.zone = berlin;
  interval.times = {parse_time_range("09:00", "17:00").value()};
  EXPECT_TRUE(interval.contains(at("2026-01-15T08:00:00Z")));   // 09:00 CET
  EXPECT_FALSE(interval.contains(at("2026-01-15T16:00:00Z")));  // 17:00 CET
  EXPECT_TRUE(interval.contains(at("2026-07-15T07:00:00Z")));   // 09:00 CEST
  EXPECT_FALSE(interval.contains(at("2026-07-15T15:00:00Z")));  // 17:00 CEST

  // On 29 March 2026 the clock jumps from 02:00 to 03:00; on 25 October 02:00 to 03:00 comes twice.
  interval.times = {parse_time_range("02:00", "03:00").value()};
  for (int minute = 0; minute < 180; ++minute) {
    const Timestamp jump = at("2026-03-29T00:00:00Z") + std::chrono::minutes(minute);
    EXPECT_FALSE(interval.contains(jump)) << minute;
  }
  int minutes = 0;
  for (int minute = 0; minute < 300; ++minute) {
    minutes += interval.contains(at("2026-10-24T22:00:00Z") + std::chrono::minutes(minute)) ? 1 : 0;
  }
  EXPECT_EQ(minutes, 120);
}

TEST(TimeZoneTest, knows_the_past_the_present_and_the_rule_for_the_future) {
  struct Case {
    const char* zone;
    const char* time;
    int64_t offset;
    const char* abbreviation;
  };
  const Case cases[] = {
      {"Europe/Berlin", "2026-03-29T00:59:59Z", 3600, "CET"},
      {"Europe/Berlin", "2026-03-29T01:00:00Z", 7200, "CEST"},
      {"Europe/Berlin", "2060-07-01T00:00:00Z", 7200, "CEST"},  // beyond the table
      {"Europe/Berlin", "2060-12-01T00:00:00Z", 3600, "CET"},
      {"America/New_York", "2026-11-01T05:59:59Z", -14400, "EDT"},
      {"America/New_York", "2026-11-01T06:00:00Z", -18000, "EST"},
      {"Australia/Sydney", "2070-01-01T00:00:00Z", 39600, "AEDT"},  // south: summer over new year
      {"Australia/Sydney", "2070-07-01T00:00:00Z", 36000, "AEST"},
      {"Asia/Kolkata", "2026-01-01T00:00:00Z", 19800, "IST"},
      {"Asia/Kolkata", "2090-01-01T00:00:00Z", 19800, "IST"}};
  for (const Case& c : cases) {
    const auto known = zone(c.zone);
    if (known == nullptr) GTEST_SKIP() << "skipped: no " << c.zone;
    EXPECT_EQ(known->offset_at(at(c.time)), c.offset) << c.zone << " " << c.time;
    EXPECT_EQ(known->abbreviation_at(at(c.time)), c.abbreviation) << c.zone << " " << c.time;
  }
}

TEST(TimeZoneTest, bytes_that_are_no_time_zone_are_an_error_at_any_length) {
  std::ifstream in("/usr/share/zoneinfo/Europe/Berlin", std::ios::binary);
  std::stringstream stream;
  stream << in.rdbuf();
  const std::string bytes = stream.str();
  EXPECT_FALSE(TimeZone::parse(""));
  EXPECT_FALSE(TimeZone::parse("TZif2 and then something else entirely, long enough for a header"));
  // Cut short anywhere it must neither crash nor invent a zone; only the footer may be missing.
  for (size_t n = 0; n + 40 < bytes.size(); n += 7) EXPECT_FALSE(TimeZone::parse(bytes.substr(0, n))) << n;
}

}  // namespace
}  // namespace sluice::alerts
