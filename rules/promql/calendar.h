#pragma once
// The parts of a Unix time in UTC, for any 64-bit number of seconds.

#include <cstdint>

namespace sluice::promql::calendar {

double day_of_month(int64_t unix_seconds);
double day_of_week(int64_t unix_seconds);
double day_of_year(int64_t unix_seconds);
double days_in_month(int64_t unix_seconds);
double hour(int64_t unix_seconds);
double minute(int64_t unix_seconds);
double month(int64_t unix_seconds);
double year(int64_t unix_seconds);

}  // namespace sluice::promql::calendar
