#pragma once
// OpenSSL's side of tls.h. Only for the .cc files of core/net.

#include <openssl/ssl.h>

#include <memory>

#include "core/net/tls.h"

namespace sluice::net {

struct SslCtxFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

class TlsContext {
 public:
  std::unique_ptr<SSL_CTX, SslCtxFree> ssl;
  bool insecure_skip_verify = false;
  std::string server_name;  // of the configuration; wins over the caller's
};

// Where the verification of this connection writes what it sees. `facts` must outlive the handshake.
struct Verification {
  TlsFacts* facts = nullptr;
  bool insecure_skip_verify = false;
};
void set_verification(SSL* ssl, Verification* verification);

// The oldest entry of OpenSSL's error queue as a sentence; empties the queue.
std::string take_ssl_error();

}  // namespace sluice::net
