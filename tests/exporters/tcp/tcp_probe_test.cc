#include "exporters/tcp/tcp_probe.h"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>

#include "core/net/clock.h"
#include "core/net/resolver.h"
#include "core/net/stream.h"
#include "core/net/tls.h"
#include "exporters/probe_families.h"
#include "exporters/tcp/tcp_judge.h"
#include "tests/support/net/certificates.h"
#include "tests/support/net/fake_peer.h"
#include "tests/support/net/golden.h"
#include "tests/support/net/loop.h"
#include "tests/support/net/nginx.h"
#include "tests/support/suites.h"

namespace asio = boost::asio;

namespace sluice::exporters::tcp {
namespace {

using support::FakePeer;
using support::run_on;
namespace behaviour = support::behaviour;

class TcpProbeTest : public ::testing::Test {
 protected:
  // Reads the system's authorities, which takes its time under a sanitizer.
  void SetUp() override { EXPECT_TRUE(tls_.client({})); }

  ProbeResult probe(const std::string& target, TcpModule module = {}, Duration limit = 5s,
                    bool explain = false) {
    const auto script = TcpScript::compile(std::move(module));
    EXPECT_TRUE(script) << script.error().message;
    TcpProber prober(net_, *script, target);
    const Instant start = clock_.now();
    const ProbeResult result = run_on(io_, prober.probe({start, start + limit, explain}));
    took_ = clock_.now() - start;
    EXPECT_EQ(result.success(), result.detail.empty()) << result.detail;
    return result;
  }
  static std::string at(uint16_t port) { return "127.0.0.1:" + std::to_string(port); }
  static TcpModule script(std::vector<QueryResponse> steps) {
    TcpModule module;
    module.query_response = std::move(steps);
    return module;
  }
  static QueryResponse step(std::string expect, std::string send = "", bool starttls = false) {
    QueryResponse result;
    result.expect = std::move(expect);
    result.send = std::move(send);
    result.starttls = starttls;
    return result;
  }
  static double by_regex(const ProbeResult& result) {
    for (const MetricPoint& point : result.points) {
      if (point.family == &kProbeFailedDueToRegex) return point.value;
    }
    return -1;
  }

  asio::io_context io_;
  net::RealClock clock_;
  net::TlsContexts tls_;
  net::Resolver resolver_{io_.get_executor()};
  net::Net net_{clock_, resolver_, tls_};
  Duration took_{};
};

TEST_F(TcpProbeTest, plays_a_conversation) {
  std::string heard;
  const FakePeer peer(io_, [&](support::Socket& socket) -> asio::awaitable<void> {
    co_await support::send(socket, "220-welcome\r\n220 mail.test ESMTP v7\r\n");
    char bytes[64];
    const size_t n = co_await socket.async_read_some(asio::buffer(bytes), asio::use_awaitable);
    heard.assign(bytes, n);
    co_await support::send(socket, "250 ok");
  });
  TcpModule module =
      script({step("^220 ([^ ]+) ESMTP (?P<version>.*)$", "EHLO $1 ${version} $$5 $none."), step("^250")});
  module.query_response[0].labels = {{"host", "$1"}, {"version", "${version}"}};
  const ProbeResult result = probe(at(peer.port()), module, 5s, true);
  EXPECT_TRUE(result.success()) << result.detail;
  EXPECT_EQ(heard, "EHLO mail.test v7 $5 .\n");
  const support::Golden shown = support::to_golden(result.points);
  EXPECT_TRUE(shown.at("probe_expect_info").series.contains("{host=\"mail.test\",version=\"v7\"}"));
  EXPECT_FALSE(result.findings.empty());
}

TEST_F(TcpProbeTest, every_failure_has_its_reason_and_its_end) {
  const support::DeafPort deaf(io_);
  uint16_t closed = 0;
  {
    closed = FakePeer(io_, behaviour::hangs()).port();
  }
  io_.poll();
  const FakePeer hangs(io_, behaviour::hangs());
  const FakePeer resets(io_, behaviour::resets());
  const FakePeer ends(io_, [](support::Socket& socket) -> asio::awaitable<void> {
    co_await support::send(socket, "a\nb\n");
  });
  const FakePeer endless(io_, behaviour::says(std::string(200'000, 'x')));
  TcpModule tls;
  tls.tls = true;
  const TcpModule expects = script({step("ready")});
  const struct {
    uint16_t port;
    TcpModule module;
    const char* reason;
    double by_regex;
    bool at_deadline;
  } cases[] = {
      {closed, {}, "connect_refused", 0, false},
      {deaf.port(), {}, "connect_timeout", 0, true},
      {hangs.port(), {}, "ok", 0, false},
      {hangs.port(), expects, "timeout_body", 0, true},
      {resets.port(), expects, "connect_reset", 0, false},
      {ends.port(), expects, "body_mismatch", 1, false},
      {endless.port(), expects, "body_too_large", 0, false},
      {hangs.port(), tls, "tls_timeout", 0, true},
      {endless.port(), tls, "tls_handshake", 0, false},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    const auto& c = cases[i];
    const ProbeResult result = probe(at(c.port), c.module, c.at_deadline ? 300ms : 5s);
    EXPECT_EQ(to_string(result.reason), c.reason) << i << ": " << result.detail;
    EXPECT_EQ(by_regex(result), c.by_regex) << i;
    if (c.at_deadline) EXPECT_GE(took_, 300ms) << i;
    EXPECT_LT(took_, c.at_deadline ? 300ms + support::kSlack : 3s) << i;
  }
  EXPECT_EQ(to_string(probe("no-port").reason), "internal");
  EXPECT_EQ(to_string(probe(":80").reason), "internal");
}

TEST_F(TcpProbeTest, starts_tls_in_mid_conversation) {
  const support::TemporaryFolder folder;
  support::TestAuthority authority(folder.path());
  const auto files = authority.issue();
  // A mail server as far as it matters: greets in the clear, secures, greets again.
  SLUICE_REQUIRE_NGINX();
  const support::Nginx nginx("location / { return 200 secured; }", files.cert_file, files.key_file);
  const FakePeer peer(io_, [&](support::Socket& socket) -> asio::awaitable<void> {
    co_await support::send(socket, "220 hello\n");
    char bytes[4096];
    co_await socket.async_read_some(asio::buffer(bytes), asio::use_awaitable);  // "STARTTLS"
    support::Socket below(socket.get_executor());
    co_await below.async_connect({asio::ip::make_address("127.0.0.1"), nginx.tls_port()},
                                 asio::use_awaitable);
    co_await support::send(socket, "220 go ahead\n");
    co_await support::relay(socket, below);
  });
  TcpModule module = script({step("^220 hello", "STARTTLS"), step("^220 go", "", true),
                             step("", "GET / HTTP/1.0\r\n\r"), step("secured$")});
  module.tls_config.ca_file = authority.ca_file();
  module.tls_config.server_name = "localhost";
  const ProbeResult result = probe(at(peer.port()), module);
  EXPECT_TRUE(result.success()) << result.detail;
  const support::Golden shown = support::to_golden(result.points);
  EXPECT_TRUE(shown.contains("probe_ssl_earliest_cert_expiry"));
  EXPECT_TRUE(shown.contains("probe_tls_version_info"));
  module.tls_config.server_name = "other.test";
  EXPECT_EQ(to_string(probe(at(peer.port()), module).reason), "tls_name_mismatch");
}

TEST_F(TcpProbeTest, shows_what_blackbox_exporter_shows) {
  SLUICE_REQUIRE_SUITE(golden, "golden");
  const FakePeer peer(io_, behaviour::hangs());
  uint16_t closed = 0;
  {
    closed = FakePeer(io_, behaviour::hangs()).port();
  }
  io_.poll();
  const struct {
    const char* name;
    uint16_t port;
  } cases[] = {{"tcp_ok", peer.port()}, {"tcp_refused", closed}};
  for (const auto& c : cases) {
    const support::Golden theirs = support::read_golden(golden + "blackbox." + c.name + ".prom");
    const ProbeResult result = probe(at(c.port));
    std::vector<MetricPoint> points = result.points;
    points.push_back({&kProbeSuccess, {}, result.success() ? 1.0 : 0.0});
    points.push_back({&kProbeDuration, {}, to_seconds(result.duration)});
    const support::Golden ours = support::to_golden(points);
    EXPECT_EQ(ours.size(), theirs.size());
    for (const auto& [family, expected] : theirs) {
      ASSERT_TRUE(ours.contains(family)) << family;
      EXPECT_EQ(ours.at(family).type, expected.type) << family;
      EXPECT_EQ(ours.at(family).help, expected.help) << family;
      if (!family.ends_with("_seconds"))
        EXPECT_EQ(ours.at(family).series, expected.series) << c.name << family;
    }
  }
}

TEST(TcpConfigTest, names_the_key_of_each_problem) {
  const auto with = [](auto change) {
    TcpModule module;
    change(module);
    return module;
  };
  const struct {
    TcpModule module;
    const char* key;
  } cases[] = {
      {with([](auto& m) { m.source_ip_address = "here"; }), "source_ip_address"},
      {with([](auto& m) { m.query_response = {{"(", {}, "", false}}; }), "query_response"},
      {with([](auto& m) { m.query_response = {{"", {{"a", "$1"}}, "", false}}; }), "query_response"},
      {with([](auto& m) { m.query_response = {{"x", {{"a-b", "$1"}}, "", false}}; }), "query_response"},
      {with([](auto& m) {
         m.tls = true;
         m.query_response = {{"", {}, "", true}};
       }),
       "query_response"},
  };
  for (const auto& c : cases) {
    const auto found = problems(c.module);
    ASSERT_EQ(found.size(), 1u) << c.key;
    EXPECT_EQ(found[0].key, c.key);
  }
}

}  // namespace
}  // namespace sluice::exporters::tcp
