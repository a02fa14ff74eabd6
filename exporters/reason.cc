#include "exporters/reason.h"

#include <array>

namespace sluice::exporters {
namespace {

struct Row {
  Reason reason;
  std::string_view label;
  std::string_view description;
};

// One row per reason, in the order of the enum.
constexpr Row kRows[] = {
    {Reason::kOk, "ok", "healthy"},
    {Reason::kDnsError, "dns_error", "the name does not resolve"},
    {Reason::kDnsTimeout, "dns_timeout", "the name server did not answer in time"},
    {Reason::kConnectRefused, "connect_refused", "the connection was refused"},
    {Reason::kConnectTimeout, "connect_timeout", "no connection in time"},
    {Reason::kConnectReset, "connect_reset", "the peer reset or closed the connection"},
    {Reason::kNetworkUnreachable, "network_unreachable", "there is no route to the address"},
    {Reason::kTlsHandshake, "tls_handshake", "the TLS handshake failed"},
    {Reason::kTlsTimeout, "tls_timeout", "the TLS handshake did not end in time"},
    {Reason::kTlsExpired, "tls_expired", "a certificate has expired or is not valid yet"},
    {Reason::kTlsUntrusted, "tls_untrusted", "the certificate is signed by nobody we trust"},
    {Reason::kTlsNameMismatch, "tls_name_mismatch", "the certificate is for another name"},
    {Reason::kTlsMissing, "tls_missing", "TLS was required and the connection had none"},
    {Reason::kTlsUnexpected, "tls_unexpected", "TLS was forbidden and the connection had it"},
    {Reason::kTimeoutHeaders, "timeout_headers", "no response headers in time"},
    {Reason::kTimeoutBody, "timeout_body", "the response body did not end in time"},
    {Reason::kProtocolError, "protocol_error", "the answer does not follow the protocol"},
    {Reason::kTooManyRedirects, "too_many_redirects", "too many redirects"},
    {Reason::kStatusMismatch, "status_mismatch", "an HTTP status that is not accepted"},
    {Reason::kVersionMismatch, "version_mismatch", "an HTTP version that is not accepted"},
    {Reason::kHeaderMismatch, "header_mismatch", "a response header that is not accepted"},
    {Reason::kBodyMismatch, "body_mismatch", "a response body that is not accepted"},
    {Reason::kBodyTooLarge, "body_too_large", "the response body exceeds its limit"},
    {Reason::kHeadersTooLarge, "headers_too_large", "the response headers exceed their limit"},
    {Reason::kAuthRejected, "auth_rejected", "the credentials were rejected"},
    {Reason::kOidcIssuerMismatch, "oidc_issuer_mismatch", "the discovery document names another issuer"},
    {Reason::kOidcIssuerSlash, "oidc_issuer_slash", "the issuer differs by a trailing slash only"},
    {Reason::kOidcMissingField, "oidc_missing_field", "the discovery document lacks a required field"},
    {Reason::kOidcInvalid, "oidc_invalid", "the discovery document is not valid"},
    {Reason::kJwksInvalid, "jwks_invalid", "the key set is not valid"},
    {Reason::kJwksEmpty, "jwks_empty", "the key set is empty"},
    {Reason::kJwksNoSigningKey, "jwks_no_signing_key", "the key set has no usable signing key"},
    {Reason::kJwksMissingKid, "jwks_missing_kid", "a signing key has no kid"},
    {Reason::kJwksDuplicateKid, "jwks_duplicate_kid", "two keys share a kid"},
    {Reason::kJwksKeyReused, "jwks_key_reused", "a kid now names another key"},
    {Reason::kJwksKeyWeak, "jwks_key_weak", "a signing key is too weak"},
    {Reason::kJwksPrivateKey, "jwks_private_key", "the key set gives away a private key"},
    {Reason::kSqlAuth, "sql_auth", "the database rejected the credentials"},
    {Reason::kSqlError, "sql_error", "the database answered with an error"},
    {Reason::kSqlTimeout, "sql_timeout", "the database did not answer in time"},
    {Reason::kSqlTooManyConnections, "sql_too_many_connections", "the database has no connection left"},
    {Reason::kSqlStarting, "sql_starting", "the database is starting up or shutting down"},
    {Reason::kSqlReadOnly, "sql_read_only", "the database is read-only and should not be"},
    {Reason::kRedisAuth, "redis_auth", "Redis rejected the credentials"},
    {Reason::kRedisLoading, "redis_loading", "Redis is loading its data"},
    {Reason::kRedisReadOnly, "redis_read_only", "Redis is read-only and should not be"},
    {Reason::kRedisOutOfMemory, "redis_oom", "Redis is out of memory"},
    {Reason::kRedisError, "redis_error", "Redis answered with an error"},
    {Reason::kRedisTimeout, "redis_timeout", "Redis did not answer in time"},
    {Reason::kIdentityMismatch, "identity_mismatch", "another service answers at this address"},
    {Reason::kVantageUnhealthy, "vantage_unhealthy", "this agent itself is not well"},
    {Reason::kSkippedBudget, "skipped_budget", "not probed: the probe budget is used up"},
    {Reason::kInternal, "internal", "the probe itself failed"},
};
constexpr size_t kCount = sizeof kRows / sizeof kRows[0];

constexpr std::array<Reason, kCount> reasons() {
  std::array<Reason, kCount> all{};
  for (size_t i = 0; i < kCount; ++i) all[i] = kRows[i].reason;
  return all;
}
constexpr std::array<Reason, kCount> kAll = reasons();

constexpr bool in_enum_order() {
  for (size_t i = 0; i < kCount; ++i) {
    if (static_cast<size_t>(kRows[i].reason) != i) return false;
  }
  return static_cast<size_t>(Reason::kInternal) + 1 == kCount;
}
static_assert(in_enum_order(), "kRows must have one row per Reason, in the order of the enum");

}  // namespace

std::string_view to_string(Reason reason) { return kRows[static_cast<size_t>(reason)].label; }
std::string_view describe(Reason reason) { return kRows[static_cast<size_t>(reason)].description; }
std::span<const Reason> all_reasons() { return kAll; }

}  // namespace sluice::exporters
