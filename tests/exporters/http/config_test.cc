#include "exporters/http/config.h"

#include <gtest/gtest.h>

#include "exporters/http/cookies.h"
#include "exporters/http/http_date.h"
#include "exporters/http/http_rules.h"

namespace sluice::exporters::http {
namespace {

TEST(HttpConfigTest, names_the_key_of_each_problem) {
  const auto with = [](auto change) {
    HttpModule module;
    change(module);
    return module;
  };
  const struct {
    HttpModule module;
    const char* key;
  } cases[] = {
      {with([](auto& m) { m.valid_status_codes = {99}; }), "valid_status_codes"},
      {with([](auto& m) { m.method = "GET /"; }), "method"},
      {with([](auto& m) { m.body = m.body_file = "x"; }), "body"},
      {with([](auto& m) { m.compression = "br"; }), "compression"},
      {with([](auto& m) { m.fail_if_body_matches_regexp = {"ok", "("}; }), "fail_if_body_matches_regexp"},
      {with([](auto& m) { m.fail_if_body_not_matches_regexp = {"["}; }), "fail_if_body_not_matches_regexp"},
      {with([](auto& m) { m.fail_if_header_matches = {{"X", "(", false}}; }), "fail_if_header_matches"},
      {with([](auto& m) { m.fail_if_header_not_matches = {{"", "x", false}}; }),
       "fail_if_header_not_matches"},
      {with([](auto& m) { m.fail_if_ssl = m.fail_if_not_ssl = true; }), "fail_if_ssl"},
      {with([](auto& m) { m.basic_auth = BasicAuth{"u", "", "p", "f"}; }), "basic_auth"},
      {with([](auto& m) { m.authorization = Authorization{"Basic", "x", ""}; }), "authorization"},
  };
  for (const auto& c : cases) {
    const auto found = problems(c.module);
    ASSERT_EQ(found.size(), 1u) << c.key;
    EXPECT_EQ(found[0].key, c.key) << found[0].message;
    EXPECT_FALSE(HttpRules::compile(c.module));
  }
  EXPECT_TRUE(problems({}).empty());
}

// compression, Accept-Encoding, whether they go together
TEST(HttpConfigTest, accept_encoding_must_go_with_compression) {
  const struct {
    const char* compression;
    const char* accept;
    bool fits;
  } cases[] = {{"gzip", "gzip", true},        {"gzip", "br, gzip", true},
               {"gzip", "br", false},         {"gzip", "gzip;q=0", false},
               {"gzip", "*", true},           {"gzip", "*;q=0, gzip", true},
               {"gzip", "*;q=0", false},      {"gzip", "gzip;q=0.001", true},
               {"deflate", "GZIP", false},    {"", "br", true},
               {"identity", "identity", true}};
  for (const auto& c : cases) {
    HttpModule module;
    module.compression = c.compression;
    module.headers = {{"accept-encoding", c.accept}};
    EXPECT_EQ(problems(module).empty(), c.fits) << c.compression << " / " << c.accept;
  }
}

TEST(HttpDateTest, reads_the_three_forms) {
  for (const char* text :
       {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
    const auto at = parse_http_date(text);
    ASSERT_TRUE(at) << text;
    EXPECT_EQ(to_unix_ms(*at), 784111777000) << text;
  }
  for (const char* text :
       {"", "yesterday, of all days", "Sun, 06 Nov 1994 08:49:37 CET", "06 Nov 1994 08:49:37 GMT junk",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nox 1994 08:49:37 GMT",
        "Sun, 06 Nov 19x4 08:49:37 GMT", "Sun Nov 06 08-49-37 1994"}) {
    EXPECT_FALSE(parse_http_date(text)) << text;
  }
}

TEST(CookiesTest, keeps_cookies_per_host_and_secure_ones_to_https) {
  Cookies cookies;
  const auto http = *net::parse_url("http://a.test/"), https = *net::parse_url("https://a.test/"),
             other = *net::parse_url("http://b.test/");
  cookies.store(https, {{"Set-Cookie", "s=1; Path=/; Secure"},
                        {"set-cookie", "p = 2"},
                        {"Set-Cookie", "no value"},
                        {"X", "y=z"}});
  EXPECT_EQ(cookies.header_for(https), "p=2; s=1");
  EXPECT_EQ(cookies.header_for(http), "p=2");
  EXPECT_EQ(cookies.header_for(other), "");
  cookies.store(http, {{"Set-Cookie", "p=; Max-Age=0"}});
  EXPECT_EQ(cookies.header_for(http), "");
  for (int i = 0; i < 100; ++i) cookies.store(other, {{"Set-Cookie", "c" + std::to_string(i) + "=x"}});
  EXPECT_LT(cookies.header_for(other).size(), 50u * 8);
}

}  // namespace
}  // namespace sluice::exporters::http
