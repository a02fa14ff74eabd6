#pragma once
// Metric families that probers share, with the names and help texts of blackbox_exporter 0.23.

#include "core/metric_family.h"
#include "exporters/probe.h"

namespace sluice::exporters {

// Of every probe, whatever its kind: the caller adds these two.
inline constexpr MetricFamily kProbeSuccess{"probe_success", MetricType::kGauge,
                                            "Displays whether or not the probe was a success"};
inline constexpr MetricFamily kProbeDuration{"probe_duration_seconds", MetricType::kGauge,
                                             "Returns how long the probe took to complete in seconds"};

// Of probers that resolve a name.
inline constexpr MetricFamily kProbeDnsLookup{"probe_dns_lookup_time_seconds", MetricType::kGauge,
                                              "Returns the time taken for probe dns lookup in seconds"};
inline constexpr MetricFamily kProbeIpProtocol{"probe_ip_protocol", MetricType::kGauge,
                                               "Specifies whether probe ip protocol is IP4 or IP6"};
inline constexpr MetricFamily kProbeIpHash{
    "probe_ip_addr_hash", MetricType::kGauge,
    "Specifies the hash of IP address. It's useful to detect if the IP address changes."};
inline constexpr MetricFamily kProbeFailedDueToRegex{"probe_failed_due_to_regex", MetricType::kGauge,
                                                     "Indicates if probe failed due to regex"};

// Of probers that speak TLS.
inline constexpr MetricFamily kProbeEarliestCertExpiry{"probe_ssl_earliest_cert_expiry", MetricType::kGauge,
                                                       "Returns last SSL chain expiry in unixtime"};
inline constexpr MetricFamily kProbeLastChainExpiry{"probe_ssl_last_chain_expiry_timestamp_seconds",
                                                    MetricType::kGauge,
                                                    "Returns last SSL chain expiry in timestamp"};
inline constexpr MetricFamily kProbeLastChainInfo{"probe_ssl_last_chain_info", MetricType::kGauge,
                                                  "Contains SSL leaf certificate information"};
inline constexpr MetricFamily kProbeTlsVersion{"probe_tls_version_info", MetricType::kGauge,
                                               "Returns the TLS version used or NaN when unknown"};

}  // namespace sluice::exporters
