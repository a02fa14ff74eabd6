#include "core/net/resolver.h"

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "core/net/clock.h"
#include "tests/support/net/fake_dns.h"
#include "tests/support/net/loop.h"
#include "tests/support/process.h"

namespace asio = boost::asio;

namespace sluice::net {
namespace {

using support::DnsRecord;
using support::FakeDns;
using support::run_on;

Instant now() {
  return RealClock().now();
}

class ResolverTest : public ::testing::Test {
 protected:
  void serve(std::map<std::string, DnsRecord> records) {
    dns_ = std::make_unique<FakeDns>(io_, std::move(records));
    options_.servers = {dns_->address()};
    options_.hosts_file = folder_.file("hosts");
    options_.resolv_conf = folder_.file("resolv.conf");
    support::write_file(options_.resolv_conf, "options ndots:1\n");
    resolver_ = std::make_unique<Resolver>(io_.get_executor(), options_);
  }

  // "1.2.3.4 ::1", or the name of the fault.
  std::string resolve(const std::string& host, ResolveOptions how = {}, Duration limit = 5s) {
    const auto found = run_on(io_, resolver_->resolve(host, how, now() + limit));
    if (!found) return std::string(to_string(found.error().kind));
    std::string text;
    for (const IpAddress& address : *found) text += (text.empty() ? "" : " ") + address.to_string();
    return text;
  }

  asio::io_context io_;
  support::TemporaryFolder folder_;
  std::unique_ptr<FakeDns> dns_;
  ResolverOptions options_;
  std::unique_ptr<Resolver> resolver_;
};

constexpr ResolveOptions kIp4{IpFamily::kIp4, true}, kIp6{IpFamily::kIp6, true};
constexpr ResolveOptions kOnlyIp4{IpFamily::kIp4, false}, kOnlyIp6{IpFamily::kIp6, false};

TEST_F(ResolverTest, takes_the_preferred_family_or_falls_back) {
  serve({{"both.test", {{"10.0.0.1", "10.0.0.2"}, {"2001:db8::1"}}},
         {"four.test", {{"10.0.0.4"}, {}}},
         {"six.test", {{}, {"2001:db8::6"}}},
         {"none.test", {}}});
  EXPECT_EQ(resolve("both.test"), "10.0.0.1 10.0.0.2 2001:db8::1");
  EXPECT_EQ(resolve("both.test", kIp6), "2001:db8::1");
  EXPECT_EQ(resolve("both.test", kIp4), "10.0.0.1 10.0.0.2");
  EXPECT_EQ(resolve("Both.Test.", kIp6), "2001:db8::1");
  EXPECT_EQ(resolve("four.test", kIp6), "10.0.0.4");
  EXPECT_EQ(resolve("six.test", kIp4), "2001:db8::6");
  EXPECT_EQ(resolve("four.test", kOnlyIp6), "dns_error");
  EXPECT_EQ(resolve("six.test", kOnlyIp4), "dns_error");
  EXPECT_EQ(resolve("none.test"), "dns_error");
}

TEST_F(ResolverTest, tells_absent_from_silent_from_broken) {
  serve({{"slow.test", {{}, {}, true}}, {"broken.test", {{}, {}, false, false, true}}});
  EXPECT_EQ(resolve("absent.test"), "dns_error");
  EXPECT_EQ(resolve("broken.test"), "dns_error");
  const Instant start = now();
  EXPECT_EQ(resolve("slow.test", {}, 150ms), "dns_timeout");
  EXPECT_GE(now() - start, 150ms);
  EXPECT_LT(now() - start, 250ms + support::kSlack);
}

TEST_F(ResolverTest, does_not_wait_for_the_other_family) {
  serve({{"half.test", {{"10.0.0.1"}, {}, false, true}}});
  const Instant start = now();
  EXPECT_EQ(resolve("half.test", kIp4), "10.0.0.1");
  EXPECT_LT(now() - start, 1s);
}

TEST_F(ResolverTest, answers_literals_without_asking_anybody) {
  serve({});
  EXPECT_EQ(resolve("127.0.0.1", kIp6), "127.0.0.1");
  EXPECT_EQ(resolve("[::1]", kIp4), "::1");
  EXPECT_EQ(resolve("::1", kOnlyIp4), "dns_error");
  EXPECT_EQ(resolve("127.0.0.1", {}, -1s), "127.0.0.1");
  EXPECT_EQ(dns_->questions(), 0);
}

TEST_F(ResolverTest, refuses_what_cannot_be_a_name) {
  serve({});
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("a\nb"), std::string(300, 'a')}) {
    EXPECT_EQ(resolve(name), "invalid");
  }
  EXPECT_EQ(dns_->questions(), 0);
}

TEST_F(ResolverTest, reads_the_hosts_file_and_its_changes) {
  serve({{"db.test", {{"10.9.9.9"}, {}}}});
  EXPECT_EQ(resolve("db.test"), "10.9.9.9");
  support::write_file(options_.hosts_file, "10.1.1.1 db.test DB2.test # comment\n::5 db.test\nnonsense x\n");
  EXPECT_EQ(resolve("db.test"), "10.1.1.1 ::5");
  EXPECT_EQ(resolve("db.test", kIp6), "::5");
  EXPECT_EQ(resolve("db2.test"), "10.1.1.1");
  EXPECT_EQ(resolve("comment"), "dns_error");
  EXPECT_EQ(resolve("localhost"), "127.0.0.1 ::1");
}

TEST_F(ResolverTest, a_fast_name_does_not_wait_behind_hung_ones) {
  std::map<std::string, DnsRecord> records{{"fast.test", {{"10.0.0.1"}, {"::2"}}}};
  for (int i = 0; i < 200; ++i) records["slow" + std::to_string(i) + ".test"] = {{}, {}, true};
  serve(std::move(records));
  int ended = 0;
  for (int i = 0; i < 200; ++i) {
    asio::co_spawn(io_, resolver_->resolve("slow" + std::to_string(i) + ".test", {}, now() + 700ms),
                   [&](const std::exception_ptr&, const auto& found) {
                     EXPECT_FALSE(found);
                     ++ended;
                   });
    io_.poll();  // or the server's socket buffer overflows
  }
  const Instant start = now();
  EXPECT_EQ(resolve("fast.test"), "10.0.0.1 ::2");
  EXPECT_LT(now() - start, 500ms);
  EXPECT_EQ(ended, 0);
  while (ended < 200 && io_.run_one() > 0) {
  }
  EXPECT_LT(now() - start, 1500ms + support::kSlack);
}

TEST_F(ResolverTest, asks_the_servers_of_a_new_resolv_conf) {
  serve({});
  options_.servers.clear();
  support::write_file(options_.resolv_conf, "nameserver 127.0.0.1\noptions ndots:1\n");
  resolver_ = std::make_unique<Resolver>(io_.get_executor(), options_);
  EXPECT_NE(resolve("x.test", {}, 100ms), "");
  support::write_file(options_.resolv_conf, "nameserver 127.0.0.2\nsearch example.test\n");
  EXPECT_NE(resolve("x.test", {}, 100ms), "");
}

TEST_F(ResolverTest, may_go_away_while_it_is_asked) {
  serve({{"slow.test", {{}, {}, true}}});
  bool ended = false;
  asio::co_spawn(io_, resolver_->resolve("slow.test", {}, now() + 100ms),
                 [&](const std::exception_ptr&, const auto& found) {
                   EXPECT_FALSE(found);
                   ended = true;
                 });
  io_.poll();
  resolver_.reset();
  while (!ended && io_.run_one() > 0) {
  }
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace sluice::net
