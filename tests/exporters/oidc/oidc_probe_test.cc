#include "exporters/oidc/oidc_probe.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <map>

#include "core/net/clock.h"
#include "core/net/deadline.h"
#include "core/net/http_server.h"
#include "core/net/resolver.h"
#include "core/net/tls.h"
#include "exporters/oidc/families.h"
#include "tests/exporters/oidc/keys.h"
#include "tests/support/process.h"

namespace asio = boost::asio;

namespace sluice::exporters::oidc {
namespace {

using keys::kRsa1024;
using keys::kRsaA;
using keys::kRsaB;
using keys::rsa;
using keys::set;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// A point as /metrics would show it, without its value when that is a time.
std::string line(const MetricPoint& point) {
  std::string text = point.labels.with(kMetricName, point.family->name).to_string();
  return fmt::format("{} {}", text, point.value);
}

std::vector<std::string> lines(const ProbeResult& result) {
  std::vector<std::string> out;
  for (const MetricPoint& point : result.points) out.push_back(line(point));
  return out;
}

// An auth server whose every answer the test decides, on a free port, and a prober on the same loop.
class OidcProbeTest : public testing::Test {
 protected:
  void SetUp() override {
    net::HttpServerOptions options;
    options.listen_address = "127.0.0.1:0";
    auto handler = [this](HttpRequest request, net::Endpoint) { return answer(std::move(request)); };
    auto listening = net::HttpServer::listen(io_.get_executor(), std::move(options), handler);
    ASSERT_TRUE(listening) << listening.error().message;
    server_ = std::move(*listening);
    asio::co_spawn(io_, server_->run(), [](std::exception_ptr failure) { ASSERT_FALSE(failure); });
    base_ = fmt::format("http://127.0.0.1:{}", server_->port());
    serve_json("/.well-known/openid-configuration", discovery());
    serve_json("/jwks", set(rsa("a", kRsaA)));
    pages_["/jwks"].headers.push_back({"Cache-Control", "max-age=300"});
  }

  std::string discovery(std::string_view more = "") const {
    return fmt::format(
        R"({{"issuer":"{0}","authorization_endpoint":"{0}/auth","token_endpoint":"{0}/token","jwks_uri":"{0}/jwks",
            "response_types_supported":["code"],"subject_types_supported":["public"],
            "id_token_signing_alg_values_supported":["RS256"]{1}}})",
        base_, more);
  }
  void serve_json(const std::string& path, std::string body) {
    pages_[path] = {200, {{"Content-Type", "application/json"}}, std::move(body)};
  }

  ProbeResult probe(OidcModule module = {}, Duration timeout = 5s) {
    if (!prober_) {
      auto rules = OidcRules::compile(std::move(module));
      if (!rules) throw std::runtime_error(rules.error().message);
      prober_ = std::make_unique<OidcProber>(net_, *rules, base_);
    }
    std::optional<ProbeResult> result;
    Instant now = clock_.now();
    asio::co_spawn(io_, prober_->probe({now, now + timeout, true}),
                   [&](std::exception_ptr failure, ProbeResult got) {
                     if (failure) std::rethrow_exception(failure);
                     result = std::move(got);
                   });
    while (!result) io_.run_one();
    return std::move(*result);
  }

  asio::awaitable<HttpResponse> answer(HttpRequest request) {
    requests_.push_back(request);
    if (hanging_ == request.url) co_await net::sleep_until(clock_.now() + 1h);
    auto page = pages_.find(request.url);
    if (page == pages_.end()) co_return HttpResponse{404, {}, "no such page"};
    co_return page->second;
  }

  asio::io_context io_;
  net::RealClock clock_;
  net::Resolver resolver_{io_.get_executor()};
  net::TlsContexts tls_;
  net::Net net_{clock_, resolver_, tls_};
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<OidcProber> prober_;
  std::string base_;
  std::map<std::string, HttpResponse> pages_;
  std::vector<HttpRequest> requests_;
  std::string hanging_;
};

TEST_F(OidcProbeTest, a_well_server_is_well) {
  ProbeResult result = probe();
  EXPECT_EQ(to_string(result.reason), "ok") << result.detail;
  EXPECT_EQ(result.detail, "");
  EXPECT_THAT(lines(result),
              AllOf(Contains("probe_oidc_discovery_success 1"), Contains("probe_oidc_jwks_success 1"),
                    Contains("probe_oidc_issuer_matches 1"), Contains("probe_oidc_jwks_keys 1"),
                    Contains("probe_oidc_jwks_signing_keys 1"),
                    Contains("probe_oidc_jwks_newest_key_info{kid=\"a\"} 1"),
                    Contains("probe_oidc_jwks_cache_max_age_seconds 300"),
                    Contains("probe_oidc_status_code{endpoint=\"jwks\"} 200"),
                    Contains("probe_http_status_code 200")));
  EXPECT_THAT(lines(result), Not(Contains(HasSubstr("probe_oidc_health"))));
  EXPECT_THAT(lines(result), Not(Contains(HasSubstr("probe_oidc_warnings"))));
}

TEST_F(OidcProbeTest, every_point_is_of_a_declared_family_and_no_series_comes_twice) {
  serve_json("/health", "{}");
  serve_json("/jwks", set(rsa("a", kRsaA) + "," + rsa("a", kRsaB) + "," + rsa("", kRsaA)));
  OidcModule module;
  module.health_path = "/health";
  ProbeResult result = probe(module);
  std::set<std::string> series;
  for (const MetricPoint& point : result.points) {
    EXPECT_THAT(families(), Contains(point.family)) << point.family->name;
    EXPECT_TRUE(series.insert(point.labels.with(kMetricName, point.family->name).to_string()).second)
        << line(point);
  }
}

TEST_F(OidcProbeTest, each_endpoint_has_its_own_reason) {
  OidcModule module;
  module.health_path = "/health";
  pages_["/health"] = {503, {}, "not today"};
  serve_json("/jwks", R"({"keys":[]})");
  ProbeResult result = probe(module);
  EXPECT_EQ(to_string(result.reason), "status_mismatch");
  EXPECT_EQ(result.detail, "health: status 503, wanted 2xx");
  EXPECT_THAT(lines(result),
              AllOf(Contains("probe_oidc_health_success 0"), Contains("probe_oidc_discovery_success 1"),
                    Contains("probe_oidc_jwks_success 0"),
                    Contains("probe_oidc_failure_info{endpoint=\"health\", reason=\"status_mismatch\"} 1"),
                    Contains("probe_oidc_failure_info{endpoint=\"jwks\", reason=\"jwks_empty\"} 1"),
                    Contains("probe_oidc_jwks_keys 0"), Contains("probe_http_status_code 503")));
}

TEST_F(OidcProbeTest, a_health_endpoint_that_hangs_hides_nothing) {
  OidcModule module;
  module.health_path = "/health";
  hanging_ = "/health";
  serve_json("/jwks", set(rsa("a", kRsa1024)));
  ProbeResult result = probe(module, 300ms);
  EXPECT_EQ(to_string(result.reason), "timeout_headers");
  EXPECT_THAT(lines(result),
              Contains("probe_oidc_failure_info{endpoint=\"jwks\", reason=\"jwks_key_weak\"} 1"));
}

TEST_F(OidcProbeTest, without_discovery_nobody_knows_where_the_keys_are) {
  pages_.erase("/.well-known/openid-configuration");
  ProbeResult result = probe();
  EXPECT_EQ(result.detail, "discovery: status 404, wanted 200");
  EXPECT_THAT(lines(result),
              AllOf(Contains("probe_oidc_discovery_success 0"), Contains("probe_oidc_jwks_success 0"),
                    Not(Contains(HasSubstr("probe_oidc_failure_info{endpoint=\"jwks\"")))));
  EXPECT_EQ(requests_.size(), 1u);
}

TEST_F(OidcProbeTest, a_configured_jwks_uri_is_asked_all_the_same) {
  pages_.erase("/.well-known/openid-configuration");
  OidcModule module;
  module.jwks_uri = base_ + "/jwks";
  ProbeResult result = probe(module);
  EXPECT_EQ(result.detail, "discovery: status 404, wanted 200");
  EXPECT_THAT(lines(result), Contains("probe_oidc_jwks_success 1"));
}

TEST_F(OidcProbeTest, a_server_that_is_down_is_refused) {
  base_ = fmt::format("http://127.0.0.1:{}", support::free_port());
  ProbeResult result = probe();
  EXPECT_EQ(to_string(result.reason), "connect_refused") << result.detail;
}

TEST_F(OidcProbeTest, redirects_of_documents_are_not_followed) {
  pages_["/jwks"] = {302, {{"Location", base_ + "/elsewhere"}}, ""};
  ProbeResult result = probe();
  EXPECT_EQ(result.detail, "jwks: status 302, wanted 200");
  EXPECT_EQ(requests_.size(), 2u);
}

TEST_F(OidcProbeTest, a_document_without_end_is_cut_off) {
  serve_json("/jwks", set(rsa("a", kRsaA)) + std::string(2 * kDocumentBytesMax, ' '));
  EXPECT_EQ(to_string(probe().reason), "body_too_large");
}

TEST_F(OidcProbeTest, another_issuer_is_found_and_the_keys_are_judged_all_the_same) {
  OidcModule module;
  module.issuer = base_ + "/";
  ProbeResult result = probe(module);
  EXPECT_EQ(to_string(result.reason), "oidc_issuer_slash");
  EXPECT_THAT(lines(result),
              AllOf(Contains("probe_oidc_issuer_matches 0"), Contains("probe_oidc_jwks_success 1")));
}

TEST_F(OidcProbeTest, credentials_do_not_follow_the_keys_to_another_host) {
  std::string elsewhere = fmt::format("http://localhost:{}", server_->port());
  OidcModule module;
  module.http.authorization = http::Authorization{"Bearer", "secret-token", ""};
  module.http.headers = {{"X-Key", "secret-key"}};
  module.http.preferred_ip_protocol = net::IpFamily::kIp4;
  module.jwks_uri = elsewhere + "/jwks";
  ProbeResult result = probe(module);
  EXPECT_TRUE(result.success()) << result.detail;
  ASSERT_EQ(requests_.size(), 2u);
  EXPECT_EQ(find_header(requests_[0].headers, "authorization"), "Bearer secret-token");
  EXPECT_EQ(find_header(requests_[1].headers, "host"), elsewhere.substr(7));
  EXPECT_EQ(find_header(requests_[1].headers, "authorization"), "");
  EXPECT_EQ(find_header(requests_[1].headers, "x-key"), "");
}

TEST_F(OidcProbeTest, keys_are_remembered_from_probe_to_probe) {
  EXPECT_TRUE(probe().success());
  serve_json("/jwks", set(rsa("b", kRsaB) + "," + rsa("a", kRsaA)));
  ProbeResult rotated = probe();
  EXPECT_TRUE(rotated.success());
  EXPECT_THAT(lines(rotated), AllOf(Contains("probe_oidc_jwks_newest_key_info{kid=\"b\"} 1"),
                                    Contains("probe_oidc_jwks_changes_total 1"),
                                    Contains("probe_oidc_warnings{warning=\"cache_missing\"} 1")));
  serve_json("/jwks", set(rsa("a", kRsaB)));
  ProbeResult reused = probe();
  EXPECT_EQ(to_string(reused.reason), "jwks_key_reused");
  EXPECT_THAT(lines(reused), Contains("probe_oidc_jwks_kid_reuses_total 1"));
}

TEST_F(OidcProbeTest, an_unreadable_key_set_is_no_rotation) {
  EXPECT_TRUE(probe().success());
  std::string whole = pages_["/jwks"].body;
  serve_json("/jwks", "<html>deploying</html>");
  EXPECT_EQ(to_string(probe().reason), "jwks_invalid");
  serve_json("/jwks", whole);
  ProbeResult after = probe();
  EXPECT_TRUE(after.success());
  EXPECT_THAT(lines(after), Contains("probe_oidc_jwks_changes_total 0"));
}

TEST_F(OidcProbeTest, findings_tell_everything_that_was_checked) {
  serve_json("/jwks", set(rsa("a", kRsa1024) + "," + rsa("b", kRsaB, R"(,"d":"AQAB")")));
  std::vector<std::string> failed;
  for (const Finding& finding : probe().findings) {
    if (finding.kind == Finding::Kind::kFailed) failed.push_back(finding.text);
  }
  EXPECT_THAT(failed, testing::ElementsAre("jwks: key \"a\" is RSA with 1024 bits, at least 2048 wanted",
                                           "jwks: key \"b\" is served with its private member `d`"));
}

TEST(OidcModuleTest, says_what_is_wrong) {
  OidcModule module;
  module.issuer = "https://a.test/?x=1";
  module.jwks_uri = "ftp://a.test/";
  module.health_path = "health";
  module.algorithms = {"RS256", "HS256"};
  module.allowed_hosts = {"a.test", ".b.test", "https://c.test"};
  module.min_rsa_bits = 512;
  std::vector<std::string> keys;
  for (const http::ConfigProblem& problem : problems(module)) keys.push_back(problem.key);
  EXPECT_THAT(keys, testing::ElementsAre("issuer", "jwks_uri", "health_path", "algorithms", "allowed_hosts",
                                         "min_rsa_bits"));
  EXPECT_TRUE(problems(OidcModule{}).empty());
}

}  // namespace
}  // namespace sluice::exporters::oidc
