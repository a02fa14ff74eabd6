#include "exporters/redis/redis_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "core/net/clock.h"
#include "core/net/resolver.h"
#include "core/net/tls.h"
#include "tests/support/redis_server.h"
#include "tests/support/suites.h"

namespace sluice::exporters::redis {
namespace {

namespace asio = boost::asio;
using support::RedisServer;
using support::RedisServerOptions;

MATCHER_P(HasReason, reason, std::string("reason ") + std::string(to_string(reason))) {
  *result_listener << to_string(arg.reason) << ": " << arg.detail;
  return arg.reason == reason;
}

std::optional<double> value(const ProbeResult& result, std::string_view family, std::string_view label = "",
                            std::string_view is = "") {
  for (const MetricPoint& point : result.points) {
    if (point.family->name == family && (label.empty() || point.labels.get(label) == is)) return point.value;
  }
  return std::nullopt;
}

class RedisProberTest : public testing::Test {
 protected:
  std::unique_ptr<RedisProber> prober(uint16_t port, RedisModule module = plain()) {
    net::RedisUrl target;
    target.host = module.tls ? "localhost" : "127.0.0.1";
    target.port = port;
    return std::make_unique<RedisProber>(net_, std::move(module), target);
  }
  static RedisModule plain() {
    RedisModule module;
    module.statistics = false;
    return module;
  }
  static RedisModule with_canary() {
    RedisModule module = plain();
    module.write_canary.enabled = true;
    return module;
  }
  void start(RedisProber& prober, Duration timeout, std::function<void(ProbeResult)> done) {
    ProbeContext context;
    context.scheduled = clock_.now();
    context.deadline = context.scheduled + timeout;
    context.explain = true;
    asio::co_spawn(io_, prober.probe(context), [done](std::exception_ptr bug, ProbeResult result) {
      if (bug) std::rethrow_exception(bug);
      done(std::move(result));
    });
  }
  ProbeResult probe(RedisProber& prober, Duration timeout = 10s) {
    std::optional<ProbeResult> result;
    start(prober, timeout, [&](ProbeResult r) { result = std::move(r); });
    io_.restart();
    while (!result) io_.run_one();
    return *std::move(result);
  }

  asio::io_context io_;
  net::RealClock clock_;
  net::Resolver resolver_{io_.get_executor()};
  net::TlsContexts tls_;
  net::Net net_{clock_, resolver_, tls_};
};

TEST_F(RedisProberTest, a_healthy_master_passes_with_every_phase_timed) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server;
  RedisModule module = with_canary();
  module.expect_role = ExpectedRole::kMaster;
  module.fail_if_read_only = true;
  const auto p = prober(server.port(), module);
  const ProbeResult result = probe(*p);
  EXPECT_THAT(result, HasReason(Reason::kOk));
  EXPECT_EQ(value(result, "redis_up"), 1);
  EXPECT_EQ(value(result, "probe_redis_role", "role", "master"), 1);
  EXPECT_EQ(value(result, "probe_redis_read_only"), 0);
  for (const std::string phase : {"resolve", "connect", "ping", "role", "canary"}) {
    EXPECT_TRUE(value(result, "probe_redis_duration_seconds", "phase", phase)) << phase;
  }
  EXPECT_FALSE(value(result, "probe_redis_duration_seconds", "phase", "tls"));
  EXPECT_EQ(server.cli({"DBSIZE"}), "0") << "the canary is gone";
}

TEST_F(RedisProberTest, passwords_and_users_are_checked) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server({.tls = false,
                      .settings = {"user default off", "user app on >secret ~sluice:* +@all",
                                   "user least on >secret +ping", "user none on >secret +get"}});
  const auto with = [&](std::string user, std::string password) {
    RedisModule module = with_canary();
    module.username = std::move(user);
    module.password = std::move(password);
    const auto p = prober(server.port(), module);
    return probe(*p);
  };
  EXPECT_THAT(with("app", "secret"), HasReason(Reason::kOk));
  const ProbeResult wrong = with("app", "guess");
  EXPECT_THAT(wrong, HasReason(Reason::kRedisAuth));
  EXPECT_EQ(wrong.detail.find("guess"), std::string::npos);
  EXPECT_THAT(with("", ""), HasReason(Reason::kRedisAuth));
  EXPECT_THAT(with("least", "secret"), HasReason(Reason::kRedisAuth))
      << "the canary was asked for and is forbidden";
  EXPECT_THAT(with("none", "secret"), HasReason(Reason::kRedisAuth)) << "PING is the least";

  // Without the canary, whatever else is forbidden costs only its own series.
  RedisModule module;
  module.username = "least";
  module.password = "secret";
  const auto p = prober(server.port(), module);
  const ProbeResult result = probe(*p);
  EXPECT_THAT(result, HasReason(Reason::kOk));
  EXPECT_FALSE(value(result, "probe_redis_role"));
  EXPECT_EQ(value(result, "redis_exporter_last_scrape_error"), 1);
}

TEST_F(RedisProberTest, tls_is_verified) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server({.tls = true, .settings = {}});
  RedisModule module = plain();
  module.tls = true;
  {
    const auto p = prober(server.port(), module);
    EXPECT_THAT(probe(*p), HasReason(Reason::kTlsUntrusted));
  }
  module.tls_config.ca_file = server.certificates() + "/ca.crt";
  {
    const auto p = prober(server.port(), module);
    const ProbeResult result = probe(*p);
    EXPECT_THAT(result, HasReason(Reason::kOk));
    EXPECT_EQ(value(result, "probe_redis_ssl"), 1);
    EXPECT_TRUE(value(result, "probe_redis_duration_seconds", "phase", "tls"));
  }
  module.tls_config.server_name = "other.example";
  {
    const auto p = prober(server.port(), module);
    EXPECT_THAT(probe(*p), HasReason(Reason::kTlsNameMismatch));
  }
  const auto p = prober(server.port(), plain());
  EXPECT_FALSE(probe(*p).success()) << "plain words to a TLS port";
}

TEST_F(RedisProberTest, a_replica_is_read_only_and_no_master) {
  SLUICE_REQUIRE_REDIS();
  RedisServer master;
  RedisServer replica({.tls = false, .settings = {"replicaof 127.0.0.1 " + std::to_string(master.port())}});
  ASSERT_TRUE(support::eventually([&] {
    return replica.cli({"INFO", "replication"}).find("master_link_status:up") != std::string::npos;
  }));
  const auto with = [&](std::function<void(RedisModule&)> change) {
    RedisModule module = plain();
    change(module);
    const auto p = prober(replica.port(), module);
    return probe(*p);
  };
  EXPECT_THAT(with([](RedisModule&) {}), HasReason(Reason::kOk));
  EXPECT_THAT(with([](RedisModule& m) { m.expect_role = ExpectedRole::kReplica; }), HasReason(Reason::kOk));
  EXPECT_THAT(with([](RedisModule& m) { m.expect_role = ExpectedRole::kMaster; }),
              HasReason(Reason::kRedisReadOnly));
  EXPECT_THAT(with([](RedisModule& m) { m.expect_role = ExpectedRole::kSentinel; }),
              HasReason(Reason::kIdentityMismatch));
  EXPECT_THAT(with([](RedisModule& m) { m.fail_if_read_only = true; }), HasReason(Reason::kRedisReadOnly));
  EXPECT_THAT(with([](RedisModule& m) { m.write_canary.enabled = true; }), HasReason(Reason::kRedisReadOnly));
  const ProbeResult full = with([](RedisModule& m) { m.statistics = true; });
  EXPECT_EQ(value(full, "redis_master_link_up", "master_port", std::to_string(master.port())), 1);
  EXPECT_EQ(value(full, "redis_slave_info", "read_only", "1"), 1);
}

TEST_F(RedisProberTest, a_full_redis_is_found_by_the_canary_only) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server({.tls = false, .settings = {"maxmemory 1mb", "maxmemory-policy noeviction"}});
  server.cli({"CONFIG", "SET", "maxmemory", "1"});
  {
    const auto p = prober(server.port(), plain());
    EXPECT_THAT(probe(*p), HasReason(Reason::kOk));
  }
  const auto p = prober(server.port(), with_canary());
  EXPECT_THAT(probe(*p), HasReason(Reason::kRedisOutOfMemory));
}

TEST_F(RedisProberTest, a_loading_redis_is_said_to_load) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server({.tls = false,
                      .settings = {"appendonly yes", "key-load-delay 20000", "enable-debug-command yes",
                                   "loading-process-events-interval-bytes 1024"}});
  server.cli({"DEBUG", "POPULATE", "2000"});
  server.cli({"BGREWRITEAOF"});
  ASSERT_TRUE(support::eventually([&] {
    const std::string persistence = server.cli({"INFO", "persistence"});
    return persistence.find("aof_rewrite_in_progress:0") != std::string::npos &&
           persistence.find("aof_rewrite_scheduled:0") != std::string::npos;
  }));
  server.kill();
  server.start();
  const auto p = prober(server.port(), plain());
  EXPECT_THAT(probe(*p), HasReason(Reason::kRedisLoading));
}

TEST_F(RedisProberTest, a_frozen_redis_is_given_up_at_the_timeout_and_two_hundred_cost_nobody_else) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server;
  server.freeze();
  constexpr size_t kProbes = 200;
  std::vector<std::unique_ptr<RedisProber>> probers;
  std::vector<Duration> durations;
  for (size_t i = 0; i < kProbes; ++i) {
    probers.push_back(prober(server.port()));
    start(*probers.back(), 700ms, [&](ProbeResult result) {
      EXPECT_THAT(result, HasReason(Reason::kRedisTimeout));
      durations.push_back(result.duration);
    });
  }
  while (durations.size() < kProbes) io_.run_one();
  std::sort(durations.begin(), durations.end());
  EXPECT_GE(durations.front(), 699ms);
  EXPECT_LE(durations.back(), 800ms);
  server.thaw();
  EXPECT_THAT(probe(*probers[0]), HasReason(Reason::kOk)) << "well again without a restart";
}

TEST_F(RedisProberTest, a_killed_redis_is_refused_and_a_restarted_one_passes) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server;
  const auto p = prober(server.port());
  EXPECT_THAT(probe(*p), HasReason(Reason::kOk));
  server.kill();
  const ProbeResult down = probe(*p);
  EXPECT_THAT(down, HasReason(Reason::kConnectRefused));
  EXPECT_EQ(value(down, "redis_up"), 0);
  server.start();
  EXPECT_THAT(probe(*p), HasReason(Reason::kOk));
}

// Says its words to whoever connects, whatever they say, and ends.
asio::awaitable<void> say(asio::ip::tcp::acceptor& acceptor, std::string words) {
  asio::ip::tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
  co_await asio::async_write(socket, asio::buffer(words), asio::use_awaitable);
  socket.shutdown(asio::ip::tcp::socket::shutdown_send);
  std::string ignored(1000, ' ');
  for (;;) co_await socket.async_read_some(asio::buffer(ignored), asio::use_awaitable);
}

TEST_F(RedisProberTest, strange_peers_are_named) {
  struct Peer {
    std::string words;
    Reason reason;
  };
  const Peer kPeers[] = {
      {"HTTP/1.1 400 Bad Request\r\n\r\n", Reason::kProtocolError},
      {"+HELLO\r\n", Reason::kProtocolError},
      {"*1000000000\r\n", Reason::kProtocolError},
      {"-ERR max number of clients reached\r\n", Reason::kRedisError},
      {"-LOADING Redis is loading the dataset in memory\r\n", Reason::kRedisLoading},
      {"-DENIED Redis is running in protected mode\r\n", Reason::kRedisAuth},
      {"-\xff\xfe broken text\r\n", Reason::kRedisError},
      {"", Reason::kConnectReset},
      {"+PO", Reason::kConnectReset},
  };
  for (const Peer& peer : kPeers) {
    asio::ip::tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
    asio::co_spawn(io_, say(acceptor, peer.words), [](std::exception_ptr) {});
    const auto p = prober(acceptor.local_endpoint().port());
    const ProbeResult result = probe(*p);
    EXPECT_THAT(result, HasReason(peer.reason)) << peer.words;
    EXPECT_TRUE(is_valid_utf8(result.detail));
  }
}

TEST_F(RedisProberTest, statistics_have_the_families_types_and_labels_of_redis_exporter) {
  SLUICE_REQUIRE_REDIS();
  SLUICE_REQUIRE_SUITE(golden, "golden");
  RedisServer server;
  server.cli({"SET", "k", "v", "EX", "1000"});
  // The average TTL is known once the expiry cycle has come by.
  ASSERT_TRUE(support::eventually(
      [&] { return server.cli({"INFO", "keyspace"}).find("avg_ttl=0") == std::string::npos; }));
  const auto p = prober(server.port(), RedisModule());
  const ProbeResult result = probe(*p);
  ASSERT_THAT(result, HasReason(Reason::kOk));
  EXPECT_EQ(value(result, "redis_exporter_last_scrape_error"), 0);
  EXPECT_EQ(value(result, "redis_db_keys", "db", "db0"), 1);
  EXPECT_EQ(value(result, "redis_db_keys", "db", "db15"), 0);
  EXPECT_EQ(value(result, "redis_config_maxclients"), 10000);

  std::map<std::string, std::string> types;
  std::map<std::string, std::set<std::string>> labels;
  for (const MetricPoint& point : result.points) {
    const std::string name(point.family->name);
    types[name] = to_string(point.family->type);
    for (const auto& label : point.labels) labels[name].emplace(label.name);
  }
  // About the exporter as a program, not about Redis.
  const std::set<std::string> kNotOurs = {
      "redis_exporter_build_info", "redis_exporter_scrape_duration_seconds",
      "redis_last_key_groups_scrape_duration_milliseconds", "redis_target_scrape_request_errors_total"};
  std::istringstream lines(support::read_file(golden + "redis_exporter.default.prom"));
  size_t compared = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, keyword, name, type;
    if (words >> hash >> keyword >> name >> type && hash == "#" && keyword == "TYPE") {
      if (!name.starts_with("redis_") || kNotOurs.contains(name)) continue;
      EXPECT_EQ(types[name], type) << name;
      ++compared;
    } else if (name = line.substr(0, line.find_first_of("{ "));
               types.contains(name) && name.starts_with("redis_")) {
      std::set<std::string> wanted;
      for (size_t at = line.find('{'); at != std::string::npos;) {
        const size_t equals = line.find("=\"", at);
        const size_t end = equals == std::string::npos ? equals : line.find('"', equals + 2);
        if (end == std::string::npos) break;
        if (end > equals + 2) wanted.insert(line.substr(at + 1, equals - at - 1));
        at = line[end + 1] == ',' ? end + 1 : std::string::npos;
      }
      EXPECT_EQ(labels[name], wanted) << name;
    }
  }
  EXPECT_GT(compared, 110u);
}

}  // namespace
}  // namespace sluice::exporters::redis
