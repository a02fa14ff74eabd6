#pragma once
// How we speak TLS, as prometheus/common's tls_config has it. A plain aggregate: no OpenSSL here.

#include <string>

namespace sluice::net {

enum class TlsVersion { kDefault, kTls10, kTls11, kTls12, kTls13 };  // "", "TLS10", ..., "TLS13"

struct TlsConfig {
  std::string ca_file;    // whom we trust; empty: the system's
  std::string cert_file;  // client certificate, with its chain
  std::string key_file;
  std::string ca;  // the same as PEM text; at most one of text and file
  std::string cert;
  std::string key;
  std::string server_name;  // for SNI and verification; empty: the host we connect to
  bool insecure_skip_verify = false;
  TlsVersion min_version = TlsVersion::kDefault;  // TLS 1.2
  TlsVersion max_version = TlsVersion::kDefault;

  bool operator==(const TlsConfig&) const = default;
};

// The server's side, as exporter-toolkit's tls_server_config.
enum class ClientAuth { kNone, kRequest, kRequireAny, kVerifyIfGiven, kRequireAndVerify };

struct TlsServerConfig {
  std::string cert_file;
  std::string key_file;
  std::string client_ca_file;
  ClientAuth client_auth = ClientAuth::kNone;
  TlsVersion min_version = TlsVersion::kDefault;  // TLS 1.2
  TlsVersion max_version = TlsVersion::kDefault;

  bool operator==(const TlsServerConfig&) const = default;
};

}  // namespace sluice::net
