#include "exporters/http/http_date.h"

#include <chrono>

namespace sluice::exporters::http {

namespace {

constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// The number in `text`, digits only; -1 for anything else. A leading blank counts as a zero where `padded`.
int number(std::string_view text, bool padded = false) {
  int value = 0;
  for (const char c : text) {
    if (c == ' ' && padded && value == 0) continue;
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

int month_of(std::string_view text) {
  for (int i = 0; i < 12; ++i) {
    if (kMonths[i] == text) return i + 1;
  }
  return -1;
}

bool is_day(std::string_view text) {
  for (const std::string_view day : kDays) {
    if (day == text) return true;
  }
  return false;
}

std::optional<Timestamp> to_timestamp(int year, int month, int day, std::string_view clock) {
  if (clock.size() != 8 || clock[2] != ':' || clock[5] != ':') return {};
  const int hour = number(clock.substr(0, 2)), minute = number(clock.substr(3, 2)),
            second = number(clock.substr(6, 2));
  const bool in_day = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second <= 60;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (year < 0 || month < 0 || day < 0 || !in_day || !date.ok()) return {};
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  return from_unix_ms(std::chrono::milliseconds(days).count() +
                      (hour * 3600 + minute * 60 + second) * 1000LL);
}

}  // namespace

std::optional<Timestamp> parse_http_date(std::string_view text) {
  if (text.size() < 24 || text.size() > 40) return {};
  if (text[3] == ',' && text.size() == 29) {  // Sun, 06 Nov 1994 08:49:37 GMT
    if (!is_day(text.substr(0, 3)) || text[4] != ' ' || text[7] != ' ' || text[11] != ' ' ||
        !text.ends_with(" GMT"))
      return {};
    return to_timestamp(number(text.substr(12, 4)), month_of(text.substr(8, 3)), number(text.substr(5, 2)),
                        text.substr(17, 8));
  }
  if (const size_t comma = text.find(", "); comma != text.npos) {  // Sunday, 06-Nov-94 08:49:37 GMT
    const std::string_view rest = text.substr(comma + 2);
    if (rest.size() != 22 || rest[2] != '-' || rest[6] != '-' || rest[9] != ' ' || !rest.ends_with(" GMT"))
      return {};
    if (!is_day(text.substr(0, 3))) return {};
    const int year = number(rest.substr(7, 2));
    return to_timestamp(year < 0 ? -1 : year + (year < 69 ? 2000 : 1900), month_of(rest.substr(3, 3)),
                        number(rest.substr(0, 2)), rest.substr(10, 8));
  }
  // Sun Nov  6 08:49:37 1994
  if (text.size() != 24 || !is_day(text.substr(0, 3)) || text[3] != ' ' || text[7] != ' ' || text[10] != ' ')
    return {};
  return to_timestamp(number(text.substr(20, 4)), month_of(text.substr(4, 3)),
                      number(text.substr(8, 2), true), text.substr(11, 8));
}

}  // namespace sluice::exporters::http
