// Go's Time.Format and Duration.String.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>

#include "core/template/template.h"

namespace sluice::gotmpl {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};

// The parts of a moment in its zone.
struct Civil {
  int year, month, day, weekday, year_day, hour, minute, second, millisecond;
};

Civil civil(const Time& time) {
  using namespace std::chrono;
  const sys_time<milliseconds> local{time.at.time_since_epoch() + seconds(time.offset_seconds)};
  const sys_days day = floor<days>(local);
  const year_month_day date{day};
  const hh_mm_ss<milliseconds> clock{local - day};
  return {static_cast<int>(date.year()),
          static_cast<int>(static_cast<unsigned>(date.month())),
          static_cast<int>(static_cast<unsigned>(date.day())),
          static_cast<int>(weekday(day).c_encoding()),
          static_cast<int>((day - sys_days(date.year() / January / 1)).count()) + 1,
          static_cast<int>(clock.hours().count()),
          static_cast<int>(clock.minutes().count()),
          static_cast<int>(clock.seconds().count()),
          static_cast<int>(clock.subseconds().count())};
}

bool lower_follows(std::string_view rest, size_t at) {
  return at < rest.size() && rest[at] >= 'a' && rest[at] <= 'z';
}

std::string zone_offset(const Time& time, std::string_view element) {
  const bool z = element[0] == 'Z';
  if (z && time.offset_seconds == 0) return "Z";
  const int seconds = std::abs(time.offset_seconds);
  std::string text = fmt::format("{}{:02}", time.offset_seconds < 0 ? '-' : '+', seconds / 3600);
  const bool colons = element.find(':') != std::string_view::npos;
  const size_t digits = static_cast<size_t>(std::count(element.begin(), element.end(), '0')) +
                        static_cast<size_t>(std::count(element.begin(), element.end(), '7'));
  if (digits >= 4) text += fmt::format("{}{:02}", colons ? ":" : "", seconds / 60 % 60);
  if (digits >= 6) text += fmt::format("{}{:02}", colons ? ":" : "", seconds % 60);
  return text;
}

std::string fraction(const Civil& c, std::string_view element) {
  std::string digits = fmt::format("{:03}000000", c.millisecond);
  const size_t places = element.size() - 1;
  digits.resize(places, '0');
  if (element[1] == '9') {
    while (!digits.empty() && digits.back() == '0') digits.pop_back();
    if (digits.empty()) return "";
  }
  return element[0] + digits;
}

int hour12(int hour) {
  return hour % 12 == 0 ? 12 : hour % 12;
}

// The layout element that `rest` starts with, or "". Longer ones come before their own beginnings.
std::string_view leading_element(std::string_view rest) {
  static constexpr std::string_view kElements[] = {
      "January",   "Monday", "2006",   "-070000", "-07:00:00", "-0700", "-07:00", "-07", "Z070000",
      "Z07:00:00", "Z0700",  "Z07:00", "Z07",     "__2",       "002",   "MST",    "Jan", "Mon",
      "15",        "01",     "02",     "03",      "04",        "05",    "06",     "_2",  "PM",
      "pm",        "1",      "2",      "3",       "4",         "5"};
  for (const std::string_view element : kElements) {
    if (!rest.starts_with(element)) continue;
    if ((element == "Jan" || element == "Mon") && lower_follows(rest, 3)) continue;
    if (element == "_2" && rest.starts_with("_2006")) continue;
    return element;
  }
  if (rest.size() > 1 && (rest[0] == '.' || rest[0] == ',') && (rest[1] == '0' || rest[1] == '9')) {
    size_t end = rest.find_first_not_of(rest[1], 1);
    if (end == std::string_view::npos) end = rest.size();
    const bool digit_follows = end < rest.size() && rest[end] >= '0' && rest[end] <= '9';
    if (!digit_follows) return rest.substr(0, end);
  }
  return {};
}

std::string element_text(const Time& time, const Civil& c, std::string_view e) {
  if (e == "January") return std::string(kMonths[static_cast<size_t>(c.month - 1)]);
  if (e == "Jan") return std::string(kMonths[static_cast<size_t>(c.month - 1)].substr(0, 3));
  if (e == "1") return fmt::format("{}", c.month);
  if (e == "01") return fmt::format("{:02}", c.month);
  if (e == "Monday") return std::string(kDays[static_cast<size_t>(c.weekday)]);
  if (e == "Mon") return std::string(kDays[static_cast<size_t>(c.weekday)].substr(0, 3));
  if (e == "2") return fmt::format("{}", c.day);
  if (e == "_2") return fmt::format("{:2}", c.day);
  if (e == "02") return fmt::format("{:02}", c.day);
  if (e == "__2") return fmt::format("{:3}", c.year_day);
  if (e == "002") return fmt::format("{:03}", c.year_day);
  if (e == "15") return fmt::format("{:02}", c.hour);
  if (e == "3") return fmt::format("{}", hour12(c.hour));
  if (e == "03") return fmt::format("{:02}", hour12(c.hour));
  if (e == "4") return fmt::format("{}", c.minute);
  if (e == "04") return fmt::format("{:02}", c.minute);
  if (e == "5") return fmt::format("{}", c.second);
  if (e == "05") return fmt::format("{:02}", c.second);
  if (e == "2006") return fmt::format("{:04}", c.year);
  if (e == "06") return fmt::format("{:02}", (c.year % 100 + 100) % 100);
  if (e == "PM") return c.hour >= 12 ? "PM" : "AM";
  if (e == "pm") return c.hour >= 12 ? "pm" : "am";
  if (e == "MST") return time.zone;
  if (e[0] == '.' || e[0] == ',') return fraction(c, e);
  return zone_offset(time, e);
}

}  // namespace

std::string format_time(const Time& time, std::string_view layout) {
  const Civil parts = civil(time);
  std::string out;
  while (!layout.empty()) {
    const std::string_view element = leading_element(layout);
    if (element.empty()) {
      out += layout[0];
      layout.remove_prefix(1);
    } else {
      out += element_text(time, parts, element);
      layout.remove_prefix(element.size());
    }
  }
  return out;
}

std::string format_go_duration(Duration duration) {
  if (duration == Duration::zero()) return "0s";
  const uint64_t ns = duration < Duration::zero() ? 0 - static_cast<uint64_t>(duration.count())
                                                  : static_cast<uint64_t>(duration.count());
  const auto with_fraction = [](uint64_t value, uint64_t unit) {
    std::string text = fmt::format("{}", value / unit);
    if (value % unit == 0) return text;
    const auto places = static_cast<int>(fmt::format("{}", unit).size()) - 1;
    text += fmt::format(".{:0{}}", value % unit, places);
    while (text.back() == '0') text.pop_back();
    return text;
  };
  std::string text = duration < Duration::zero() ? "-" : "";
  if (ns < 1'000) return text + fmt::format("{}ns", ns);
  if (ns < 1'000'000) return text + with_fraction(ns, 1'000) + "\xc2\xb5s";
  if (ns < 1'000'000'000) return text + with_fraction(ns, 1'000'000) + "ms";
  const uint64_t minutes = ns / 60'000'000'000;
  if (minutes >= 60) text += fmt::format("{}h", minutes / 60);
  if (minutes > 0) text += fmt::format("{}m", minutes % 60);
  return text + with_fraction(ns % 60'000'000'000, 1'000'000'000) + "s";
}

}  // namespace sluice::gotmpl
