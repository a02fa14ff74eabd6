#include "core/net/tls_context.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstring>

#include "core/file/file.h"
#include "core/net/certificate.h"
#include "core/net/file_stamp.h"

namespace sluice::net {
namespace {

constexpr size_t kPemBytesMax = 16 << 20;
constexpr size_t kContextsMax = 256;
constexpr int kPresentedMax = 16;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Fault wrong(std::string message) {
  return {FaultKind::kInvalid, std::move(message)};
}

Bio memory(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

// Never asks the terminal for the password of an encrypted key.
int no_password(char*, int, int, void*) {
  return 0;
}

// The PEM text of a setting that may be given as text or as a file. Empty when it is not given at all.
NetResult<std::string> pem_text(const char* what, const std::string& text, const std::string& path) {
  if (!text.empty() && !path.empty()) return wrong(fmt::format("{} and {}_file are both given", what, what));
  if (path.empty()) return text;
  const Result<std::string> content = file::read(path, kPemBytesMax);
  if (!content) return wrong(fmt::format("{}_file: {}", what, content.error().message));
  if (content->empty()) return wrong(fmt::format("{}_file: {} is empty", what, path));
  return *content;
}

std::vector<Certificate> certificates_in(const std::string& pem) {
  std::vector<Certificate> all;
  const Bio bio = memory(pem);
  while (X509* one = PEM_read_bio_X509_AUX(bio.get(), nullptr, no_password, nullptr))
    all.emplace_back(one, X509_free);
  ERR_clear_error();  // the end of the text is an error to OpenSSL
  return all;
}

const char* place(const std::string& path) {
  return path.empty() ? "the given text" : path.c_str();
}

NetResult<void> use_authorities(SSL_CTX* context, const std::string& pem, const std::string& path) {
  const std::vector<Certificate> authorities = certificates_in(pem);
  if (authorities.empty()) return wrong(fmt::format("ca: no certificate in {}", place(path)));
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const Certificate& authority : authorities) X509_STORE_add_cert(store, authority.get());
  ERR_clear_error();
  return {};
}

NetResult<void> use_certificate(SSL_CTX* context, const std::string& cert_pem, const std::string& cert_path,
                                const std::string& key_pem, const std::string& key_path) {
  if (cert_pem.empty() && key_pem.empty()) return {};
  if (cert_pem.empty() || key_pem.empty()) return wrong("a certificate needs a key, and a key a certificate");
  const std::vector<Certificate> chain = certificates_in(cert_pem);
  if (chain.empty()) return wrong(fmt::format("cert: no certificate in {}", place(cert_path)));
  if (SSL_CTX_use_certificate(context, chain[0].get()) != 1) {
    return wrong(fmt::format("cert: {}: {}", place(cert_path), take_ssl_error()));
  }
  for (size_t i = 1; i < chain.size(); ++i) SSL_CTX_add1_chain_cert(context, chain[i].get());
  const Bio bio = memory(key_pem);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr), EVP_PKEY_free);
  if (key == nullptr) {
    ERR_clear_error();
    return wrong(
        fmt::format("key: no usable private key in {} (encrypted keys are not supported)", place(key_path)));
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    return wrong(
        fmt::format("key: {} does not belong to the certificate in {}", place(key_path), place(cert_path)));
  }
  return {};
}

int protocol(TlsVersion version, int otherwise) {
  switch (version) {
    case TlsVersion::kTls10:
      return TLS1_VERSION;
    case TlsVersion::kTls11:
      return TLS1_1_VERSION;
    case TlsVersion::kTls12:
      return TLS1_2_VERSION;
    case TlsVersion::kTls13:
      return TLS1_3_VERSION;
    case TlsVersion::kDefault:
      break;
  }
  return otherwise;
}

NetResult<void> use_versions(SSL_CTX* context, TlsVersion lowest, TlsVersion highest) {
  if (lowest != TlsVersion::kDefault && highest != TlsVersion::kDefault && lowest > highest) {
    return wrong("min_version is above max_version");
  }
  const bool old = lowest == TlsVersion::kTls10 || lowest == TlsVersion::kTls11 ||
                   highest == TlsVersion::kTls10 || highest == TlsVersion::kTls11;
  // Whoever asks for TLS 1.1 gets it: Debian's security level 2 would refuse its signatures.
  if (old) SSL_CTX_set_security_level(context, 0);
  const int floor = old && lowest == TlsVersion::kDefault ? TLS1_VERSION : TLS1_2_VERSION;
  SSL_CTX_set_min_proto_version(context, protocol(lowest, floor));
  SSL_CTX_set_max_proto_version(context, protocol(highest, 0));
  return {};
}

int verification_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

Fault verification_fault(int error) {
  const std::string text = X509_verify_cert_error_string(error);
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {FaultKind::kTlsExpired, text};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {FaultKind::kTlsNameMismatch, text};
    default:
      return {FaultKind::kTlsUntrusted, text};
  }
}

std::vector<CertificateInfo> describe_all(STACK_OF(X509) * chain) {
  std::vector<CertificateInfo> all;
  for (int i = 0; i < std::min(sk_X509_num(chain), kPresentedMax); ++i) {
    all.push_back(describe_certificate(sk_X509_value(chain, i)));
  }
  return all;
}

// Replaces OpenSSL's own verification of a chain: record, then judge.
int verify_chain(X509_STORE_CTX* store, void*) {
  const auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto* verification = static_cast<Verification*>(SSL_get_ex_data(ssl, verification_index()));
  TlsFacts* facts = verification != nullptr ? verification->facts : nullptr;
  if (facts != nullptr) facts->presented = describe_all(X509_STORE_CTX_get0_untrusted(store));
  const bool insecure = verification != nullptr && verification->insecure_skip_verify;
  // Go reports no verified chain for a connection that was told not to verify, and blackbox its zero time; so
  // do we.
  if (insecure) return 1;
  const int verdict = X509_verify_cert(store);
  if (facts == nullptr) return verdict;
  if (verdict == 1) {
    facts->verified = describe_all(X509_STORE_CTX_get0_chain(store));
  } else {
    facts->verification = verification_fault(X509_STORE_CTX_get_error(store));
  }
  return verdict;
}

int choose_http(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                unsigned int offered_size, void*) {
  static constexpr unsigned char kHttp[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp, sizeof kHttp - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

std::shared_ptr<TlsContext> blank_context(const SSL_METHOD* method) {
  auto context = std::make_shared<TlsContext>();
  context->ssl.reset(SSL_CTX_new(method));
  SSL_CTX_set_mode(context->ssl.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
  SSL_CTX_set_cert_verify_callback(context->ssl.get(), verify_chain, nullptr);
  // Any certificate among the trusted ones is an anchor, as in Go: people list intermediates and leaves in
  // ca_file.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context->ssl.get()), X509_V_FLAG_PARTIAL_CHAIN);
  return context;
}

NetResult<std::shared_ptr<TlsContext>> make_client(const TlsConfig& config) {
  const auto ca = pem_text("ca", config.ca, config.ca_file);
  if (!ca) return ca.error();
  const auto cert = pem_text("cert", config.cert, config.cert_file);
  if (!cert) return cert.error();
  const auto key = pem_text("key", config.key, config.key_file);
  if (!key) return key.error();

  const std::shared_ptr<TlsContext> context = blank_context(TLS_client_method());
  SSL_CTX* ssl = context->ssl.get();
  context->insecure_skip_verify = config.insecure_skip_verify;
  context->server_name = config.server_name;
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  if (!ca->empty()) {
    if (const auto used = use_authorities(ssl, *ca, config.ca_file); !used) return used.error();
  } else if (!config.insecure_skip_verify) {
    SSL_CTX_set_default_verify_paths(ssl);
  }
  if (const auto used = use_certificate(ssl, *cert, config.cert_file, *key, config.key_file); !used) {
    return used.error();
  }
  if (const auto used = use_versions(ssl, config.min_version, config.max_version); !used) return used.error();
  return context;
}

NetResult<std::shared_ptr<TlsContext>> make_server(const TlsServerConfig& config) {
  const auto cert = pem_text("cert", "", config.cert_file);
  if (!cert) return cert.error();
  const auto key = pem_text("key", "", config.key_file);
  if (!key) return key.error();
  const auto ca = pem_text("client_ca", "", config.client_ca_file);
  if (!ca) return ca.error();
  if (cert->empty()) return wrong("cert_file is missing");
  const bool verifies =
      config.client_auth == ClientAuth::kVerifyIfGiven || config.client_auth == ClientAuth::kRequireAndVerify;
  if (verifies && ca->empty()) return wrong("client_auth_type needs a client_ca_file");

  const std::shared_ptr<TlsContext> context = blank_context(TLS_server_method());
  SSL_CTX* ssl = context->ssl.get();
  static constexpr unsigned char kId[] = "sluice";
  SSL_CTX_set_session_id_context(ssl, kId, sizeof kId - 1);
  if (!ca->empty()) {
    if (const auto used = use_authorities(ssl, *ca, config.client_ca_file); !used) return used.error();
  }
  context->insecure_skip_verify = !verifies;
  const bool required =
      config.client_auth == ClientAuth::kRequireAny || config.client_auth == ClientAuth::kRequireAndVerify;
  if (config.client_auth != ClientAuth::kNone) {
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  }
  if (const auto used = use_certificate(ssl, *cert, config.cert_file, *key, config.key_file); !used) {
    return used.error();
  }
  if (const auto used = use_versions(ssl, config.min_version, config.max_version); !used) return used.error();
  SSL_CTX_set_alpn_select_cb(ssl, choose_http, nullptr);
  return context;
}

}  // namespace

void set_verification(SSL* ssl, Verification* verification) {
  SSL_set_ex_data(ssl, verification_index(), verification);
}

std::string take_ssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown TLS error";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown TLS error";
}

struct TlsContexts::Entry {
  std::vector<FileStamp> stamps;
  std::shared_ptr<TlsContext> context;
};

TlsContexts::TlsContexts() = default;
TlsContexts::~TlsContexts() = default;

template <typename Make>
NetResult<std::shared_ptr<TlsContext>> TlsContexts::cached(std::string key,
                                                           const std::vector<std::string>& files, Make make) {
  std::vector<FileStamp> stamps;
  for (const std::string& path : files) stamps.push_back(stamp_of(path));
  const auto found = entries_.find(key);
  if (found != entries_.end() && found->second.stamps == stamps) return found->second.context;
  NetResult<std::shared_ptr<TlsContext>> fresh = make();
  if (!fresh) return fresh;
  // Reloads of the configuration may leave contexts nobody asks for again; starting over is cheap and rare.
  if (found == entries_.end() && entries_.size() >= kContextsMax) entries_.clear();
  entries_.insert_or_assign(std::move(key), Entry{std::move(stamps), *fresh});
  return fresh;
}

NetResult<std::shared_ptr<TlsContext>> TlsContexts::client(const TlsConfig& config) {
  const std::string key = fmt::format(
      "client\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", config.ca_file, config.cert_file, config.key_file,
      config.ca, config.cert, config.key, config.server_name, config.insecure_skip_verify,
      static_cast<int>(config.min_version), static_cast<int>(config.max_version));
  const bool system = config.ca.empty() && config.ca_file.empty();
  const char* bundle = std::getenv(X509_get_default_cert_file_env());
  const std::string ca_file = !system             ? config.ca_file
                              : bundle != nullptr ? bundle
                                                  : X509_get_default_cert_file();
  return cached(key, {ca_file, config.cert_file, config.key_file}, [&] { return make_client(config); });
}

NetResult<std::shared_ptr<TlsContext>> TlsContexts::server(const TlsServerConfig& config) {
  const std::string key =
      fmt::format("server\n{}\n{}\n{}\n{}\n{}\n{}", config.cert_file, config.key_file, config.client_ca_file,
                  static_cast<int>(config.client_auth), static_cast<int>(config.min_version),
                  static_cast<int>(config.max_version));
  return cached(key, {config.cert_file, config.key_file, config.client_ca_file},
                [&] { return make_server(config); });
}

}  // namespace sluice::net
