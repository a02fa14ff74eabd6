// What an answer means.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <chrono>

#include "alerts/notify/notifier.h"
#include "alerts/notify/template_data.h"
#include "core/whole_number.h"

namespace sluice::alerts::notify {
namespace {

namespace json = boost::json;
using Kind = DeliveryOutcome::Kind;
using Reason = DeliveryOutcome::Reason;

constexpr size_t kDetailCharactersMax = 200;
constexpr size_t kBodyBytesMax = 16 << 10;

// The beginning of a body on one line, for people.
std::string snippet(std::string_view body) {
  std::string line;
  for (const char c : body.substr(0, 4 * kDetailCharactersMax)) {
    line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  if (!is_valid_utf8(line)) return fmt::format("{} bytes that are no text", body.size());
  return truncate_characters(line, kDetailCharactersMax);
}

// "Wed, 21 Oct 2015 07:28:00 GMT", the only form that senders may produce (RFC 9110).
std::optional<Timestamp> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || text.substr(25) != " GMT" || text[3] != ',') return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  const auto day = parse_count(text.substr(5, 2)), year = parse_count(text.substr(12, 4));
  const auto hour = parse_count(text.substr(17, 2)), minute = parse_count(text.substr(20, 2)),
             second = parse_count(text.substr(23, 2));
  if (month == kMonths.end() || !day || !year || !hour || !minute || !second) return std::nullopt;
  using namespace std::chrono;
  const year_month_day date(std::chrono::year(static_cast<int>(*year)),
                            std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
                            std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  const auto at = sys_days(date).time_since_epoch() + hours(*hour) + minutes(*minute) + seconds(*second);
  return Timestamp(duration_cast<milliseconds>(at));
}

std::optional<json::object> parse_object(std::string_view body) {
  if (body.size() > kBodyBytesMax) return std::nullopt;
  boost::system::error_code error;
  json::value value = json::parse(body, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

// The header, else what Slack writes into the body of a 429.
std::optional<Duration> retry_after(const HttpResponse& response, Timestamp now) {
  const std::string_view header = find_header(response.headers, "Retry-After");
  if (const auto seconds = parse_count(header); seconds && !header.empty()) {
    return std::min<Duration>(std::chrono::seconds(std::min<int64_t>(*seconds, 86'400)), 24h);
  }
  if (const auto at = parse_http_date(header)) return std::max<Duration>(*at - now, Duration::zero());
  if (const auto body = parse_object(response.body)) {
    const json::value* told = body->if_contains("retry_after");
    if (told != nullptr && told->is_number())
      return from_seconds(std::clamp(told->to_number<double>(), 0.0, 86'400.0));
  }
  return std::nullopt;
}

DeliveryOutcome outcome(Kind kind, Reason reason, std::string detail) {
  DeliveryOutcome out;
  out.kind = kind;
  out.reason = reason;
  out.detail = std::move(detail);
  return out;
}

// Slack may answer 200 and say in the body that it did nothing.
std::optional<std::string> slack_error(const HttpResponse& response) {
  const auto body = parse_object(response.body);
  if (!body) return std::nullopt;
  const json::value* ok = body->if_contains("ok");
  if (ok == nullptr || !ok->is_bool() || ok->get_bool()) return std::nullopt;
  const json::value* error = body->if_contains("error");
  return error != nullptr && error->is_string() ? std::string(error->get_string())
                                                : std::string("unknown error");
}

}  // namespace

DeliveryOutcome classify(const Integration& to, const HttpResponse& response, Timestamp now) {
  const int status = response.status;
  const bool taken = status >= 200 && status < 300;
  const auto error = taken && to.kind() == "slack" ? slack_error(response) : std::nullopt;
  if (taken && !error) return {};
  const std::string detail = fmt::format("status {}: {}", status, snippet(response.body));
  if (error) {
    const bool limited = *error == "rate_limited" || *error == "ratelimited";
    auto out = limited ? outcome(Kind::kRetry, Reason::kRateLimited, detail)
                       : outcome(Kind::kGiveUp, Reason::kClientError, detail);
    if (limited) out.retry_after = retry_after(response, now);
    return out;
  }
  // The first version of PagerDuty's events API says 403 where others say 429.
  const auto* pagerduty = std::get_if<PagerdutyConfig>(&to.config);
  const bool limited =
      status == 429 || (status == 403 && pagerduty != nullptr && pagerduty->routing_key.empty());
  if (limited) {
    auto out = outcome(Kind::kRetry, Reason::kRateLimited, detail);
    out.retry_after = retry_after(response, now);
    return out;
  }
  if (status == 408) return outcome(Kind::kRetry, Reason::kTimeout, detail);
  if (status >= 500) {
    auto out = outcome(Kind::kRetry, Reason::kServerError, detail);
    out.retry_after = retry_after(response, now);
    // "Unavailable" is said before anything is done; behind the others the message may have been taken.
    out.maybe_delivered = status != 503 && status != 501;
    return out;
  }
  return outcome(Kind::kGiveUp, Reason::kClientError, detail);
}

DeliveryOutcome outcome_of_mail_refusal(int code, std::string text) {
  const bool for_good = code >= 500;
  return outcome(for_good ? Kind::kGiveUp : Kind::kRetry,
                 for_good ? Reason::kClientError : Reason::kServerError,
                 truncate_characters(text, kDetailCharactersMax));
}

DeliveryOutcome outcome_of(const Error& error) {
  const std::string detail = truncate_characters(error.message, kDetailCharactersMax);
  if (error.kind == ErrorKind::kUnavailable) return outcome(Kind::kRetry, Reason::kSecret, detail);
  return outcome(Kind::kGiveUp, Reason::kTemplate, detail);
}

DeliveryOutcome outcome_of_no_answer(const Error& error, bool sent) {
  const Reason reason = error.kind == ErrorKind::kTimeout ? Reason::kTimeout : Reason::kConnection;
  auto out = outcome(Kind::kRetry, reason, truncate_characters(error.message, kDetailCharactersMax));
  out.maybe_delivered = sent;
  return out;
}

}  // namespace sluice::alerts::notify
