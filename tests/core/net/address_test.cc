#include "core/net/address.h"

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

TEST(AddressTest, reads_literals_and_nothing_else) {
  for (const char* text : {"127.0.0.1", "::1", "fe80::1", "2001:db8::ff"}) {
    const auto address = parse_ip(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
  EXPECT_EQ(parse_ip("[::1]")->to_string(), "::1");
  EXPECT_EQ(parse_ip("fe80::1%7")->scope, 7u);
  for (const char* text :
       {"", "localhost", "1.2.3", "1.2.3.4.5", "[1.2.3.4]", "256.1.1.1", ":::", "fe80::1%nosuch", "::1%"}) {
    EXPECT_FALSE(parse_ip(text)) << text;
  }
}

TEST(AddressTest, reads_host_and_port) {
  const struct {
    const char* text;
    const char* host;
    uint16_t port;
  } cases[] = {{"db1:5432", "db1", 5432},
               {"1.2.3.4:80", "1.2.3.4", 80},
               {"[::1]:443", "::1", 443},
               {":9808", "", 9808},
               {"host:0", "host", 0}};
  for (const auto& c : cases) {
    const auto parsed = parse_host_port(c.text);
    ASSERT_TRUE(parsed) << c.text;
    EXPECT_EQ(parsed->host, c.host);
    EXPECT_EQ(parsed->port, c.port);
  }
  EXPECT_EQ(parse_host_port("host", 5432)->port, 5432);
  EXPECT_EQ(parse_host_port("[::1]", 5432)->port, 5432);
}

TEST(AddressTest, says_what_is_wrong_with_a_place) {
  const struct {
    const char* text;
    const char* why;
  } cases[] = {
      {"host", "no port"},          {"host:", "not a number"},         {"host:65536", "not a number"},
      {"host:8x", "not a number"},  {"::1:80", "need brackets"},       {"[::1:80", "no closing bracket"},
      {"[host]:80", "not an IPv6"}, {"[::1]x80", "after the bracket"}, {"a/b:80", "not a host name"}};
  for (const auto& c : cases) {
    const auto parsed = parse_host_port(c.text);
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_NE(parsed.error().message.find(c.why), std::string::npos) << parsed.error().message;
  }
}

}  // namespace
}  // namespace sluice::net
