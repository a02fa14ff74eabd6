#include "alerts/time_zone.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace sluice::alerts {
namespace {

constexpr int64_t kDay = 86400;
constexpr size_t kTransitionsMax = 100'000;

// Days since 1970-01-01 of the first of January.
int64_t days_before(int year) {
  return std::chrono::sys_days(std::chrono::year(year) / 1 / 1).time_since_epoch().count();
}

int year_of(int64_t unix_seconds) {
  using namespace std::chrono;
  const sys_days day = floor<days>(sys_seconds(seconds(unix_seconds)));
  return static_cast<int>(year_month_day(day).year());
}

// Reads big-endian integers one after the other; past the end it yields zeros and is no longer ok.
class Bytes {
 public:
  explicit Bytes(std::string_view text) : text_(text) {}

  std::string_view take(size_t count) {
    if (count > text_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view head = text_.substr(0, count);
    text_.remove_prefix(count);
    return head;
  }
  int64_t integer(size_t bytes) {
    const std::string_view head = take(bytes);
    if (head.empty()) return 0;
    // Sign-extends the first byte; the shift is done on unsigned values.
    uint64_t value = (head[0] & 0x80) != 0 ? ~uint64_t{0} : 0;
    for (const char c : head) value = value << 8 | static_cast<unsigned char>(c);
    return static_cast<int64_t>(value);
  }
  std::string_view rest() const { return text_; }
  bool ok() const { return ok_; }

 private:
  std::string_view text_;
  bool ok_ = true;
};

struct Counts {
  size_t utc_flags = 0, standard_flags = 0, leaps = 0, transitions = 0, locals = 0, letters = 0;

  size_t data_bytes(size_t time_bytes) const {
    return transitions * (time_bytes + 1) + locals * 6 + letters + leaps * (time_bytes + 4) + standard_flags +
           utc_flags;
  }
};

std::optional<Counts> read_header(Bytes& in, int& version) {
  if (in.take(4) != "TZif") return std::nullopt;
  const std::string_view v = in.take(1);
  version = v.empty() || v[0] == '\0' ? 1 : v[0] - '0';
  in.take(15);
  Counts counts;
  for (size_t* field : {&counts.utc_flags, &counts.standard_flags, &counts.leaps, &counts.transitions,
                        &counts.locals, &counts.letters}) {
    const int64_t value = in.integer(4);
    if (value < 0 || value > static_cast<int64_t>(kTransitionsMax)) return std::nullopt;
    *field = static_cast<size_t>(value);
  }
  if (!in.ok()) return std::nullopt;
  return counts;
}

// The parts of a POSIX rule: names, offsets, days.
class RuleText {
 public:
  explicit RuleText(std::string_view text) : text_(text) {}

  bool done() const { return text_.empty(); }
  bool skip(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool peek(char c) const { return !text_.empty() && text_[0] == c; }

  std::optional<std::string> name() {
    const bool bracketed = skip('<');
    size_t n = 0;
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    while (n < text_.size() && (bracketed ? text_[n] != '>' : is_letter(text_[n]))) ++n;
    if (n == 0 || n > 30) return std::nullopt;
    std::string out(text_.substr(0, n));
    text_.remove_prefix(n);
    if (bracketed && !skip('>')) return std::nullopt;
    return out;
  }

  std::optional<int64_t> number(int64_t max) {
    int64_t value = 0;
    size_t n = 0;
    while (n < text_.size() && n < 6 && text_[n] >= '0' && text_[n] <= '9')
      value = value * 10 + (text_[n++] - '0');
    text_.remove_prefix(n);
    if (n == 0 || value > max) return std::nullopt;
    return value;
  }

  // [+-]hh[:mm[:ss]] in seconds, up to a week as RFC 8536 allows.
  std::optional<int64_t> clock() {
    const int64_t sign = skip('-') ? -1 : 1;
    if (sign == 1) skip('+');
    const auto hours = number(167);
    if (!hours) return std::nullopt;
    int64_t seconds = *hours * 3600;
    for (const int64_t unit : {60, 1}) {
      if (!skip(':')) break;
      const auto value = number(59);
      if (!value) return std::nullopt;
      seconds += *value * unit;
    }
    return sign * seconds;
  }

 private:
  std::string_view text_;
};

}  // namespace

int64_t TimeZone::RuleDay::seconds_into_year(int year) const {
  using namespace std::chrono;
  const auto in_year = [year](sys_days day) { return day.time_since_epoch().count() - days_before(year); };
  const std::chrono::year y(year);
  switch (kind) {
    case Kind::kJulian: {  // 1..365, the 29th of February is never counted
      const int64_t skipped = y.is_leap() && day >= 60 ? 1 : 0;
      return (day - 1 + skipped) * kDay + second;
    }
    case Kind::kZeroBased:
      return day * kDay + second;
    case Kind::kMonthWeekDay:
      break;
  }
  const weekday wanted(static_cast<unsigned>(day));
  const auto m = std::chrono::month(static_cast<unsigned>(month));
  const sys_days date =
      week == 5 ? sys_days(y / m / wanted[last]) : sys_days(y / m / wanted[static_cast<unsigned>(week)]);
  return in_year(date) * kDay + second;
}

Result<TimeZone::Rule> TimeZone::parse_rule(std::string_view text) {
  const auto bad = [&] {
    return invalid(fmt::format("bad rule \"{}\" in time zone file", text.substr(0, 80)));
  };
  RuleText in(text);
  Rule rule;
  const auto standard = in.name();
  const auto west = in.clock();
  if (!standard || !west) return bad();
  rule.standard = {-*west, false, *standard};
  if (in.done()) return rule;

  const auto daylight = in.name();
  if (!daylight) return bad();
  rule.has_daylight = true;
  rule.daylight = {rule.standard.offset_seconds + 3600, true, *daylight};
  if (!in.peek(',')) {
    const auto offset = in.clock();
    if (!offset) return bad();
    rule.daylight.offset_seconds = -*offset;
  }
  for (RuleDay* day : {&rule.begin, &rule.end}) {
    if (!in.skip(',')) return bad();
    if (in.skip('M')) {
      const auto month = in.number(12);
      const auto week = month && in.skip('.') ? in.number(5) : std::nullopt;
      const auto weekday = week && in.skip('.') ? in.number(6) : std::nullopt;
      if (!weekday || *month < 1 || *week < 1) return bad();
      day->month = static_cast<int>(*month);
      day->week = static_cast<int>(*week);
      day->day = static_cast<int>(*weekday);
    } else {
      day->kind = in.skip('J') ? RuleDay::Kind::kJulian : RuleDay::Kind::kZeroBased;
      const auto number = in.number(365);
      if (!number || (day->kind == RuleDay::Kind::kJulian && *number < 1)) return bad();
      day->day = static_cast<int>(*number);
    }
    if (in.skip('/')) {
      const auto second = in.clock();
      if (!second) return bad();
      day->second = *second;
    }
  }
  if (!in.done()) return bad();
  return rule;
}

Result<TimeZone> TimeZone::parse(std::string_view tzif) {
  Bytes in(tzif);
  int version = 1;
  auto counts = read_header(in, version);
  if (!counts) return invalid("not a time zone file");
  size_t time_bytes = 4;
  if (version >= 2) {
    // The same again with 64-bit times follows the old block.
    in.take(counts->data_bytes(4));
    counts = read_header(in, version);
    if (!counts) return invalid("time zone file is cut short");
    time_bytes = 8;
  }
  TimeZone zone;
  std::vector<int64_t> times(counts->transitions);
  for (int64_t& at : times) at = in.integer(time_bytes);
  const std::string_view kinds = in.take(counts->transitions);
  std::vector<size_t> name_starts;
  for (size_t i = 0; i < counts->locals; ++i) {
    Local local;
    local.offset_seconds = in.integer(4);
    local.daylight = in.integer(1) != 0;
    name_starts.push_back(static_cast<unsigned char>(in.integer(1)));
    zone.locals_.push_back(std::move(local));
  }
  const std::string_view letters = in.take(counts->letters);
  in.take(counts->leaps * (time_bytes + 4) + counts->standard_flags + counts->utc_flags);
  if (!in.ok() || zone.locals_.empty()) return invalid("time zone file is cut short");

  for (size_t i = 0; i < zone.locals_.size(); ++i) {
    if (name_starts[i] >= letters.size()) return invalid("time zone file has a bad abbreviation");
    const std::string_view from = letters.substr(name_starts[i]);
    zone.locals_[i].abbreviation = from.substr(0, from.find('\0'));
  }
  for (size_t i = 0; i < times.size(); ++i) {
    const size_t local = static_cast<unsigned char>(kinds[i]);
    if (local >= zone.locals_.size()) return invalid("time zone file has a bad transition");
    if (i > 0 && times[i] <= times[i - 1]) return invalid("time zone file has transitions out of order");
    zone.transitions_.push_back({times[i], local});
  }
  if (version >= 2) {
    std::string_view footer = in.rest();
    if (footer.size() >= 2 && footer.front() == '\n' && footer.find('\n', 1) != std::string_view::npos) {
      footer = footer.substr(1, footer.find('\n', 1) - 1);
      if (!footer.empty()) {
        auto rule = parse_rule(footer);
        if (!rule) return rule.error();
        zone.rule_ = std::move(*rule);
        zone.has_rule_ = true;
      }
    }
  }
  return zone;
}

const TimeZone::Local& TimeZone::local_at(Timestamp at) const {
  const int64_t seconds = std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count();
  if (!transitions_.empty() && seconds < transitions_.back().at_seconds) {
    const auto next = std::upper_bound(transitions_.begin(), transitions_.end(), seconds,
                                       [](int64_t t, const Transition& x) { return t < x.at_seconds; });
    if (next != transitions_.begin()) return locals_[std::prev(next)->local];
    // Before the first transition: the first local time that is not daylight saving (RFC 8536 says type 0).
    return locals_.front();
  }
  if (!has_rule_) return transitions_.empty() ? locals_.front() : locals_[transitions_.back().local];
  if (!rule_.has_daylight) return rule_.standard;
  const int year = year_of(seconds + rule_.standard.offset_seconds);
  const int64_t into_year = seconds - days_before(year) * kDay;
  const int64_t begin = rule_.begin.seconds_into_year(year) - rule_.standard.offset_seconds;
  const int64_t end = rule_.end.seconds_into_year(year) - rule_.daylight.offset_seconds;
  // South of the equator daylight saving spans the new year.
  const bool daylight =
      begin < end ? into_year >= begin && into_year < end : into_year >= begin || into_year < end;
  return daylight ? rule_.daylight : rule_.standard;
}

int64_t TimeZone::offset_at(Timestamp at) const {
  return local_at(at).offset_seconds;
}

std::string_view TimeZone::abbreviation_at(Timestamp at) const {
  return local_at(at).abbreviation;
}

}  // namespace sluice::alerts
