#include "core/net/fault.h"

namespace sluice::net {

std::string_view to_string(FaultKind kind) {
  switch (kind) {
    case FaultKind::kDnsError:
      return "dns_error";
    case FaultKind::kDnsTimeout:
      return "dns_timeout";
    case FaultKind::kRefused:
      return "refused";
    case FaultKind::kUnreachable:
      return "unreachable";
    case FaultKind::kReset:
      return "reset";
    case FaultKind::kConnectTimeout:
      return "connect_timeout";
    case FaultKind::kTlsHandshake:
      return "tls_handshake";
    case FaultKind::kTlsTimeout:
      return "tls_timeout";
    case FaultKind::kTlsExpired:
      return "tls_expired";
    case FaultKind::kTlsUntrusted:
      return "tls_untrusted";
    case FaultKind::kTlsNameMismatch:
      return "tls_name_mismatch";
    case FaultKind::kTimeout:
      return "timeout";
    case FaultKind::kProtocol:
      return "protocol";
    case FaultKind::kHeadersTooLarge:
      return "headers_too_large";
    case FaultKind::kBodyTooLarge:
      return "body_too_large";
    case FaultKind::kInvalid:
      return "invalid";
    case FaultKind::kClosed:
      break;
  }
  return "closed";
}

Error to_error(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::kDnsTimeout:
    case FaultKind::kConnectTimeout:
    case FaultKind::kTlsTimeout:
    case FaultKind::kTimeout:
      return timed_out(fault.message);
    case FaultKind::kHeadersTooLarge:
    case FaultKind::kBodyTooLarge:
      return limit_met(fault.message);
    case FaultKind::kInvalid:
      return invalid(fault.message);
    default:
      return unavailable(fault.message);
  }
}

}  // namespace sluice::net
