#pragma once
// Why a probe failed: one bounded enum, used by metrics, alerts, logs and the status page alike. A reason
// names the layer that failed (name, connection, TLS, protocol, content), because that is the first question
// of whoever is called.

#include <span>
#include <string_view>

namespace sluice::exporters {

enum class Reason {
  kOk,
  kDnsError,
  kDnsTimeout,
  kConnectRefused,
  kConnectTimeout,
  kConnectReset,
  kNetworkUnreachable,
  kTlsHandshake,
  kTlsTimeout,
  kTlsExpired,
  kTlsUntrusted,
  kTlsNameMismatch,
  kTlsMissing,
  kTlsUnexpected,
  kTimeoutHeaders,
  kTimeoutBody,
  kProtocolError,
  kTooManyRedirects,
  kStatusMismatch,
  kVersionMismatch,
  kHeaderMismatch,
  kBodyMismatch,
  kBodyTooLarge,
  kHeadersTooLarge,
  kAuthRejected,
  kOidcIssuerMismatch,
  kOidcIssuerSlash,
  kOidcMissingField,
  kOidcInvalid,
  kJwksInvalid,
  kJwksEmpty,
  kJwksNoSigningKey,
  kJwksMissingKid,
  kJwksDuplicateKid,
  kJwksKeyReused,
  kJwksKeyWeak,
  kJwksPrivateKey,
  kSqlAuth,
  kSqlError,
  kSqlTimeout,
  kSqlTooManyConnections,
  kSqlStarting,
  kSqlReadOnly,
  kRedisAuth,
  kRedisLoading,
  kRedisReadOnly,
  kRedisOutOfMemory,
  kRedisError,
  kRedisTimeout,
  kIdentityMismatch,
  kVantageUnhealthy,
  kSkippedBudget,
  kInternal,
};

// "connect_refused": the value of the `reason` label.
std::string_view to_string(Reason reason);
// "the connection was refused": for people.
std::string_view describe(Reason reason);
// Every reason, in order.
std::span<const Reason> all_reasons();

}  // namespace sluice::exporters
