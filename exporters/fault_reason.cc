#include "exporters/fault_reason.h"

namespace sluice::exporters {

Reason reason_of(net::FaultKind kind, Reason timeout) {
  using net::FaultKind;
  switch (kind) {
    case FaultKind::kDnsError:
      return Reason::kDnsError;
    case FaultKind::kDnsTimeout:
      return Reason::kDnsTimeout;
    case FaultKind::kRefused:
      return Reason::kConnectRefused;
    case FaultKind::kUnreachable:
      return Reason::kNetworkUnreachable;
    case FaultKind::kReset:
      return Reason::kConnectReset;
    case FaultKind::kConnectTimeout:
      return Reason::kConnectTimeout;
    case FaultKind::kTlsHandshake:
      return Reason::kTlsHandshake;
    case FaultKind::kTlsTimeout:
      return Reason::kTlsTimeout;
    case FaultKind::kTlsExpired:
      return Reason::kTlsExpired;
    case FaultKind::kTlsUntrusted:
      return Reason::kTlsUntrusted;
    case FaultKind::kTlsNameMismatch:
      return Reason::kTlsNameMismatch;
    case FaultKind::kTimeout:
      return timeout;
    case FaultKind::kProtocol:
      return Reason::kProtocolError;
    case FaultKind::kHeadersTooLarge:
      return Reason::kHeadersTooLarge;
    case FaultKind::kBodyTooLarge:
      return Reason::kBodyTooLarge;
    case FaultKind::kInvalid:
    case FaultKind::kClosed:
      break;
  }
  return Reason::kInternal;
}

}  // namespace sluice::exporters
