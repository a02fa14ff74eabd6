#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/net/certificate.h"
#include "core/net/tls.h"
#include "core/net/tls_context.h"

namespace asio = boost::asio;

namespace sluice::net {
namespace {

constexpr size_t kRecordBytes = 17 * 1024;  // one TLS record with its overhead

// TLS over any stream: OpenSSL works on two memory buffers, and this carries bytes between them and the
// stream below. So it is the same for a fresh connection, STARTTLS, client and server, and OpenSSL never
// touches a socket.
class TlsStream final : public Stream {
 public:
  TlsStream(const asio::any_io_executor& executor, std::unique_ptr<Stream> below,
            std::shared_ptr<TlsContext> context)
      : below_(std::move(below)), context_(std::move(context)), flushed_(executor), incoming_(kRecordBytes) {
    ssl_.reset(SSL_new(context_->ssl.get()));
    from_peer_ = BIO_new(BIO_s_mem());
    to_peer_ = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(from_peer_, -1);
    SSL_set_bio(ssl_.get(), from_peer_, to_peer_);  // owns both from here
  }

  SSL* ssl() { return ssl_.get(); }
  Stream& below() { return *below_; }
  void set_facts(TlsFacts facts) { facts_ = std::move(facts); }

  // One step of the handshake to its end. Faults of the stream below come as they are.
  asio::awaitable<NetResult<void>> handshake() {
    while (true) {
      ERR_clear_error();
      const int done = SSL_do_handshake(ssl_.get());
      const int why = SSL_get_error(ssl_.get(), done);
      // The queue is read now: the flush below may be preceded by other connections' work.
      std::string message =
          why == SSL_ERROR_SSL || why == SSL_ERROR_SYSCALL ? take_ssl_error() : std::string();
      // Also after a failure: the alert tells the peer why.
      const NetResult<void> sent = co_await flush();
      if (done == 1) co_return sent;
      if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
        co_return Fault{FaultKind::kTlsHandshake, std::move(message)};
      }
      if (!sent) co_return sent.error();
      const NetResult<size_t> got = co_await feed();
      if (!got) co_return got.error();
      if (*got == 0)
        co_return Fault{FaultKind::kReset, "the peer closed the connection during the handshake"};
    }
  }

  asio::awaitable<NetResult<size_t>> read_some(std::span<char> buffer) override {
    while (true) {
      ERR_clear_error();
      const int n =
          SSL_read(ssl_.get(), buffer.data(), static_cast<int>(std::min<size_t>(buffer.size(), 1 << 30)));
      const int why = SSL_get_error(ssl_.get(), n);
      const std::string message = why == SSL_ERROR_SSL ? take_ssl_error() : std::string();
      // Reading may answer: a key update, a renegotiation refused.
      if (BIO_ctrl_pending(to_peer_) > 0) {
        const NetResult<void> sent = co_await flush();
        if (!sent && n <= 0) co_return sent.error();
      }
      if (n > 0) co_return static_cast<size_t>(n);
      if (why == SSL_ERROR_ZERO_RETURN) co_return size_t{0};
      if (why != SSL_ERROR_WANT_READ) co_return Fault{FaultKind::kProtocol, "TLS: " + message};
      const NetResult<size_t> got = co_await feed();
      if (!got) co_return got.error();
      // Without the farewell of TLS nobody knows whether this was all.
      if (*got == 0)
        co_return Fault{FaultKind::kReset, "the connection was closed without a TLS close_notify"};
    }
  }

  asio::awaitable<NetResult<void>> write_all(std::string_view bytes) override {
    while (!bytes.empty()) {
      ERR_clear_error();
      const size_t part = std::min<size_t>(bytes.size(), 16 * 1024);
      const int n = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(part));
      if (n <= 0) co_return Fault{FaultKind::kProtocol, "TLS: " + take_ssl_error()};
      bytes.remove_prefix(static_cast<size_t>(n));
      // Bounded memory: records leave as they are made, several at a time.
      if (bytes.empty() || BIO_ctrl_pending(to_peer_) > 4 * kRecordBytes) {
        const NetResult<void> sent = co_await flush();
        if (!sent) co_return sent.error();
      }
    }
    co_return NetResult<void>();
  }

  void close() override { below_->close(); }

  void cancel() override { below_->cancel(); }

  asio::awaitable<void> finish() override {
    if (SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
    ERR_clear_error();
    co_await flush();
    co_await below_->finish();
  }

  bool quiet() override {
    return SSL_has_pending(ssl_.get()) == 0 && BIO_ctrl_pending(from_peer_) == 0 && below_->quiet();
  }
  Endpoint remote() const override { return below_->remote(); }
  const TlsFacts* tls() const override { return &facts_; }

 private:
  asio::awaitable<NetResult<size_t>> feed() {
    const NetResult<size_t> got = co_await below_->read_some(incoming_);
    if (got && *got > 0) BIO_write(from_peer_, incoming_.data(), static_cast<int>(*got));
    co_return got;
  }

  // Sends what OpenSSL wants sent. A reader and a writer may both come here; the second waits for the first.
  asio::awaitable<NetResult<void>> flush() {
    while (flushing_) {
      flushed_.expires_at(std::chrono::steady_clock::time_point::max());
      co_await flushed_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    if (BIO_ctrl_pending(to_peer_) == 0) co_return NetResult<void>();
    flushing_ = true;
    NetResult<void> sent;
    while (sent && BIO_ctrl_pending(to_peer_) > 0) {
      std::string bytes(BIO_ctrl_pending(to_peer_), '\0');
      const int n = BIO_read(to_peer_, bytes.data(), static_cast<int>(bytes.size()));
      bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
      sent = co_await below_->write_all(bytes);
    }
    flushing_ = false;
    flushed_.cancel();
    co_return sent;
  }

  std::unique_ptr<Stream> below_;
  std::shared_ptr<TlsContext> context_;
  std::unique_ptr<SSL, SslFree> ssl_;
  BIO* from_peer_ = nullptr;  // owned by ssl_
  BIO* to_peer_ = nullptr;
  asio::steady_timer flushed_;
  bool flushing_ = false;
  std::vector<char> incoming_;
  TlsFacts facts_;
};

std::string version_text(const SSL* ssl) {
  switch (SSL_version(ssl)) {
    case TLS1_VERSION:
      return "TLS 1.0";
    case TLS1_1_VERSION:
      return "TLS 1.1";
    case TLS1_2_VERSION:
      return "TLS 1.2";
    case TLS1_3_VERSION:
      return "TLS 1.3";
    default:
      return "unknown";
  }
}

void read_session(const SSL* ssl, TlsFacts& facts) {
  facts.version = version_text(ssl);
  if (const char* cipher = SSL_get_cipher_name(ssl)) facts.cipher = cipher;
  const unsigned char* alpn = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &size);
  if (size > 0) facts.alpn.assign(reinterpret_cast<const char*>(alpn), size);
}

// SNI and the name that is verified. Addresses are verified but not sent (RFC 6066).
void name_server(SSL* ssl, std::string name) {
  if (name.ends_with('.')) name.pop_back();
  if (name.empty()) return;
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
  if (const std::optional<IpAddress> literal = parse_ip(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(param, literal->to_string().c_str());
    return;
  }
  SSL_set_tlsext_host_name(ssl, name.c_str());
  X509_VERIFY_PARAM_set_hostflags(param,
                                  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  X509_VERIFY_PARAM_set1_host(param, name.c_str(), name.size());
}

// What a failed handshake means, seen from outside: the certificate explains more than the alert that
// followed from it.
Fault handshake_fault(Fault own, const TlsFacts& facts, const Deadline& deadline) {
  if (facts.verification) return *facts.verification;
  if (own.kind == FaultKind::kReset) own.kind = FaultKind::kTlsHandshake;
  return deadline.judge(std::move(own), FaultKind::kTlsTimeout);
}

}  // namespace

asio::awaitable<NetResult<std::unique_ptr<Stream>>> tls_connect(std::unique_ptr<Stream> stream,
                                                                std::shared_ptr<TlsContext> context,
                                                                TlsClientOptions options, TlsFacts& facts,
                                                                Deadline& deadline) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto tls = std::make_unique<TlsStream>(executor, std::move(stream), context);
  deadline.closes(*tls);
  Verification verification{&facts, context->insecure_skip_verify};
  set_verification(tls->ssl(), &verification);
  name_server(tls->ssl(), context->server_name.empty() ? options.server_name : context->server_name);
  static constexpr unsigned char kHttp[] = "\x08http/1.1";
  if (options.http) SSL_set_alpn_protos(tls->ssl(), kHttp, sizeof kHttp - 1);
  SSL_set_connect_state(tls->ssl());

  const NetResult<void> done = co_await tls->handshake();
  set_verification(tls->ssl(), nullptr);
  if (!done) {
    deadline.release();
    co_return handshake_fault(done.error(), facts, deadline);
  }
  read_session(tls->ssl(), facts);
  tls->set_facts(facts);
  co_return std::unique_ptr<Stream>(std::move(tls));
}

asio::awaitable<NetResult<std::unique_ptr<Stream>>> tls_accept(std::unique_ptr<Stream> stream,
                                                               std::shared_ptr<TlsContext> context,
                                                               Deadline& deadline) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto tls = std::make_unique<TlsStream>(executor, std::move(stream), context);
  deadline.closes(*tls);
  TlsFacts facts;
  Verification verification{&facts, context->insecure_skip_verify};
  set_verification(tls->ssl(), &verification);
  SSL_set_accept_state(tls->ssl());

  const NetResult<void> done = co_await tls->handshake();
  set_verification(tls->ssl(), nullptr);
  if (!done) {
    deadline.release();
    co_return handshake_fault(done.error(), facts, deadline);
  }
  read_session(tls->ssl(), facts);
  tls->set_facts(std::move(facts));
  co_return std::unique_ptr<Stream>(std::move(tls));
}

}  // namespace sluice::net
