#pragma once
// The metric families of the OIDC prober that no other exporter has. The HTTP ones it shares (probe_http_*,
// probe_ssl_*) tell about the discovery document.

#include <span>

#include "core/metric_family.h"

namespace sluice::exporters::oidc {

inline constexpr MetricFamily kHealthSuccess{"probe_oidc_health_success", MetricType::kGauge,
                                             "Whether the health endpoint of the auth server was well"};
inline constexpr MetricFamily kDiscoverySuccess{
    "probe_oidc_discovery_success", MetricType::kGauge,
    "Whether the discovery document was served, complete and for the configured issuer"};
inline constexpr MetricFamily kJwksSuccess{
    "probe_oidc_jwks_success", MetricType::kGauge,
    "Whether the key set was served and tokens can be verified with it"};
inline constexpr MetricFamily kFailureInfo{"probe_oidc_failure_info", MetricType::kGauge,
                                           "1 for each endpoint that failed, with the reason it failed for"};
inline constexpr MetricFamily kEndpointDuration{
    "probe_oidc_duration_seconds", MetricType::kGauge,
    "How long an endpoint took, from its name to the end of its body"};
inline constexpr MetricFamily kEndpointStatus{"probe_oidc_status_code", MetricType::kGauge,
                                              "The HTTP status of an endpoint, 0 when there was no answer"};
inline constexpr MetricFamily kProblems{"probe_oidc_problems", MetricType::kGauge,
                                        "How many faults of each kind the documents have"};
inline constexpr MetricFamily kWarnings{
    "probe_oidc_warnings", MetricType::kGauge,
    "How many habits of each kind the documents have that fail no probe but will hurt later"};
inline constexpr MetricFamily kIssuerMatches{
    "probe_oidc_issuer_matches", MetricType::kGauge,
    "Whether the served issuer equals the configured one byte for byte"};
inline constexpr MetricFamily kKeys{"probe_oidc_jwks_keys", MetricType::kGauge,
                                    "Keys in the key set, of whatever kind"};
inline constexpr MetricFamily kSigningKeys{"probe_oidc_jwks_signing_keys", MetricType::kGauge,
                                           "Keys in the key set that signatures can be verified with"};
inline constexpr MetricFamily kNewestKeyInfo{
    "probe_oidc_jwks_newest_key_info", MetricType::kGauge,
    "1, labelled with the kid of the signing key that appeared last"};
inline constexpr MetricFamily kKeyAge{"probe_oidc_jwks_key_age_seconds", MetricType::kGauge,
                                      "How long this agent has known a served signing key"};
inline constexpr MetricFamily kKeyFirstSeen{"probe_oidc_jwks_key_first_seen_timestamp_seconds",
                                            MetricType::kGauge,
                                            "When this agent first saw a served signing key"};
inline constexpr MetricFamily kKeyInfo{"probe_oidc_jwks_key_info", MetricType::kGauge,
                                       "1 for each served signing key, labelled with what it is"};
inline constexpr MetricFamily kLastChange{
    "probe_oidc_jwks_last_change_timestamp_seconds", MetricType::kGauge,
    "When the set of signing keys last changed, or was first seen by this agent"};
inline constexpr MetricFamily kChanges{"probe_oidc_jwks_changes_total", MetricType::kCounter,
                                       "Changes of the set of signing keys seen by this agent"};
inline constexpr MetricFamily kFlips{"probe_oidc_jwks_flips_total", MetricType::kCounter,
                                     "Changes that brought a withdrawn signing key back"};
inline constexpr MetricFamily kReuses{"probe_oidc_jwks_kid_reuses_total", MetricType::kCounter,
                                      "Kids that came to name another key than before"};
inline constexpr MetricFamily kCacheMaxAge{
    "probe_oidc_jwks_cache_max_age_seconds", MetricType::kGauge,
    "How long the server allows the key set to be cached; absent when it does not say"};

// All of the above, and the shared ones that the prober writes.
std::span<const MetricFamily* const> families();

}  // namespace sluice::exporters::oidc
