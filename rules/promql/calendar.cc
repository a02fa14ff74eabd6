#include "rules/promql/calendar.h"

namespace sluice::promql::calendar {
namespace {

constexpr int64_t kDaySeconds = 86400;

int64_t floor_divide(int64_t a, int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}
int64_t floor_modulo(int64_t a, int64_t b) {
  return a % b + (a % b < 0 ? b : 0);
}

bool is_leap(int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

struct Date {
  int64_t year = 0;
  int month = 0;
  int day = 0;
};

// Counts in eras of 400 years that begin on 1 March, so that the leap day is the last day of a year.
// std::chrono's calendar ends at year 32767, and values of samples do not.
Date date_of(int64_t unix_seconds) {
  const int64_t days = floor_divide(unix_seconds, kDaySeconds) + 719468;
  const int64_t era = floor_divide(days, 146097);
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  Date date;
  date.day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  date.month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  date.year = year_of_era + era * 400 + (date.month <= 2 ? 1 : 0);
  return date;
}

int month_length(int64_t year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

}  // namespace

double day_of_month(int64_t unix_seconds) {
  return date_of(unix_seconds).day;
}

double day_of_week(int64_t unix_seconds) {
  // 1 January 1970 was a Thursday.
  return static_cast<double>(floor_modulo(floor_divide(unix_seconds, kDaySeconds) + 4, 7));
}

double day_of_year(int64_t unix_seconds) {
  const Date date = date_of(unix_seconds);
  int days = date.day;
  for (int month = 1; month < date.month; ++month) days += month_length(date.year, month);
  return days;
}

double days_in_month(int64_t unix_seconds) {
  const Date date = date_of(unix_seconds);
  return month_length(date.year, date.month);
}

double hour(int64_t unix_seconds) {
  return static_cast<double>(floor_modulo(unix_seconds, kDaySeconds) / 3600);
}

double minute(int64_t unix_seconds) {
  return static_cast<double>(floor_modulo(unix_seconds, 3600) / 60);
}

double month(int64_t unix_seconds) {
  return date_of(unix_seconds).month;
}

double year(int64_t unix_seconds) {
  return static_cast<double>(date_of(unix_seconds).year);
}

}  // namespace sluice::promql::calendar
