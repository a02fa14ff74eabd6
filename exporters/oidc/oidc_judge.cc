#include "exporters/oidc/oidc_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "exporters/detail.h"
#include "exporters/oidc/families.h"

namespace sluice::exporters::oidc {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// "application/json; charset=utf-8", "application/jwk-set+json".
bool is_json_type(std::string_view content_type) {
  std::string type = lower(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  return type == "application/json" || (type.size() > 5 && type.substr(type.size() - 5) == "+json");
}

void conclude(DocumentVerdict& verdict) {
  const Problem* gravest = verdict.report.gravest();
  if (!gravest) return;
  verdict.reason = gravest->reason;
  verdict.detail = gravest->text;
  if (size_t others = verdict.report.problems.size() - 1; others > 0) {
    verdict.detail += fmt::format(" (and {} more {})", others, others == 1 ? "problem" : "problems");
  }
}

class Points {
 public:
  explicit Points(std::vector<MetricPoint>& out) : out_(out) {}
  void add(const MetricFamily& family, double value, Labels labels = {}) {
    out_.push_back({&family, std::move(labels), value});
  }

 private:
  std::vector<MetricPoint>& out_;
};

void add_endpoint(Points& points, std::string_view endpoint, const MetricFamily& success, Reason reason,
                  bool asked) {
  points.add(success, asked && reason == Reason::kOk ? 1 : 0);
  if (asked && reason != Reason::kOk) {
    points.add(kFailureInfo, 1,
               Labels{{"endpoint", std::string(endpoint)}, {"reason", std::string(to_string(reason))}});
  }
}

void add_fetched(Points& points, std::string_view endpoint, const Fetched& fetched) {
  Labels labels{{"endpoint", std::string(endpoint)}};
  points.add(kEndpointDuration, to_seconds(fetched.took), labels);
  points.add(kEndpointStatus, fetched.seen.exchanges.empty() ? 0 : fetched.seen.exchanges.back().status,
             labels);
}

// A key's series, once for each name: a set may hold two keys of one kid.
void add_keys(Points& points, const JwksVerdict& verdict, const KeyTracker& tracker, Timestamp now) {
  std::set<std::string> named;
  for (const Jwk& key : verdict.signing) {
    std::string name = display_name(key);
    if (!named.insert(name).second) continue;
    Labels labels{{"kid", name}};
    points.add(kKeyInfo, 1,
               Labels{{"kid", name},
                      {"kty", key.kty},
                      {"alg", one_line(key.alg, 32)},
                      {"crv", key.crv},
                      {"bits", std::to_string(key.bits)},
                      {"thumbprint", key.thumbprint}});
    if (const KeyTracker::Known* known = tracker.find(key.kid, key.thumbprint)) {
      points.add(kKeyFirstSeen, to_seconds(known->first_seen), labels);
      points.add(kKeyAge, std::max(0.0, to_seconds(now) - to_seconds(known->first_seen)), labels);
    }
  }
  if (const KeyTracker::Known* newest = tracker.newest()) {
    Jwk key;
    key.kid = newest->kid;
    key.thumbprint = newest->thumbprint;
    points.add(kNewestKeyInfo, 1, Labels{{"kid", display_name(key)}});
  }
}

void add_jwks(Points& points, const JwksVerdict& verdict, const KeyTracker& tracker, Timestamp now) {
  if (verdict.read) {
    points.add(kKeys, static_cast<double>(verdict.keys));
    points.add(kSigningKeys, static_cast<double>(verdict.signing.size()));
    add_keys(points, verdict, tracker, now);
    if (verdict.cache.max_age) points.add(kCacheMaxAge, to_seconds(*verdict.cache.max_age));
  }
  const KeyTracker::Stats& stats = tracker.stats();
  points.add(kChanges, static_cast<double>(stats.changes));
  points.add(kFlips, static_cast<double>(stats.flips));
  points.add(kReuses, static_cast<double>(stats.reuses));
  if (stats.last_change != Timestamp{}) points.add(kLastChange, to_seconds(stats.last_change));
}

void add_report(Points& points, const Report& report) {
  std::map<std::string_view, int> problems, warnings;
  for (const Problem& problem : report.problems) ++problems[to_string(problem.reason)];
  for (const Remark& remark : report.remarks) ++warnings[to_string(remark.warning)];
  for (const auto& [name, count] : problems)
    points.add(kProblems, count, Labels{{"problem", std::string(name)}});
  for (const auto& [name, count] : warnings)
    points.add(kWarnings, count, Labels{{"warning", std::string(name)}});
}

// Whether a document came at all. When it did, the report holds at most a remark about its declared type.
DocumentVerdict judge_arrival(const Fetched& fetched) {
  DocumentVerdict verdict;
  verdict.reason = fetched.http.reason;
  verdict.detail = fetched.http.detail;
  if (!fetched.http.success()) return verdict;
  std::string_view type = find_header(fetched.seen.exchanges.back().headers, "content-type");
  if (!is_json_type(type)) {
    verdict.report.warn(Warning::kContentType, fmt::format("the content type is \"{}\"", one_line(type, 80)));
  }
  return verdict;
}

// The story of one endpoint that was asked `start` after the probe began, for people.
void tell(std::string_view endpoint, Duration start, const Fetched& fetched, const Report& report,
          std::string_view passed, std::vector<Finding>& findings) {
  for (const Finding& finding : fetched.http.findings) {
    findings.push_back(
        {finding.kind, start + finding.at, one_line(fmt::format("{}: {}", endpoint, finding.text))});
  }
  auto add = [&](Finding::Kind kind, std::string_view text) {
    findings.push_back({kind, start + fetched.took, one_line(fmt::format("{}: {}", endpoint, text))});
  };
  for (const Problem& problem : report.problems) add(Finding::Kind::kFailed, problem.text);
  for (const Remark& remark : report.remarks) add(Finding::Kind::kNote, "warning: " + remark.text);
  if (fetched.http.success() && report.ok() && !passed.empty()) add(Finding::Kind::kPassed, passed);
}

}  // namespace

DiscoveryVerdict judge_discovery(const Fetched& fetched, const DiscoveryPolicy& policy) {
  DiscoveryVerdict verdict;
  static_cast<DocumentVerdict&>(verdict) = judge_arrival(fetched);
  if (verdict.reason != Reason::kOk) return verdict;
  DiscoveryReport report = judge_discovery(fetched.seen.exchanges.back().body, policy);
  verdict.issuer = report.issuer;
  verdict.jwks_uri = report.jwks_uri;
  verdict.algorithms = report.algorithms;
  verdict.report.add(report);
  conclude(verdict);
  return verdict;
}

JwksVerdict judge_jwks(const Fetched& fetched, const JwksPolicy& policy, KeyTracker& tracker, Timestamp now) {
  JwksVerdict verdict;
  static_cast<DocumentVerdict&>(verdict) = judge_arrival(fetched);
  if (verdict.reason != Reason::kOk) return verdict;
  JwksReport report = judge_jwks(fetched.seen.exchanges.back().body, policy, now);
  verdict.report.add(report);
  verdict.read = report.keys > 0 || (report.gravest() && report.gravest()->reason == Reason::kJwksEmpty);
  verdict.keys = report.keys;
  verdict.signing = std::move(report.signing);
  verdict.cache = cache_advice(fetched.seen.exchanges.back().headers, now);
  verdict.report.add(judge_cache(verdict.cache));
  // A document that is none says nothing about keys that came or went.
  if (verdict.read) verdict.report.add(tracker.observe(now, verdict.signing, verdict.cache.max_age));
  conclude(verdict);
  return verdict;
}

ProbeResult judge(const OidcObservation& seen, const std::string& issuer, const KeyTracker& tracker,
                  bool explain) {
  ProbeResult result;
  Points points(result.points);
  Report all;
  auto conclude_with = [&](std::string_view endpoint, Reason reason, const std::string& detail) {
    if (result.reason != Reason::kOk || reason == Reason::kOk) return;
    result.reason = reason;
    result.detail = one_line(fmt::format("{}: {}", endpoint, detail));
  };
  const std::optional<Fetched>& primary = seen.health ? seen.health : seen.discovery;
  if (primary) result.points = primary->http.points;

  if (seen.health) {
    add_endpoint(points, "health", kHealthSuccess, seen.health->http.reason, true);
    add_fetched(points, "health", *seen.health);
    conclude_with("health", seen.health->http.reason, seen.health->http.detail);
    if (explain) tell("health", {}, *seen.health, {}, "", result.findings);
  }
  if (seen.discovery && seen.discovery_verdict) {
    const DiscoveryVerdict& verdict = *seen.discovery_verdict;
    add_endpoint(points, "discovery", kDiscoverySuccess, verdict.reason, true);
    add_fetched(points, "discovery", *seen.discovery);
    if (!verdict.issuer.empty()) points.add(kIssuerMatches, verdict.issuer == issuer ? 1 : 0);
    all.add(verdict.report);
    conclude_with("discovery", verdict.reason, verdict.detail);
    if (explain) {
      tell("discovery", {}, *seen.discovery, verdict.report,
           fmt::format("complete, for issuer {}", verdict.issuer), result.findings);
    }
  }
  if (seen.jwks && seen.jwks_verdict) {
    const JwksVerdict& verdict = *seen.jwks_verdict;
    add_endpoint(points, "jwks", kJwksSuccess, verdict.reason, true);
    add_fetched(points, "jwks", *seen.jwks);
    add_jwks(points, verdict, tracker, seen.now);
    all.add(verdict.report);
    conclude_with("jwks", verdict.reason, verdict.detail);
    if (explain) {
      tell("jwks", seen.discovery ? seen.discovery->took : Duration(), *seen.jwks, verdict.report,
           fmt::format("keys: {}, of these for signatures: {}", verdict.keys, verdict.signing.size()),
           result.findings);
    }
  } else {
    add_endpoint(points, "jwks", kJwksSuccess, Reason::kOk, false);
  }
  add_report(points, all);
  return result;
}

}  // namespace sluice::exporters::oidc
