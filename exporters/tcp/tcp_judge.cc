#include "exporters/tcp/tcp_judge.h"

#include <fmt/format.h>

#include "exporters/detail.h"
#include "exporters/fault_reason.h"
#include "exporters/probe_families.h"
#include "exporters/probe_points.h"

namespace sluice::exporters::tcp {
namespace {

constexpr MetricFamily kExpectInfo{"probe_expect_info", MetricType::kGauge, "Explicit content matched"};

constexpr const MetricFamily* kFamilies[] = {
    &kProbeDnsLookup,        &kProbeIpProtocol,         &kProbeIpHash,
    &kProbeFailedDueToRegex, &kProbeEarliestCertExpiry, &kProbeLastChainExpiry,
    &kProbeLastChainInfo,    &kProbeTlsVersion,         &kExpectInfo,
};

std::string step_text(const TcpScript& script, size_t step) {
  const QueryResponse& source = *script.steps[step].source;
  if (!source.expect.empty()) return fmt::format("step {}: expect /{}/", step + 1, source.expect);
  return fmt::format("step {}: {}", step + 1, source.starttls ? "start TLS" : "send");
}

void explain_steps(const TcpScript& script, const TcpObservation& seen, ProbeResult& result) {
  const auto add = [&](Finding::Kind kind, Duration at, std::string text) {
    result.findings.push_back({kind, at, one_line(text)});
  };
  const auto milliseconds = [](Duration d) { return to_seconds(d) * 1000; };
  Duration at = seen.resolve;
  if (seen.address) {
    add(Finding::Kind::kNote, at,
        fmt::format("resolved to {} in {:.3f} ms", seen.address->to_string(), milliseconds(at)));
  }
  at += seen.connect;
  if (seen.connected)
    add(Finding::Kind::kPassed, at, fmt::format("connected in {:.3f} ms", milliseconds(seen.connect)));
  at += seen.tls;
  if (!seen.tls_facts.version.empty()) {
    add(Finding::Kind::kPassed, at,
        fmt::format("{} in {:.3f} ms", seen.tls_facts.version, milliseconds(seen.tls)));
  }
  for (size_t i = 0; i < seen.steps_done; ++i) add(Finding::Kind::kPassed, at, step_text(script, i));
  if (!result.success()) add(Finding::Kind::kFailed, at, result.detail);
}

}  // namespace

ProbeResult judge(const TcpScript& script, const TcpObservation& seen, bool explain) {
  ProbeResult result;
  if (seen.ended_without_match) {
    result.reason = Reason::kBodyMismatch;
    result.detail = one_line(fmt::format("{}: the stream ended without a matching line; the last was \"{}\"",
                                         step_text(script, seen.steps_done), seen.last_line));
  } else if (seen.fault) {
    result.reason = reason_of(seen.fault->kind);
    const bool in_script = seen.connected && seen.steps_done < script.steps.size();
    result.detail =
        one_line(in_script ? fmt::format("{}: {}", step_text(script, seen.steps_done), seen.fault->message)
                           : seen.fault->message);
  }
  add_address_points(result.points, seen.resolve, seen.address);
  result.points.push_back({&kProbeFailedDueToRegex, {}, seen.ended_without_match ? 1.0 : 0.0});
  add_tls_points(result.points, seen.tls_facts);
  for (const Labels& labels : seen.expect_labels) result.points.push_back({&kExpectInfo, labels, 1});
  if (explain) explain_steps(script, seen, result);
  return result;
}

std::span<const MetricFamily* const> families() {
  return kFamilies;
}

}  // namespace sluice::exporters::tcp
