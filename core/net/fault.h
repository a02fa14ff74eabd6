#pragma once
// Why an exchange with a peer failed, by layer. Probers turn a fault into the reason of a probe; whoever only
// needs "it did not work, and here is the sentence" takes to_error().

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sluice::net {

enum class FaultKind {
  kDnsError,         // the name does not exist or has no address
  kDnsTimeout,       // no name server answered in time
  kRefused,          // nobody listens there
  kUnreachable,      // no route
  kReset,            // the peer reset or closed the connection before the answer was complete
  kConnectTimeout,   // no TCP connection in time
  kTlsHandshake,     // the handshake failed for a reason that is not the certificate
  kTlsTimeout,       // the handshake did not end in time
  kTlsExpired,       // a certificate has expired or is not valid yet
  kTlsUntrusted,     // nobody we trust signed it
  kTlsNameMismatch,  // it is for another name
  kTimeout,          // connected, but the operation did not end in time
  kProtocol,         // the bytes do not follow the protocol
  kHeadersTooLarge,  // the header limit was met
  kBodyTooLarge,     // the body limit was met
  kInvalid,          // our side: a URL, a certificate file, an option is wrong
  kClosed,           // our side closed the stream
};
std::string_view to_string(FaultKind kind);  // "refused", ...

struct Fault {
  FaultKind kind = FaultKind::kProtocol;
  std::string message;  // a sentence with the specifics, without secrets

  bool operator==(const Fault&) const = default;
};

template <typename T>
using NetResult = boost::system::result<T, Fault>;

[[noreturn]] inline void throw_exception_from_error(const Fault& fault, const boost::source_location&) {
  throw std::logic_error("unchecked fault: " + fault.message);
}

Error to_error(const Fault& fault);

}  // namespace sluice::net
