#pragma once
// TLS on top of a stream, and the facts a handshake shows.
//
// The chain a server presents is recorded before it is judged. So the expiry date of a certificate is known
// exactly when it matters most: when verification has just failed because of it.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/net/deadline.h"
#include "core/net/fault.h"
#include "core/net/stream.h"
#include "core/net/tls_config.h"
#include "core/time.h"

namespace sluice::net {

struct CertificateInfo {
  std::string subject;  // RFC 2253, most specific part first: "CN=localhost,O=Acme"
  std::string issuer;
  Timestamp not_before{};
  Timestamp not_after{};
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  std::string serial;  // hexadecimal, lower case
  std::string sha256;  // fingerprint of the DER form, hexadecimal, lower case
};

struct TlsFacts {
  std::string version;  // "TLS 1.3"; empty when the handshake did not get that far
  std::string cipher;
  std::string alpn;
  std::vector<CertificateInfo> presented;  // leaf first, at most 16
  std::vector<CertificateInfo> verified;   // leaf to trust anchor; empty when not verified
  std::optional<Fault> verification;       // why it failed
};

class TlsContext;  // a prepared SSL_CTX

// One prepared context per configuration (loading the CA bundle takes 20 ms), made again when one of its
// files changes.
class TlsContexts {
 public:
  TlsContexts();
  ~TlsContexts();
  // kInvalid with the file and what is wrong with it.
  NetResult<std::shared_ptr<TlsContext>> client(const TlsConfig& config);
  NetResult<std::shared_ptr<TlsContext>> server(const TlsServerConfig& config);

 private:
  struct Entry;
  template <typename Make>
  NetResult<std::shared_ptr<TlsContext>> cached(std::string key, const std::vector<std::string>& files,
                                                Make make);
  std::map<std::string, Entry> entries_;
};

struct TlsClientOptions {
  std::string server_name;  // SNI (names only, not addresses) and the name verified
  bool http = false;        // offer http/1.1 by ALPN
};

// The handshake as a client over `stream` (fresh, or after STARTTLS). `facts` is filled as far as the
// handshake got, also when it fails. Faults: kTls*, kReset. The deadline closes this stream from here on.
boost::asio::awaitable<NetResult<std::unique_ptr<Stream>>> tls_connect(std::unique_ptr<Stream> stream,
                                                                       std::shared_ptr<TlsContext> context,
                                                                       TlsClientOptions options,
                                                                       TlsFacts& facts, Deadline& deadline);
// The same as a server.
boost::asio::awaitable<NetResult<std::unique_ptr<Stream>>> tls_accept(std::unique_ptr<Stream> stream,
                                                                      std::shared_ptr<TlsContext> context,
                                                                      Deadline& deadline);

}  // namespace sluice::net
