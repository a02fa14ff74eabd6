#include "exporters/http/http_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "exporters/detail.h"
#include "exporters/fault_reason.h"
#include "exporters/http/http_date.h"
#include "exporters/probe_families.h"
#include "exporters/probe_points.h"

namespace sluice::exporters::http {
namespace {

constexpr MetricFamily kDuration{"probe_http_duration_seconds", MetricType::kGauge,
                                 "Duration of http request by phase, summed over all redirects"};
constexpr MetricFamily kContentLength{"probe_http_content_length", MetricType::kGauge,
                                      "Length of http content response"};
constexpr MetricFamily kUncompressedLength{"probe_http_uncompressed_body_length", MetricType::kGauge,
                                           "Length of uncompressed response body"};
constexpr MetricFamily kRedirects{"probe_http_redirects", MetricType::kGauge, "The number of redirects"};
constexpr MetricFamily kSsl{"probe_http_ssl", MetricType::kGauge,
                            "Indicates if SSL was used for the final redirect"};
constexpr MetricFamily kStatusCode{"probe_http_status_code", MetricType::kGauge, "Response HTTP status code"};
constexpr MetricFamily kVersion{"probe_http_version", MetricType::kGauge,
                                "Returns the version of HTTP of the probe response"};
constexpr MetricFamily kLastModified{"probe_http_last_modified_timestamp_seconds", MetricType::kGauge,
                                     "Returns the Last-Modified HTTP response header in unixtime"};

constexpr const MetricFamily* kFamilies[] = {
    &kProbeDnsLookup,
    &kProbeIpProtocol,
    &kProbeIpHash,
    &kProbeFailedDueToRegex,
    &kDuration,
    &kContentLength,
    &kUncompressedLength,
    &kRedirects,
    &kSsl,
    &kStatusCode,
    &kVersion,
    &kLastModified,
    &kProbeEarliestCertExpiry,
    &kProbeLastChainExpiry,
    &kProbeLastChainInfo,
    &kProbeTlsVersion,
};

// How the probe went, as it is being decided.
class Verdict {
 public:
  explicit Verdict(bool explain) : explain_(explain) {}

  // One assertion, said by `say` if anybody wants to know. The first that fails is the reason.
  template <typename Say>
    requires std::is_invocable_r_v<std::string, Say>
  bool expect(bool holds, Reason reason, Say say) {
    if (holds && !explain_) return true;
    return expect(holds, reason, std::string(say()));
  }
  bool expect(bool holds, Reason reason, std::string text) {
    if (explain_)
      findings_.push_back({holds ? Finding::Kind::kPassed : Finding::Kind::kFailed, at_, one_line(text)});
    if (!holds && reason_ == Reason::kOk) {
      reason_ = reason;
      detail_ = one_line(text);
    }
    return holds;
  }
  void note(std::string text) {
    if (explain_) findings_.push_back({Finding::Kind::kNote, at_, one_line(text)});
  }
  void advance(Duration by) { at_ += by; }
  void failed_due_to_regex() { by_regex_ = true; }

  bool ok() const { return reason_ == Reason::kOk; }
  bool by_regex() const { return by_regex_; }
  bool explains() const { return explain_; }

  ProbeResult result() && {
    ProbeResult result;
    result.reason = reason_;
    result.detail = std::move(detail_);
    result.findings = std::move(findings_);
    return result;
  }

 private:
  bool explain_;
  Reason reason_ = Reason::kOk;
  std::string detail_;
  bool by_regex_ = false;
  Duration at_{};
  std::vector<Finding> findings_;
};

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string version_text(int version) {
  return fmt::format("HTTP/{}.{}", version / 10, version % 10);
}

bool status_accepted(const HttpModule& module, int status) {
  if (module.valid_status_codes.empty()) return status >= 200 && status < 300;
  return std::find(module.valid_status_codes.begin(), module.valid_status_codes.end(), status) !=
         module.valid_status_codes.end();
}

std::string wanted_status(const HttpModule& module) {
  if (module.valid_status_codes.empty()) return "2xx";
  return fmt::format("{}", fmt::join(module.valid_status_codes, ", "));
}

void judge_status(const HttpRules& rules, const HttpObservation& seen, Verdict& verdict) {
  const int status = seen.exchanges.back().status;
  if (seen.redirects_exhausted && !status_accepted(rules.module, status)) {
    verdict.expect(false, Reason::kTooManyRedirects,
                   fmt::format("stopped after {} redirects", seen.redirects));
    return;
  }
  const bool rejected = seen.sent_credentials && (status == 401 || status == 403);
  verdict.expect(status_accepted(rules.module, status),
                 rejected ? Reason::kAuthRejected : Reason::kStatusMismatch,
                 [&] { return fmt::format("status {}, wanted {}", status, wanted_status(rules.module)); });
}

// The values of a header; several lines of one name are several values, as in Go.
std::vector<std::string_view> values_of(const HttpHeaders& headers, std::string_view name) {
  std::vector<std::string_view> values;
  for (const HttpHeader& header : headers) {
    if (same_name(header.name, name)) values.push_back(header.value);
  }
  return values;
}

// Values are not shown: a header may carry a token.
void judge_header(const HttpRules::HeaderRule& rule, bool must_match, const HttpHeaders& headers,
                  Verdict& verdict) {
  const std::vector<std::string_view> values = values_of(headers, rule.header);
  if (values.empty()) {
    if (!verdict.expect(rule.allow_missing, Reason::kHeaderMismatch,
                        fmt::format("header {} is missing", rule.header))) {
      verdict.failed_due_to_regex();
    }
    return;
  }
  const bool matched = std::any_of(values.begin(), values.end(), [&](std::string_view value) {
    return re2::RE2::PartialMatch(value, *rule.regex);
  });
  const bool holds = matched == must_match;
  verdict.expect(holds, Reason::kHeaderMismatch,
                 fmt::format("header {} {} /{}/", rule.header, matched ? "matches" : "does not match",
                             rule.regex->pattern()));
  if (!holds) verdict.failed_due_to_regex();
}

void judge_body(const HttpRules& rules, const std::string& body, Verdict& verdict) {
  const auto check = [&](const Regex& regex, bool must_match) {
    const bool matched = re2::RE2::PartialMatch(body, *regex);
    const bool holds = matched == must_match;
    verdict.expect(holds, Reason::kBodyMismatch,
                   fmt::format("the body {} /{}/", matched ? "matches" : "does not match", regex->pattern()));
    if (!holds) verdict.failed_due_to_regex();
    return holds;
  };
  for (const Regex& regex : rules.body_matches) {
    if (!check(regex, false)) return;
  }
  for (const Regex& regex : rules.body_not_matches) {
    if (!check(regex, true)) return;
  }
}

void judge_response(const HttpRules& rules, const HttpObservation& seen, Verdict& verdict) {
  const net::HttpExchange& last = seen.exchanges.back();
  const HttpModule& module = rules.module;
  judge_status(rules, seen, verdict);
  for (const auto& rule : rules.header_matches) {
    if (verdict.ok()) judge_header(rule, false, last.headers, verdict);
  }
  for (const auto& rule : rules.header_not_matches) {
    if (verdict.ok()) judge_header(rule, true, last.headers, verdict);
  }
  if (last.fault) {
    verdict.expect(false, exchange_reason(last), last.fault->message);
    return;
  }
  if (verdict.ok()) judge_body(rules, last.body, verdict);
  if (!module.valid_http_versions.empty()) {
    const std::string version = version_text(last.version);
    const auto& valid = module.valid_http_versions;
    verdict.expect(std::find(valid.begin(), valid.end(), version) != valid.end(), Reason::kVersionMismatch,
                   fmt::format("{}, wanted {}", version, fmt::join(valid, ", ")));
  }
  if (module.fail_if_ssl) {
    verdict.expect(!last.used_tls, Reason::kTlsUnexpected,
                   last.used_tls ? "the connection has TLS" : "no TLS");
  }
  if (module.fail_if_not_ssl) {
    verdict.expect(last.used_tls, Reason::kTlsMissing, last.used_tls ? "TLS" : "the connection has no TLS");
  }
}

// The story of one exchange, for people.
void tell(const net::HttpExchange& exchange, Verdict& verdict) {
  if (!verdict.explains()) return;
  const auto phase = [&](const char* what, Duration took) {
    verdict.advance(took);
    verdict.note(fmt::format("{} in {:.3f} ms", what, to_seconds(took) * 1000));
  };
  if (exchange.resolve > Duration(0)) phase("resolved", exchange.resolve);
  if (exchange.remote && exchange.phase > net::HttpPhase::kConnect) {
    phase(fmt::format("connected to {}", exchange.remote->to_string()).c_str(), exchange.connect);
  }
  if (exchange.used_tls) {
    phase(fmt::format("{} with {}", exchange.tls_facts.version, exchange.tls_facts.cipher).c_str(),
          exchange.tls);
  }
  for (const net::CertificateInfo& certificate : exchange.tls_facts.presented) {
    verdict.note(fmt::format("certificate {} by {}, until {}", certificate.subject, certificate.issuer,
                             format_rfc3339(certificate.not_after)));
  }
  if (exchange.status != 0) {
    phase("first byte", exchange.processing);
    verdict.note(fmt::format("{} {}", version_text(exchange.version), exchange.status));
    phase(fmt::format("{} bytes of body", exchange.body_bytes).c_str(), exchange.transfer);
  }
}

void add_duration_points(const HttpObservation& seen, std::vector<MetricPoint>& points) {
  static const std::array<Labels, 5> kPhases = {Labels{{"phase", "resolve"}}, Labels{{"phase", "connect"}},
                                                Labels{{"phase", "tls"}}, Labels{{"phase", "processing"}},
                                                Labels{{"phase", "transfer"}}};
  Duration sums[5] = {seen.resolve, {}, {}, {}, {}};
  for (const net::HttpExchange& exchange : seen.exchanges) {
    sums[0] += exchange.resolve;
    sums[1] += exchange.connect;
    sums[2] += exchange.tls;
    sums[3] += exchange.processing;
    sums[4] += exchange.transfer;
  }
  // Nothing was asked of an address that was never found: then there is only the look-up, as with
  // blackbox_exporter.
  const size_t phases = seen.exchanges.empty() ? 1 : 5;
  for (size_t i = 0; i < phases; ++i) points.push_back({&kDuration, kPhases[i], to_seconds(sums[i])});
}

void add_points(const HttpObservation& seen, bool failed_due_to_regex, std::vector<MetricPoint>& points) {
  static const net::HttpExchange kNone;
  const net::HttpExchange& last = seen.exchanges.empty() ? kNone : seen.exchanges.back();
  const bool answered = last.status != 0;
  points.reserve(20);
  add_address_points(points, seen.resolve, seen.address);
  add_duration_points(seen, points);
  points.push_back({&kProbeFailedDueToRegex, {}, failed_due_to_regex ? 1.0 : 0.0});
  // -1 is Go's "not declared".
  const double length = last.content_length ? static_cast<double>(*last.content_length)
                        : answered          ? -1.0
                                            : 0.0;
  points.push_back({&kContentLength, {}, length});
  // The body of a redirect that is not followed counts as not read.
  points.push_back(
      {&kUncompressedLength, {}, seen.redirect_stopped ? 0.0 : static_cast<double>(last.uncompressed_bytes)});
  points.push_back({&kRedirects, {}, static_cast<double>(seen.redirects)});
  points.push_back({&kSsl, {}, answered && last.used_tls ? 1.0 : 0.0});
  points.push_back({&kStatusCode, {}, static_cast<double>(last.status)});
  points.push_back({&kVersion, {}, last.version / 10.0});
  if (const auto modified = parse_http_date(find_header(last.headers, "Last-Modified"))) {
    points.push_back({&kLastModified, {}, to_seconds(*modified)});
  }
  add_tls_points(points, last.tls_facts);
}

}  // namespace

Reason exchange_reason(const net::HttpExchange& exchange) {
  if (!exchange.fault) return Reason::kOk;
  return reason_of(exchange.fault->kind,
                   exchange.status == 0 ? Reason::kTimeoutHeaders : Reason::kTimeoutBody);
}

ProbeResult judge(const HttpRules& rules, const HttpObservation& seen, bool explain) {
  Verdict verdict(explain);
  if (explain && seen.resolve > Duration(0) && seen.address) {
    verdict.advance(seen.resolve);
    verdict.note(fmt::format("resolved to {} in {:.3f} ms", seen.address->to_string(),
                             to_seconds(seen.resolve) * 1000));
  }
  for (const net::HttpExchange& exchange : seen.exchanges) tell(exchange, verdict);
  if (seen.fault) {
    verdict.expect(false, reason_of(seen.fault->kind), seen.fault->message);
  } else if (seen.exchanges.empty()) {
    verdict.expect(false, Reason::kInternal, "nothing was asked");
  } else if (seen.exchanges.back().status == 0) {
    verdict.expect(false, exchange_reason(seen.exchanges.back()), seen.exchanges.back().fault->message);
  } else {
    judge_response(rules, seen, verdict);
  }
  const bool by_regex = verdict.by_regex();
  ProbeResult result = std::move(verdict).result();
  add_points(seen, by_regex, result.points);
  return result;
}

std::span<const MetricFamily* const> families() {
  return kFamilies;
}

}  // namespace sluice::exporters::http
