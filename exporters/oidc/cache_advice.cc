#include <fmt/format.h>

#include <algorithm>

#include "core/whole_number.h"
#include "exporters/http/http_date.h"
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
      if (auto seconds = parse_count(value)) advice.max_age = bounded_age(*seconds);
    }
  }
  if (forbidden) return {Duration::zero()};
  if (advice.max_age) return advice;
  std::string_view expires = find_header(headers, "expires");
  if (expires.empty()) return {};
  // An Expires that cannot be read, "0" above all, means: already expired (RFC 9111 section 5.3).
  std::optional<Timestamp> until = http::parse_http_date(expires);
  if (!until) return {Duration::zero()};
  Timestamp from = http::parse_http_date(find_header(headers, "date")).value_or(now);
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
