#include "core/net/url.h"

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

TEST(UrlTest, takes_urls_apart) {
  const struct {
    const char* text;
    const char* host;
    uint16_t port;
    const char* target;
    const char* authority;
  } cases[] = {
      {"http://example.com", "example.com", 80, "/", "example.com"},
      {"https://Example.COM/a/b?c=d#e", "example.com", 443, "/a/b?c=d", "example.com"},
      {"http://127.0.0.1:8080?x", "127.0.0.1", 8080, "/?x", "127.0.0.1:8080"},
      {"https://[::1]:8443/", "::1", 8443, "/", "[::1]:8443"},
      {"http://h/a%20b|c", "h", 80, "/a%20b%7Cc", "h"},
      {"http://h:80/", "h", 80, "/", "h"},
  };
  for (const auto& c : cases) {
    const auto url = parse_url(c.text);
    ASSERT_TRUE(url) << c.text << ": " << url.error().message;
    EXPECT_EQ(url->host, c.host) << c.text;
    EXPECT_EQ(url->port, c.port) << c.text;
    EXPECT_EQ(url->target, c.target) << c.text;
    EXPECT_EQ(url->authority(), c.authority) << c.text;
  }
}

TEST(UrlTest, decodes_credentials_and_never_prints_them) {
  const auto url = parse_url("https://us%40er:p%3Ass@host/x");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->user, "us@er");
  EXPECT_EQ(url->password, "p:ss");
  EXPECT_EQ(url->to_string(), "https://host/x");
  const auto bad = parse_url("ftp://user:secret@host/");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message.find("secret"), std::string::npos) << bad.error().message;
}

TEST(UrlTest, refuses_what_is_not_http) {
  for (const char* text :
       {"", "example.com", "ftp://x/", "http://", "http:///path", "http://a b/", "http://h:0/",
        "http://h:99999/", "http://h/\r\nX: y", "http://h/ x", "javascript:alert(1)", "http://h%0d%0a/",
        "http://h:80x/y", "http://h:b", "http://h:8:9/"}) {
    EXPECT_FALSE(parse_url(text)) << text;
  }
  EXPECT_FALSE(parse_url("http://h/" + std::string(9000, 'a')));
}

TEST(UrlTest, resolves_references) {
  const auto base = parse_url("http://h:81/a/b?q");
  ASSERT_TRUE(base);
  const struct {
    const char* reference;
    const char* result;
  } cases[] = {{"c", "http://h:81/a/c"},        {"/c", "http://h:81/c"},     {"?x=1", "http://h:81/a/b?x=1"},
               {"//other/y", "http://other/y"}, {"https://z", "https://z/"}, {"../d", "http://h:81/d"}};
  for (const auto& c : cases) {
    const auto url = resolve_reference(*base, c.reference);
    ASSERT_TRUE(url) << c.reference;
    EXPECT_EQ(url->to_string(), c.result);
  }
}

// status, method, from, to -> method of the next request, whether body and Authorization go along
TEST(UrlTest, redirects_as_go_does) {
  const struct {
    int status;
    const char* method;
    const char* location;
    const char* next_method;
    bool body;
    bool authorization;
  } cases[] = {
      {302, "POST", "/x", "GET", false, true},
      {303, "PUT", "/x", "GET", false, true},
      {301, "HEAD", "/x", "HEAD", false, true},
      {307, "POST", "/x", "POST", true, true},
      {308, "POST", "https://other.com/", "POST", true, false},
      {302, "GET", "https://sub.example.com/", "GET", false, true},
      {302, "GET", "https://badexample.com/", "GET", false, false},
      {302, "GET", "http://example.com/", "GET", false, false},  // in the clear
  };
  for (const auto& c : cases) {
    HttpRequest request{
        c.method, "https://example.com/start", {{"Authorization", "Bearer t"}, {"X-Mine", "1"}}, "body"};
    const auto next = redirected(request, c.status, c.location);
    ASSERT_TRUE(next) << c.location;
    EXPECT_EQ(next->method, c.next_method) << c.location;
    EXPECT_EQ(!next->body.empty(), c.body) << c.location;
    EXPECT_EQ(!find_header(next->headers, "authorization").empty(), c.authorization) << c.location;
    EXPECT_EQ(find_header(next->headers, "X-Mine"), "1");
  }
  EXPECT_FALSE(redirected({"GET", "http://h/", {}, ""}, 302, ""));
  EXPECT_FALSE(redirected({"GET", "http://h/", {}, ""}, 302, "gopher://h/"));
}

}  // namespace
}  // namespace sluice::net
