#include "core/net/tls.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <fstream>

#include "core/net/clock.h"
#include "core/net/http_client.h"
#include "core/net/resolver.h"
#include "tests/support/net/certificates.h"
#include "tests/support/net/fake_peer.h"
#include "tests/support/net/loop.h"
#include "tests/support/net/nginx.h"
#include "tests/support/suites.h"

namespace asio = boost::asio;

namespace sluice::net {
namespace {

using support::CertificateRequest;
using support::run_on;
using support::TestAuthority;

Instant now() {
  return RealClock().now();
}

class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override { SLUICE_REQUIRE_NGINX(); }

  void serve(const CertificateRequest& request, const std::string& extra = "") {
    const auto files = authority_.issue(request);
    nginx_ = std::make_unique<support::Nginx>("location / { return 200 hello; }", files.cert_file,
                                              files.key_file, extra);
  }
  TlsConfig trusting() const {
    TlsConfig config;
    config.ca_file = authority_.ca_file();
    return config;
  }
  HttpExchange ask(const TlsConfig& config, const std::string& host = "localhost") {
    ExchangeOptions options;
    options.tls = config;
    options.deadline = now() + 5s;
    options.resolve.preferred = IpFamily::kIp4;
    const std::string url = "https://" + host + ":" + std::to_string(nginx_->tls_port()) + "/";
    return run_on(io_, exchange(net_, {"GET", url, {}, ""}, std::move(options)));
  }
  FaultKind fault_of(const TlsConfig& config, const std::string& host = "localhost") {
    const HttpExchange seen = ask(config, host);
    EXPECT_TRUE(seen.fault);
    return seen.fault ? seen.fault->kind : FaultKind::kClosed;
  }

  support::TemporaryFolder folder_;
  TestAuthority authority_{folder_.path()};
  asio::io_context io_;
  RealClock clock_;
  Resolver resolver_{io_.get_executor()};
  TlsContexts tls_;
  Net net_{clock_, resolver_, tls_};
  std::unique_ptr<support::Nginx> nginx_;
};

TEST_F(TlsTest, verifies_a_good_server_by_name_and_by_address) {
  serve({});
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const HttpExchange seen = ask(trusting(), host);
    ASSERT_FALSE(seen.fault) << seen.fault->message;
    EXPECT_EQ(seen.body, "hello");
    EXPECT_TRUE(seen.used_tls);
    EXPECT_GT(seen.tls, Duration(0));
    const TlsFacts& facts = seen.tls_facts;
    EXPECT_EQ(facts.version, "TLS 1.3");
    EXPECT_EQ(facts.alpn, "http/1.1");
    ASSERT_EQ(facts.presented.size(), 1u);
    EXPECT_EQ(facts.presented[0].subject, "CN=localhost");
    EXPECT_EQ(facts.presented[0].issuer, "CN=Test CA");
    EXPECT_EQ(facts.presented[0].dns_names, std::vector<std::string>{"localhost"});
    EXPECT_EQ(facts.presented[0].ip_addresses, std::vector<std::string>{"127.0.0.1"});
    EXPECT_EQ(facts.presented[0].sha256.size(), 64u);
    EXPECT_EQ(facts.presented[0].serial, "2");
    ASSERT_EQ(facts.verified.size(), 2u);
    EXPECT_EQ(facts.verified[1].subject, "CN=Test CA");
    EXPECT_FALSE(facts.verification);
  }
}

TEST_F(TlsTest, tells_untrusted_from_expired_from_misnamed) {
  serve({});
  TlsConfig stranger;
  stranger.ca_file = TestAuthority(folder_.path(), "Other CA").ca_file();
  EXPECT_EQ(fault_of(stranger), FaultKind::kTlsUntrusted);
  EXPECT_EQ(fault_of({}), FaultKind::kTlsUntrusted);
  TlsConfig misnamed = trusting();
  misnamed.server_name = "example.com";
  EXPECT_EQ(fault_of(misnamed), FaultKind::kTlsNameMismatch);
  serve({.valid_from_days = -30, .valid_until_days = -1});
  EXPECT_EQ(fault_of(trusting()), FaultKind::kTlsExpired);
  serve({.valid_from_days = 1, .valid_until_days = 2});
  EXPECT_EQ(fault_of(trusting()), FaultKind::kTlsExpired);
  // A common name is not a name any more.
  serve({.common_name = "localhost", .dns_names = {"other.test"}, .ip_addresses = {}});
  EXPECT_EQ(fault_of(trusting()), FaultKind::kTlsNameMismatch);
  EXPECT_EQ(fault_of(trusting(), "127.0.0.1"), FaultKind::kTlsNameMismatch);
}

TEST_F(TlsTest, certificate_facts_survive_a_failed_verification) {
  serve({.valid_from_days = -30, .valid_until_days = -1});
  const HttpExchange seen = ask(trusting());
  ASSERT_TRUE(seen.fault);
  ASSERT_EQ(seen.tls_facts.presented.size(), 1u);
  EXPECT_LT(seen.tls_facts.presented[0].not_after, clock_.unix_now());
  EXPECT_GT(seen.tls_facts.presented[0].not_after, clock_.unix_now() - std::chrono::hours(48));
  EXPECT_TRUE(seen.tls_facts.verification);
  EXPECT_TRUE(seen.tls_facts.verified.empty());
}

TEST_F(TlsTest, skips_verification_when_told_to) {
  serve({.dns_names = {"other.test"}, .ip_addresses = {}, .valid_from_days = -30, .valid_until_days = -1});
  TlsConfig config;
  config.insecure_skip_verify = true;
  const HttpExchange seen = ask(config);
  EXPECT_FALSE(seen.fault);
  EXPECT_EQ(seen.tls_facts.presented.size(), 1u);
  EXPECT_TRUE(seen.tls_facts.verified.empty());
}

TEST_F(TlsTest, a_wildcard_covers_one_label) {
  serve({.dns_names = {"*.example.test"}});
  TlsConfig config = trusting();
  config.server_name = "a.example.test";
  EXPECT_FALSE(ask(config).fault);
  config.server_name = "a.b.example.test";
  EXPECT_EQ(fault_of(config), FaultKind::kTlsNameMismatch);
}

TEST_F(TlsTest, sends_the_server_name) {
  serve({}, "if ($ssl_server_name != localhost) { return 421; }");
  EXPECT_EQ(ask(trusting()).status, 200);
  TlsConfig other = trusting();
  other.server_name = "example.com";
  other.insecure_skip_verify = true;
  EXPECT_EQ(ask(other).status, 421);
}

TEST_F(TlsTest, shows_a_client_certificate) {
  serve({}, "ssl_client_certificate " + authority_.ca_file() + "; ssl_verify_client on;");
  EXPECT_EQ(ask(trusting()).status, 400);  // nginx says so over HTTP
  const auto client = authority_.issue({.common_name = "prober"});
  TlsConfig config = trusting();
  config.cert_file = client.cert_file;
  config.key_file = client.key_file;
  EXPECT_EQ(ask(config).status, 200);
  TlsConfig texts = trusting();
  texts.cert = support::read_file(client.cert_file);
  texts.key = support::read_file(client.key_file);
  EXPECT_EQ(ask(texts).status, 200);
}

TEST_F(TlsTest, keeps_to_the_versions_it_may_speak) {
  serve({}, "ssl_protocols TLSv1.2;");
  EXPECT_EQ(ask(trusting()).tls_facts.version, "TLS 1.2");
  TlsConfig config = trusting();
  config.min_version = TlsVersion::kTls13;
  EXPECT_EQ(fault_of(config), FaultKind::kTlsHandshake);
  config.max_version = TlsVersion::kTls12;
  EXPECT_EQ(fault_of(config), FaultKind::kInvalid);
}

TEST_F(TlsTest, reads_changed_files_again) {
  serve({});
  TlsConfig config;
  config.ca_file = folder_.file("ca.pem");
  support::write_file(config.ca_file, support::read_file(TestAuthority(folder_.path(), "Old CA").ca_file()));
  EXPECT_EQ(fault_of(config), FaultKind::kTlsUntrusted);
  EXPECT_EQ(*tls_.client(config), *tls_.client(config));
  support::write_file(config.ca_file, "# rotated\n" + support::read_file(authority_.ca_file()));
  EXPECT_FALSE(ask(config).fault);
}

TEST_F(TlsTest, says_what_is_wrong_with_a_file) {
  const auto files = authority_.issue();
  const auto other = authority_.issue();
  const std::string garbage = folder_.file("garbage");
  support::write_file(garbage, "not pem");
  // ca_file, cert_file, key_file, inline ca -> what the message says
  const struct {
    std::string ca_file, cert_file, key_file, ca;
    const char* message;
  } cases[] = {
      {"/no/such/file", "", "", "", "/no/such/file"},
      {garbage, "", "", "", "no certificate in "},
      {"", files.cert_file, "", "", "needs a key"},
      {"", files.cert_file, other.key_file, "", "does not belong"},
      {"", files.cert_file, garbage, "", "no usable private key"},
      {garbage, "", "", "x", "both given"},
  };
  for (const auto& c : cases) {
    TlsConfig config;
    config.ca_file = c.ca_file;
    config.cert_file = c.cert_file;
    config.key_file = c.key_file;
    config.ca = c.ca;
    const auto context = tls_.client(config);
    ASSERT_FALSE(context) << c.message;
    EXPECT_EQ(context.error().kind, FaultKind::kInvalid);
    EXPECT_NE(context.error().message.find(c.message), std::string::npos) << context.error().message;
  }
}

class TlsPeerTest : public ::testing::Test {
 protected:
  NetResult<std::unique_ptr<Stream>> handshake(uint16_t port, Duration limit) {
    (void)tls_.client({});  // reading the system's bundle takes its time, under sanitizers even seconds
    return run_on(io_, connect(port, now() + limit));
  }
  asio::awaitable<NetResult<std::unique_ptr<Stream>>> connect(uint16_t port, Instant at) {
    Deadline deadline(io_.get_executor(), at);
    auto stream = co_await connect_tcp({*parse_ip("127.0.0.1"), port}, deadline);
    TlsFacts facts;
    co_return co_await tls_connect(std::move(*stream), *tls_.client({}), {"localhost", false}, facts,
                                   deadline);
  }
  asio::io_context io_;
  TlsContexts tls_;
};

TEST_F(TlsPeerTest, a_peer_that_hangs_in_the_handshake_is_given_up_at_the_deadline) {
  const support::FakePeer peer(io_, support::behaviour::hangs());
  const Instant start = now();
  EXPECT_EQ(handshake(peer.port(), 300ms).error().kind, FaultKind::kTlsTimeout);
  EXPECT_GE(now() - start, 300ms);
  EXPECT_LT(now() - start, 400ms + support::kSlack);
}

TEST_F(TlsPeerTest, a_peer_that_does_not_speak_tls_fails_the_handshake) {
  for (const auto& behaviour :
       {support::behaviour::says("HTTP/1.1 400 Bad Request\r\n\r\n"), support::behaviour::resets(),
        support::behaviour::says(std::string("\x16\x03\x01\x40\x00", 5) + std::string(20'000, 'x'))}) {
    const support::FakePeer peer(io_, behaviour);
    const auto result = handshake(peer.port(), 2s);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, FaultKind::kTlsHandshake) << result.error().message;
  }
}

}  // namespace
}  // namespace sluice::net
