#include "exporters/oidc/discovery.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace sluice::exporters::oidc {
namespace {

constexpr std::string_view kGood = R"({
  "issuer": "https://auth.example.com",
  "authorization_endpoint": "https://auth.example.com/authorize",
  "token_endpoint": "https://auth.example.com/token",
  "userinfo_endpoint": "https://api.example.com/me",
  "jwks_uri": "https://keys.example.com/jwks",
  "response_types_supported": ["code", "id_token"],
  "subject_types_supported": ["public"],
  "id_token_signing_alg_values_supported": ["RS256", "ES256"]
})";

std::string summary(const DiscoveryReport& report) {
  std::string text = report.jwks_uri.empty() ? "-" : report.jwks_uri;
  for (const Problem& problem : report.problems)
    text += fmt::format("; {}: {}", to_string(problem.reason), problem.text);
  return text;
}

// Judges the good document after a patch: members of `patch` replace, null removes.
std::string judged(std::string_view patch, std::string_view issuer = "https://auth.example.com",
                   DiscoveryPolicy policy = {}) {
  boost::json::object document = boost::json::parse(kGood).as_object();
  boost::json::value changes = boost::json::parse(patch);
  for (const auto& member : changes.as_object()) {
    if (member.value().is_null()) {
      document.erase(member.key());
    } else {
      document[member.key()] = member.value();
    }
  }
  policy.issuer = issuer;
  return summary(judge_discovery(boost::json::serialize(document), policy));
}

struct Case {
  std::string_view name;
  std::string_view patch;
  std::string_view expected;
};

class DiscoveryTest : public testing::TestWithParam<Case> {};

TEST_P(DiscoveryTest, is_judged) {
  EXPECT_EQ(judged(GetParam().patch), GetParam().expected);
}

constexpr std::string_view kJwks = "https://keys.example.com/jwks";
const Case kCases[] = {
    {"complete", "{}", kJwks},
    {"issuer_with_slash", R"({"issuer":"https://auth.example.com/"})",
     "https://keys.example.com/jwks; oidc_issuer_slash: the issuer is \"https://auth.example.com/\", wanted "
     "\"https://auth.example.com\""},
    {"issuer_in_capitals", R"({"issuer":"https://AUTH.example.com"})",
     "https://keys.example.com/jwks; oidc_issuer_mismatch: the issuer is \"https://AUTH.example.com\", "
     "wanted "
     "\"https://auth.example.com\""},
    {"issuer_of_another_tenant", R"({"issuer":"https://auth.example.com/other"})",
     "https://keys.example.com/jwks; oidc_issuer_mismatch: the issuer is \"https://auth.example.com/other\", "
     "wanted "
     "\"https://auth.example.com\""},
    {"issuer_missing", R"({"issuer":null})",
     "https://keys.example.com/jwks; oidc_missing_field: the discovery document has no `issuer`"},
    {"issuer_is_a_list", R"({"issuer":["https://auth.example.com"]})",
     "https://keys.example.com/jwks; oidc_invalid: `issuer` is not text"},
    {"jwks_uri_missing", R"({"jwks_uri":null})",
     "-; oidc_missing_field: the discovery document has no `jwks_uri`"},
    {"several_missing", R"({"token_endpoint":null,"subject_types_supported":null})",
     "https://keys.example.com/jwks; oidc_missing_field: the discovery document has no "
     "`subject_types_supported`; "
     "oidc_missing_field: the discovery document has no `token_endpoint`"},
    {"implicit_only_needs_no_token_endpoint",
     R"({"token_endpoint":null,"response_types_supported":["id_token"]})", kJwks},
    {"jwks_uri_without_tls", R"({"jwks_uri":"http://keys.example.com/jwks"})",
     "-; oidc_invalid: `jwks_uri` does not use https: \"http://keys.example.com/jwks\""},
    {"jwks_uri_elsewhere", R"({"jwks_uri":"https://evil.test/jwks"})",
     "-; oidc_invalid: `jwks_uri` is on another site than the issuer: \"https://evil.test/jwks\""},
    {"jwks_uri_to_an_address", R"({"jwks_uri":"https://169.254.169.254/jwks"})",
     "-; oidc_invalid: `jwks_uri` is on another site than the issuer: \"https://169.254.169.254/jwks\""},
    {"jwks_uri_with_the_site_as_user", R"({"jwks_uri":"https://auth.example.com@evil.test/jwks"})",
     "-; oidc_invalid: `jwks_uri` is on another site than the issuer: "
     "\"https://auth.example.com@evil.test/jwks\""},
    {"jwks_uri_that_only_ends_alike", R"({"jwks_uri":"https://notexample.com/jwks"})",
     "-; oidc_invalid: `jwks_uri` is on another site than the issuer: \"https://notexample.com/jwks\""},
    {"jwks_uri_relative", R"({"jwks_uri":"/jwks"})", "-; oidc_invalid: `jwks_uri` is not a URL: \"/jwks\""},
    {"jwks_uri_of_a_file", R"({"jwks_uri":"file:///etc/passwd"})",
     "-; oidc_invalid: `jwks_uri` is not a URL: \"file:///etc/passwd\""},
    {"jwks_uri_is_a_number", R"({"jwks_uri":1})", "-; oidc_invalid: `jwks_uri` is not text"},
    {"token_endpoint_elsewhere", R"({"token_endpoint":"https://evil.test/token"})",
     "https://keys.example.com/jwks; oidc_invalid: `token_endpoint` is on another site than the issuer: "
     "\"https://evil.test/token\""},
    {"no_rs256", R"({"id_token_signing_alg_values_supported":["ES256"]})",
     "https://keys.example.com/jwks; oidc_invalid: `id_token_signing_alg_values_supported` does not contain "
     "RS256"},
    {"unsigned_tokens", R"({"id_token_signing_alg_values_supported":["RS256","none"]})",
     "https://keys.example.com/jwks; oidc_invalid: `id_token_signing_alg_values_supported` offers unsigned "
     "tokens "
     "(none)"},
    {"algorithms_empty", R"({"id_token_signing_alg_values_supported":[]})",
     "https://keys.example.com/jwks; oidc_invalid: `id_token_signing_alg_values_supported` is not a list of "
     "texts with "
     "an entry"},
    {"response_types_of_numbers", R"({"response_types_supported":[1]})",
     "https://keys.example.com/jwks; oidc_invalid: `response_types_supported` is not a list of texts with an "
     "entry"},
};

INSTANTIATE_TEST_SUITE_P(Documents, DiscoveryTest, testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(DiscoveryTest, what_is_no_object_is_invalid) {
  for (std::string_view document : {"", "<html>", "[]", "null", "{", "{} {}", "\"text\""}) {
    DiscoveryReport report = judge_discovery(document, {"https://auth.example.com", {}, {}});
    ASSERT_EQ(report.problems.size(), 1u) << document;
    EXPECT_EQ(report.problems[0].reason, Reason::kOidcInvalid) << document;
    EXPECT_EQ(report.jwks_uri, "") << document;
  }
}

TEST(DiscoveryTest, a_plain_issuer_allows_plain_urls_on_its_own_host) {
  std::string_view local = R"({
    "issuer": "http://127.0.0.1:9000", "jwks_uri": "http://127.0.0.1:9000/jwks", "userinfo_endpoint": null,
    "authorization_endpoint": "http://127.0.0.1:9000/auth", "token_endpoint": "http://127.0.0.1:9001/token"})";
  EXPECT_EQ(judged(local, "http://127.0.0.1:9000"), "http://127.0.0.1:9000/jwks");
}

TEST(DiscoveryTest, hosts_elsewhere_can_be_allowed) {
  std::string_view patch = R"({"jwks_uri":"https://www.keys.test/jwks"})";
  DiscoveryPolicy policy;
  policy.allowed_hosts = {"WWW.keys.test"};
  EXPECT_EQ(judged(patch, "https://auth.example.com", policy), "https://www.keys.test/jwks");
  policy.allowed_hosts = {".keys.test"};
  EXPECT_EQ(judged(patch, "https://auth.example.com", policy), "https://www.keys.test/jwks");
  policy.allowed_hosts = {"keys.test", ""};
  EXPECT_EQ(judged(patch, "https://auth.example.com", policy).substr(0, 3), "-; ");
}

TEST(DiscoveryTest, expected_algorithms_replace_rs256) {
  std::string_view patch = R"({"id_token_signing_alg_values_supported":["EdDSA"]})";
  DiscoveryPolicy policy;
  policy.algorithms = {"EdDSA"};
  EXPECT_EQ(judged(patch, "https://auth.example.com", policy), kJwks);
  policy.algorithms = {"EdDSA", "ES256"};
  EXPECT_EQ(
      judged(patch, "https://auth.example.com", policy),
      "https://keys.example.com/jwks; oidc_invalid: `id_token_signing_alg_values_supported` does not contain "
      "ES256");
}

TEST(DiscoveryTest, the_well_known_path_follows_the_issuer) {
  EXPECT_EQ(discovery_url("https://a.test"), "https://a.test/.well-known/openid-configuration");
  EXPECT_EQ(discovery_url("https://a.test/"), "https://a.test/.well-known/openid-configuration");
  EXPECT_EQ(discovery_url("https://a.test/realms/x"),
            "https://a.test/realms/x/.well-known/openid-configuration");
}

TEST(SameSiteTest, compares_registrable_domains) {
  EXPECT_TRUE(same_site("auth.example.com", "keys.example.com"));
  EXPECT_TRUE(same_site("example.com", "a.b.example.com"));
  EXPECT_TRUE(same_site("a.example.co.uk", "b.example.co.uk"));
  EXPECT_TRUE(same_site("localhost", "localhost"));
  EXPECT_TRUE(same_site("10.0.0.1", "10.0.0.1"));
  EXPECT_TRUE(same_site("::1", "::1"));
  EXPECT_TRUE(same_site("auth", "AUTH"));

  EXPECT_FALSE(same_site("example.com", "example.org"));
  EXPECT_FALSE(same_site("a.co.uk", "b.co.uk"));
  EXPECT_FALSE(same_site("x.com.au", "y.com.au"));
  EXPECT_FALSE(same_site("10.0.0.1", "11.0.0.1"));
  EXPECT_FALSE(same_site("auth", "keys"));
  EXPECT_FALSE(same_site("com", "example.com"));
}

}  // namespace
}  // namespace sluice::exporters::oidc
