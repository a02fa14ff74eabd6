#include "exporters/http/http_probe.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <set>

#include "core/net/clock.h"
#include "core/net/compression.h"
#include "core/net/resolver.h"
#include "core/net/tls.h"
#include "exporters/http/http_judge.h"
#include "exporters/probe_families.h"
#include "tests/support/net/certificates.h"
#include "tests/support/net/fake_dns.h"
#include "tests/support/net/fake_peer.h"
#include "tests/support/net/golden.h"
#include "tests/support/net/loop.h"
#include "tests/support/net/nginx.h"
#include "tests/support/suites.h"

namespace asio = boost::asio;

namespace sluice::exporters::http {
namespace {

using support::FakePeer;
using support::run_on;
namespace behaviour = support::behaviour;

std::string response(const std::string& headers, const std::string& body,
                     const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

class HttpProbeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::map<std::string, support::DnsRecord> names;
    names["slow.test"].hangs = true;
    dns_ = std::make_unique<support::FakeDns>(io_, names);
    net::ResolverOptions options;
    options.servers = {dns_->address()};
    resolver_ = std::make_unique<net::Resolver>(io_.get_executor(), options);
    EXPECT_TRUE(tls_.client({}));  // reads the system's authorities, which takes its time under a sanitizer
    net_ = std::make_unique<net::Net>(net::Net{clock_, *resolver_, tls_});
  }

  ProbeResult probe(const std::string& target, HttpModule module = {}, Duration limit = 5s,
                    bool explain = false) {
    const auto rules = HttpRules::compile(std::move(module));
    EXPECT_TRUE(rules) << rules.error().message;
    HttpProber prober(*net_, *rules, target);
    const Instant start = clock_.now();
    const ProbeResult result = run_on(io_, prober.probe({start, start + limit, explain}));
    took_ = clock_.now() - start;
    EXPECT_EQ(result.success(), result.detail.empty()) << result.detail;
    return result;
  }
  std::string reason(const std::string& target, HttpModule module = {}, Duration limit = 5s) {
    return std::string(to_string(probe(target, std::move(module), limit).reason));
  }
  static std::string url(const FakePeer& peer) {
    return "http://127.0.0.1:" + std::to_string(peer.port()) + "/";
  }
  static double value(const ProbeResult& result, std::string_view family, const Labels& labels = {}) {
    for (const MetricPoint& point : result.points) {
      if (point.family->name == family && point.labels == labels) return point.value;
    }
    ADD_FAILURE() << "no " << family;
    return -1;
  }

  asio::io_context io_;
  net::RealClock clock_;
  net::TlsContexts tls_;
  std::unique_ptr<support::FakeDns> dns_;
  std::unique_ptr<net::Resolver> resolver_;
  std::unique_ptr<net::Net> net_;
  Duration took_{};
};

// Every way a peer can fail us: the reason, and that it ends when it should.
TEST_F(HttpProbeTest, every_failure_has_its_reason_and_its_end) {
  const support::DeafPort deaf(io_);
  uint16_t closed = 0;
  {
    closed = FakePeer(io_, behaviour::hangs()).port();
  }
  io_.poll();
  const auto at = [](uint16_t port, const char* scheme = "http") {
    return std::string(scheme) + "://127.0.0.1:" + std::to_string(port) + "/";
  };
  const FakePeer hangs(io_, behaviour::hangs());
  const FakePeer resets(io_, behaviour::resets());
  const FakePeer drips(io_, behaviour::drips(response("", "x")));
  const FakePeer half(io_, behaviour::says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"));
  const FakePeer garbage(io_, behaviour::says("\x01\x02\x03 garbage\r\n\r\n"));
  const FakePeer headers(io_, behaviour::repeats("HTTP/1.1 200 OK\r\n", "X-More: headers\r\n"));
  const FakePeer body(io_, behaviour::repeats("HTTP/1.1 200 OK\r\n\r\n", std::string(65536, 'x')));
  const FakePeer loops(io_, behaviour::answers(response("Location: /again\r\n", "", "302 Found")));
  const FakePeer lost(io_, behaviour::answers(response("Location: gopher://x/\r\n", "", "302 Found")));
  const struct {
    std::string target;
    const char* reason;
    bool at_deadline;
  } cases[] = {
      {at(closed), "connect_refused", false},           {at(deaf.port()), "connect_timeout", true},
      {at(resets.port()), "connect_reset", false},      {at(hangs.port()), "timeout_headers", true},
      {at(hangs.port(), "https"), "tls_timeout", true}, {at(garbage.port(), "https"), "tls_handshake", false},
      {at(drips.port()), "timeout_headers", true},      {at(half.port()), "timeout_body", true},
      {at(garbage.port()), "protocol_error", false},    {at(headers.port()), "headers_too_large", false},
      {at(body.port()), "body_too_large", false},       {at(loops.port()), "too_many_redirects", false},
      {at(lost.port()), "protocol_error", false},       {"http://absent.test/", "dns_error", false},
      {"http://slow.test/", "dns_timeout", true},       {"ftp://x/", "internal", false},
  };
  HttpModule module;
  module.body_size_limit = 1 << 20;
  for (const auto& c : cases) {
    EXPECT_EQ(reason(c.target, module, c.at_deadline ? 300ms : 5s), c.reason) << c.target;
    if (c.at_deadline) EXPECT_GE(took_, 300ms) << c.target;
    EXPECT_LT(took_, c.at_deadline ? 300ms + support::kSlack : 3s) << c.target;
  }
  EXPECT_EQ(loops.connections(), 11);
}

TEST_F(HttpProbeTest, judges_what_the_module_asserts) {
  const FakePeer peer(io_, behaviour::answers(response(
                               "X-Mode: Ready\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n", "status: fine\n")));
  const std::string target = url(peer);
  const auto with = [](auto change) {
    HttpModule module;
    change(module);
    return module;
  };
  const struct {
    HttpModule module;
    const char* reason;
    double by_regex;
  } cases[] = {
      {with([](auto& m) { m.valid_status_codes = {200, 204}; }), "ok", 0},
      {with([](auto& m) { m.valid_status_codes = {500}; }), "status_mismatch", 0},
      {with([](auto& m) { m.fail_if_body_matches_regexp = {"broken", "fi.e\n$"}; }), "body_mismatch", 1},
      {with([](auto& m) { m.fail_if_body_matches_regexp = {"broken"}; }), "ok", 0},
      {with([](auto& m) { m.fail_if_body_not_matches_regexp = {"^status: (fine|good)"}; }), "ok", 0},
      {with([](auto& m) { m.fail_if_body_not_matches_regexp = {"fine", "great"}; }), "body_mismatch", 1},
      {with([](auto& m) { m.fail_if_header_matches = {{"x-mode", "^Ready$", false}}; }), "header_mismatch",
       1},
      {with([](auto& m) { m.fail_if_header_matches = {{"X-Absent", ".*", false}}; }), "header_mismatch", 1},
      {with([](auto& m) { m.fail_if_header_matches = {{"X-Absent", ".*", true}}; }), "ok", 0},
      {with([](auto& m) { m.fail_if_header_not_matches = {{"Set-Cookie", "b=2", false}}; }), "ok", 0},
      {with([](auto& m) { m.fail_if_header_not_matches = {{"Set-Cookie", "c=3", false}}; }),
       "header_mismatch", 1},
      {with([](auto& m) { m.fail_if_header_not_matches = {{"X-Absent", ".*", false}}; }), "header_mismatch",
       1},
      {with([](auto& m) { m.valid_http_versions = {"HTTP/1.1"}; }), "ok", 0},
      {with([](auto& m) { m.valid_http_versions = {"HTTP/2.0"}; }), "version_mismatch", 0},
      {with([](auto& m) { m.fail_if_not_ssl = true; }), "tls_missing", 0},
      {with([](auto& m) { m.fail_if_ssl = true; }), "ok", 0},
      {with([](auto& m) { m.body_size_limit = 5; }), "body_too_large", 0},
      {with([](auto& m) { m.compression = "gzip"; }), "protocol_error", 0},
      {with([](auto& m) { m.compression = "identity"; }), "ok", 0},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    const ProbeResult result = probe(target, cases[i].module);
    EXPECT_EQ(to_string(result.reason), cases[i].reason) << i << ": " << result.detail;
    EXPECT_EQ(value(result, "probe_failed_due_to_regex"), cases[i].by_regex) << i;
  }
}

TEST_F(HttpProbeTest, sends_what_the_module_says_and_reads_secrets_each_time) {
  std::string asked;
  const FakePeer peer(io_, [&](support::Socket& socket) -> asio::awaitable<void> {
    asked = co_await support::read_request(socket);
    co_await support::send(socket, response("", ""));
  });
  const support::TemporaryFolder folder;
  support::write_file(folder.file("password"), "first\n");
  HttpModule module;
  module.method = "POST";
  module.headers = {{"Host", "api.example.com"}, {"X-A", "b"}};
  module.body = "ping";
  module.basic_auth = BasicAuth{"user", "", "", folder.file("password")};
  module.http_headers = {{"X-Many", {"1", "2"}, {}, {folder.file("password")}}};
  EXPECT_EQ(reason(url(peer), module), "ok");
  EXPECT_TRUE(asked.starts_with("POST / HTTP/1.1\r\nHost: api.example.com\r\n")) << asked;
  for (const char* line : {"\r\nX-A: b\r\n", "\r\nAuthorization: Basic dXNlcjpmaXJzdA==\r\n",
                           "\r\nContent-Length: 4\r\n", "\r\nX-Many: 1\r\nX-Many: 2\r\nX-Many: first\r\n"}) {
    EXPECT_NE(asked.find(line), std::string::npos) << line << asked;
  }
  support::write_file(folder.file("password"), "second");
  EXPECT_EQ(reason(url(peer), module), "ok");
  EXPECT_NE(asked.find("Basic dXNlcjpzZWNvbmQ="), std::string::npos) << asked;

  HttpModule bearer;
  bearer.authorization = Authorization{"Bearer", "token", ""};
  EXPECT_EQ(reason(url(peer), bearer), "ok");
  EXPECT_NE(asked.find("\r\nAuthorization: Bearer token\r\n"), std::string::npos) << asked;
  EXPECT_EQ(reason("http://us:pa@127.0.0.1:" + std::to_string(peer.port())), "ok");
  EXPECT_NE(asked.find("\r\nAuthorization: Basic dXM6cGE=\r\n"), std::string::npos) << asked;
  EXPECT_EQ(reason("127.0.0.1:" + std::to_string(peer.port())), "ok");  // without a scheme
  bearer.authorization = Authorization{"Bearer", "", "/no/such/file"};
  EXPECT_EQ(reason(url(peer), bearer), "internal");
}

TEST_F(HttpProbeTest, rejected_credentials_are_not_just_a_wrong_status) {
  const FakePeer peer(io_, behaviour::answers(response("", "", "401 Unauthorized")));
  EXPECT_EQ(reason(url(peer)), "status_mismatch");
  HttpModule module;
  module.authorization = Authorization{"Bearer", "stale", ""};
  EXPECT_EQ(reason(url(peer), module), "auth_rejected");
}

TEST_F(HttpProbeTest, follows_a_login_that_sets_a_cookie) {
  int visits = 0;
  const FakePeer peer(io_, [&](support::Socket& socket) -> asio::awaitable<void> {
    const std::string request = co_await support::read_request(socket);
    ++visits;
    const bool known = request.find("\r\nCookie: session=7\r\n") != std::string::npos;
    co_await support::send(
        socket, known ? response("", "in")
                      : response("Set-Cookie: session=7; Path=/\r\nLocation: /in\r\n", "", "302 Found"));
  });
  const ProbeResult result = probe(url(peer));
  EXPECT_TRUE(result.success()) << result.detail;
  EXPECT_EQ(visits, 2);
  EXPECT_EQ(value(result, "probe_http_redirects"), 1);
}

TEST_F(HttpProbeTest, credentials_stay_with_their_host) {
  std::string asked;
  const FakePeer other(io_, [&](support::Socket& socket) -> asio::awaitable<void> {
    asked = co_await support::read_request(socket);
    co_await support::send(socket, response("", ""));
  });
  const std::string elsewhere = "http://localhost:" + std::to_string(other.port()) + "/";
  const FakePeer first(io_, behaviour::answers(response("Location: " + elsewhere + "\r\n", "", "302 Found")));
  HttpModule module;
  module.preferred_ip_protocol = net::IpFamily::kIp4;
  module.authorization = Authorization{"Bearer", "secret", ""};
  EXPECT_EQ(reason(url(first), module), "ok");
  EXPECT_EQ(asked.find("secret"), std::string::npos) << asked;
  EXPECT_TRUE(asked.starts_with("GET / HTTP/1.1\r\nHost: localhost:")) << asked;
}

TEST_F(HttpProbeTest, an_expired_certificate_still_shows_when_it_expired) {
  SLUICE_REQUIRE_NGINX();
  const support::TemporaryFolder folder;
  support::TestAuthority authority(folder.path());
  const auto files = authority.issue({.valid_from_days = -30, .valid_until_days = -1});
  const support::Nginx nginx("location / { return 200 ok; }", files.cert_file, files.key_file);
  HttpModule module;
  module.tls_config.ca_file = authority.ca_file();
  const ProbeResult result = probe("https://localhost:" + std::to_string(nginx.tls_port()), module);
  EXPECT_EQ(to_string(result.reason), "tls_expired") << result.detail;
  const double yesterday = to_seconds(clock_.unix_now()) - 24 * 3600;
  EXPECT_NEAR(value(result, "probe_ssl_earliest_cert_expiry"), yesterday, 120);
}

TEST_F(HttpProbeTest, explains_every_phase_and_assertion) {
  const FakePeer peer(io_, behaviour::answers(response("", "fine", "500 Oops")));
  HttpModule module;
  module.fail_if_body_not_matches_regexp = {"fine"};
  const ProbeResult result = probe(url(peer), module, 5s, true);
  std::string story;
  for (const Finding& finding : result.findings) {
    story += (finding.kind == Finding::Kind::kFailed ? "! " : "- ") +
             finding.text.substr(0, finding.text.find(" in 0.")) + "\n";
  }
  EXPECT_NE(story.find("- connected to 127.0.0.1:"), std::string::npos) << story;
  EXPECT_NE(story.find("- HTTP/1.1 500\n"), std::string::npos) << story;
  EXPECT_NE(story.find("! status 500, wanted 2xx\n"), std::string::npos) << story;
  EXPECT_TRUE(probe(url(peer), module).findings.empty());
}

// The same probes that blackbox_exporter 0.23 was asked for, compared with what it showed.
class GoldenTest : public HttpProbeTest {
 protected:
  // Series of `ours` may only exceed those of `theirs` by `extra`.
  void compare(const std::string& name, const ProbeResult& result, const std::set<std::string>& extra = {}) {
    const support::Golden theirs =
        support::read_golden(support::suite_path("golden") + "blackbox." + name + ".prom");
    std::vector<MetricPoint> points = result.points;
    points.push_back({&kProbeSuccess, {}, result.success() ? 1.0 : 0.0});
    points.push_back({&kProbeDuration, {}, to_seconds(result.duration)});
    const support::Golden ours = support::to_golden(points);
    for (const auto& [family, expected] : theirs) {
      ASSERT_TRUE(ours.contains(family)) << name << ": " << family << " is missing";
      const support::GoldenFamily& actual = ours.at(family);
      EXPECT_EQ(actual.type, expected.type) << name << ": " << family;
      EXPECT_EQ(actual.help, expected.help) << name << ": " << family;
      ASSERT_EQ(actual.series.size(), expected.series.size()) << name << ": " << family;
      compare_series(name + ": " + family, family, actual, expected);
    }
    for (const auto& [family, ignored] : ours) {
      EXPECT_TRUE(theirs.contains(family) || extra.contains(family))
          << name << ": " << family << " is not theirs";
    }
  }

  static std::string label_names(const std::string& labels) {
    std::string names;
    bool in_value = false;
    for (const char c : labels) {
      if (c == '"') in_value = !in_value;
      if (!in_value && c != '"') names += c;
    }
    return names;
  }

  static void compare_series(const std::string& where, const std::string& family,
                             const support::GoldenFamily& actual, const support::GoldenFamily& expected) {
    // What depends on the day and the machine: times, certificates, and the version of TLS that both sides
    // prefer.
    static const std::set<std::string> kVarying = {
        "probe_dns_lookup_time_seconds",  "probe_duration_seconds",    "probe_http_duration_seconds",
        "probe_ssl_earliest_cert_expiry", "probe_ssl_last_chain_info", "probe_tls_version_info"};
    auto ours = actual.series.begin();
    for (const auto& [labels, value] : expected.series) {
      if (family == "probe_http_duration_seconds") {
        EXPECT_TRUE(actual.series.contains(labels)) << where << labels;
      } else {
        EXPECT_EQ(label_names(ours->first), label_names(labels)) << where;
      }
      if (!kVarying.contains(family)) EXPECT_EQ(ours->second, value) << where << labels;
      ++ours;
    }
  }
};

TEST_F(GoldenTest, shows_what_blackbox_exporter_shows) {
  SLUICE_REQUIRE_SUITE(golden, "golden");
  SLUICE_REQUIRE_NGINX();
  const support::TemporaryFolder folder;
  support::TestAuthority authority(folder.path());
  const auto files = authority.issue();
  const std::string body16 = "return 200 '{\"status\":\"ok\"}\\n'",
                    body18 = "return 500 'internal failures\\n'";
  const support::Nginx nginx(
      "location = /health { " + body16 + "; }\nlocation = /fail { " + body18 + "; }\n" +
          "location = /redirect { return 302 /health; }\nlocation = /page { return 200 '" +
          std::string(97, 'p') + "'; }\n",
      files.cert_file, files.key_file);
  const std::string base = "http://127.0.0.1:" + std::to_string(nginx.port());
  const std::string tls = "https://localhost:" + std::to_string(nginx.tls_port()) + "/health";
  uint16_t closed = 0;
  {
    closed = FakePeer(io_, behaviour::hangs()).port();
  }
  io_.poll();

  HttpModule plain;
  HttpModule matching;
  matching.fail_if_body_not_matches_regexp = {"ok"};
  HttpModule staying;
  staying.follow_redirects = false;
  HttpModule insecure;
  insecure.tls_config.insecure_skip_verify = true;
  insecure.preferred_ip_protocol = net::IpFamily::kIp4;
  HttpModule secure = insecure;
  secure.tls_config.insecure_skip_verify = false;

  compare("http_ok", probe(base + "/health", plain));
  compare("http_body_match", probe(base + "/health", matching));
  compare("http_body_mismatch", probe(base + "/page", matching));
  compare("http_status_500", probe(base + "/fail", plain));
  compare("http_redirect", probe(base + "/redirect", plain));
  compare("http_refused", probe("http://127.0.0.1:" + std::to_string(closed), plain));
  compare("http_dns_fail", probe("http://absent.test/", plain));
  compare("https_ok", probe(tls, insecure));
  // Intended: certificates are shown although they are not trusted.
  compare("https_untrusted", probe(tls, secure),
          {"probe_ssl_earliest_cert_expiry", "probe_ssl_last_chain_expiry_timestamp_seconds",
           "probe_ssl_last_chain_info"});
}

TEST_F(GoldenTest, declares_every_family_it_shows) {
  std::set<std::string_view> declared;
  for (const MetricFamily* family : families())
    EXPECT_TRUE(declared.insert(family->name).second) << family->name;
  const FakePeer peer(io_,
                      behaviour::answers(response("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "")));
  const ProbeResult result = probe(url(peer));
  for (const MetricPoint& point : result.points)
    EXPECT_TRUE(declared.contains(point.family->name)) << point.family->name;
  EXPECT_EQ(value(result, "probe_http_last_modified_timestamp_seconds"), 784111777);
}

}  // namespace
}  // namespace sluice::exporters::http
