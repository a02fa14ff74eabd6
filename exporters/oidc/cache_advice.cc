#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "exporters/oidc/jwks.h"

namespace sluice::exporters::oidc {
namespace {

using std::chrono::days;

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<int64_t> parse_digits(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// "Sun, 06 Nov 1994 08:49:37 GMT": the only form that may be sent (RFC 9110 section 5.6.7).
std::optional<Timestamp> parse_http_date(std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || text.substr(25) != " GMT" || text[3] != ',') return std::nullopt;
  size_t month_at = kMonths.find(text.substr(8, 3));
  if (month_at == std::string_view::npos || month_at % 3 != 0) return std::nullopt;
  auto day = parse_digits(text.substr(5, 2)), year = parse_digits(text.substr(12, 4));
  auto hour = parse_digits(text.substr(17, 2)), minute = parse_digits(text.substr(20, 2)),
       second = parse_digits(text.substr(23, 2));
  if (!day || !year || !hour || !minute || !second) return std::nullopt;
  std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                   std::chrono::month(static_cast<unsigned>(month_at / 3 + 1)),
                                   std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  int64_t since_epoch = std::chrono::sys_days(date).time_since_epoch().count() * 86400;
  return from_unix_ms((since_epoch + *hour * 3600 + *minute * 60 + *second) * 1000);
}

// An age larger than this says the same: for ever.
constexpr Duration kAgeMax = days(365 * 10);

Duration bounded_age(int64_t seconds) {
  return seconds >= kAgeMax / 1s ? kAgeMax : std::chrono::seconds(seconds);
}

}  // namespace

CacheAdvice cache_advice(const HttpHeaders& headers, Timestamp now) {
  CacheAdvice advice;
  bool forbidden = false;
  for (const HttpHeader& header : headers) {
    if (!equals_ignoring_case(header.name, "cache-control")) continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      size_t comma = std::min(rest.find(','), rest.size());
      std::string_view directive = trim(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      size_t equals = std::min(directive.find('='), directive.size());
      std::string_view name = trim(directive.substr(0, equals));
      if (equals_ignoring_case(name, "no-store") || equals_ignoring_case(name, "no-cache")) forbidden = true;
      if (!equals_ignoring_case(name, "max-age") || equals == directive.size()) continue;
      std::string_view value = trim(directive.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
      }
      if (auto seconds = parse_digits(value)) advice.max_age = bounded_age(*seconds);
    }
  }
  if (forbidden) return {Duration::zero()};
  if (advice.max_age) return advice;
  std::string_view expires = find_header(headers, "expires");
  if (expires.empty()) return {};
  // An Expires that cannot be read, "0" above all, means: already expired (RFC 9111 section 5.3).
  std::optional<Timestamp> until = parse_http_date(expires);
  if (!until) return {Duration::zero()};
  Timestamp from = parse_http_date(find_header(headers, "date")).value_or(now);
  return {bounded_age(std::max<int64_t>(0, (*until - from) / 1s))};
}

Report judge_cache(const CacheAdvice& advice) {
  Report report;
  if (!advice.max_age) {
    report.warn(Warning::kCacheMissing,
                "neither Cache-Control nor Expires says how long the keys may be cached");
  } else if (*advice.max_age < 60s) {
    report.warn(Warning::kCacheShort,
                fmt::format("the keys may be cached for {} only", format_duration(*advice.max_age)));
  } else if (*advice.max_age > days(1)) {
    report.warn(Warning::kCacheLong,
                fmt::format("the keys may be cached for {}, so a withdrawn key stays trusted that long",
                            format_duration(*advice.max_age)));
  }
  return report;
}

}  // namespace sluice::exporters::oidc
