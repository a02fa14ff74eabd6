#pragma once
// X.509 certificates of OpenSSL as values. Only for the .cc files of core/net.

#include <openssl/x509.h>

#include "core/net/tls.h"

namespace sluice::net {

CertificateInfo describe_certificate(X509* certificate);

}  // namespace sluice::net
