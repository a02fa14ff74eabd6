#include "rules/promql/calendar.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

#include "core/random.h"

namespace sluice::promql::calendar {
namespace {

TEST(CalendarTest, agrees_with_the_calendar_of_the_library) {
  using namespace std::chrono;
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    // Some thousand years around now.
    const int64_t at = static_cast<int64_t>(random.below(400'000'000'000)) - 200'000'000'000;
    const sys_seconds time{seconds(at)};
    const sys_days day = floor<days>(time);
    const year_month_day date{day};
    ASSERT_EQ(year(at), static_cast<int>(date.year())) << at;
    ASSERT_EQ(month(at), static_cast<unsigned>(date.month())) << at;
    ASSERT_EQ(day_of_month(at), static_cast<unsigned>(date.day())) << at;
    ASSERT_EQ(day_of_week(at), weekday(day).c_encoding()) << at;
    ASSERT_EQ(day_of_year(at), (day - sys_days(date.year() / 1 / 1)).count() + 1) << at;
    const year_month_day_last last{date.year(), month_day_last(date.month())};
    ASSERT_EQ(days_in_month(at), static_cast<unsigned>(last.day())) << at;
    const hh_mm_ss clock{time - day};
    ASSERT_EQ(hour(at), clock.hours().count()) << at;
    ASSERT_EQ(minute(at), clock.minutes().count()) << at;
  }
}

TEST(CalendarTest, knows_every_second_there_is) {
  for (const int64_t at : {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    EXPECT_GE(month(at), 1);
    EXPECT_LE(month(at), 12);
    EXPECT_GE(day_of_month(at), 1);
    EXPECT_LE(day_of_month(at), days_in_month(at));
    EXPECT_GE(hour(at), 0);
    EXPECT_LE(minute(at), 59);
  }
}

}  // namespace
}  // namespace sluice::promql::calendar
