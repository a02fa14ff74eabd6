#include "exporters/probe_points.h"

#include <fmt/format.h>

#include <algorithm>

#include "exporters/probe_families.h"

namespace sluice::exporters {
namespace {

// Go's zero time in Unix seconds: what blackbox_exporter reports when nothing was verified.
constexpr double kNoTime = -62135596800;

double earliest_expiry(const std::vector<net::CertificateInfo>& chain) {
  const auto earlier = [](const auto& a, const auto& b) { return a.not_after < b.not_after; };
  const auto first = std::min_element(chain.begin(), chain.end(), earlier);
  return first == chain.end() ? kNoTime : to_seconds(first->not_after);
}

}  // namespace

uint32_t address_hash(const net::IpAddress& address) {
  uint32_t hash = 2166136261u;
  for (const uint8_t byte : address.octets()) hash = (hash ^ byte) * 16777619u;
  return hash;
}

void add_address_points(std::vector<MetricPoint>& points, Duration lookup,
                        const std::optional<net::IpAddress>& address) {
  points.push_back({&kProbeDnsLookup, {}, to_seconds(lookup)});
  points.push_back({&kProbeIpProtocol, {}, !address ? 0.0 : address->is_v6 ? 6.0 : 4.0});
  points.push_back({&kProbeIpHash, {}, address ? static_cast<double>(address_hash(*address)) : 0.0});
}

void add_tls_points(std::vector<MetricPoint>& points, const net::TlsFacts& facts) {
  if (facts.presented.empty()) return;
  const net::CertificateInfo& leaf = facts.presented.front();
  points.push_back({&kProbeEarliestCertExpiry, {}, earliest_expiry(facts.presented)});
  points.push_back({&kProbeLastChainExpiry, {}, earliest_expiry(facts.verified)});
  points.push_back({&kProbeLastChainInfo,
                    Labels{{"fingerprint_sha256", leaf.sha256},
                           {"issuer", leaf.issuer},
                           {"subject", leaf.subject},
                           {"subjectalternative", fmt::format("{}", fmt::join(leaf.dns_names, ","))}},
                    1});
  if (!facts.version.empty()) points.push_back({&kProbeTlsVersion, Labels{{"version", facts.version}}, 1});
}

}  // namespace sluice::exporters
