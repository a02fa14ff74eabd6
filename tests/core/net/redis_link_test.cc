#include "core/net/redis_link.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <optional>

#include "core/net/clock.h"
#include "core/net/resolver.h"
#include "core/net/tls.h"
#include "tests/support/redis_server.h"

namespace sluice::net {
namespace {

namespace asio = boost::asio;
using support::RedisServer;

struct UrlCase {
  std::string text;
  std::string instance;
  bool tls;
  std::string user;
  std::string password;
  int database;
};

TEST(RedisUrlTest, urls_and_plain_addresses_are_read) {
  const UrlCase kCases[] = {
      {"redis://db1", "db1:6379", false, "", "", 0},
      {"redis://db1:6380/3", "db1:6380", false, "", "", 3},
      {"rediss://me:s%40cret@db1/0", "db1:6379", true, "me", "s@cret", 0},
      {"redis://:secret@[::1]:7000", "[::1]:7000", false, "", "secret", 0},
      {"redis://db1?db=5", "db1:6379", false, "", "", 5},
      {"db1:6380", "db1:6380", false, "", "", 0},
      {"db1", "db1:6379", false, "", "", 0},
      {"[::1]:6379", "[::1]:6379", false, "", "", 0},
  };
  for (const UrlCase& c : kCases) {
    const auto url = parse_redis_url(c.text);
    ASSERT_TRUE(url) << c.text << ": " << url.error().message;
    EXPECT_EQ(url->instance(), c.instance);
    EXPECT_EQ(url->tls, c.tls);
    EXPECT_EQ(url->user, c.user);
    EXPECT_EQ(url->password, c.password);
    EXPECT_EQ(url->database, c.database);
  }
}

TEST(RedisUrlTest, what_is_wrong_is_refused_without_repeating_the_password) {
  for (const std::string text :
       {"", "redis://", "http://db1", "redis://db1:0", "redis://db1:99999", "redis://db1/x", "redis://db1/-1",
        "redis://:hunter2@/0", "redis://me:hunter2@db1/abc", "redis://me:hunter2@db1?ssl_cert_reqs=none",
        "me:hunter2@db1:6379", "redis://me:hunter#2@db1", "redis://me:hunter2@db 1", "redis://db1:63x79/0"}) {
    const auto url = parse_redis_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().message.find("hunter2"), std::string::npos) << url.error().message;
  }
}

class RedisLinkTest : public testing::Test {
 protected:
  RedisOptions options(uint16_t port) {
    RedisOptions options;
    options.url.host = "127.0.0.1";
    options.url.port = port;
    return options;
  }
  template <typename T>
  T await(asio::awaitable<T> operation) {
    std::optional<T> result;
    asio::co_spawn(io_, std::move(operation), [&](std::exception_ptr bug, T value) {
      if (bug) std::rethrow_exception(bug);
      result.emplace(std::move(value));
    });
    io_.restart();
    while (!result) io_.run_one();
    return std::move(*result);
  }
  Instant in(Duration d) { return clock_.now() + d; }

  asio::io_context io_;
  RealClock clock_;
  Resolver resolver_{io_.get_executor()};
  TlsContexts tls_;
  Net net_{clock_, resolver_, tls_};
};

TEST_F(RedisLinkTest, commands_are_answered_in_their_order) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server;
  RedisLink link(net_, options(server.port()), 1);
  const auto replies = await(link.run({{"SET", "k", "v", "PX", "60000"},
                                       {"GET", "k"},
                                       {"HSET", "h", "a", "1", "b", "2"},
                                       {"HGETALL", "h"},
                                       {"NONSENSE"},
                                       {"TIME"},
                                       {"DEL", "k"},
                                       {"GET", "k"}},
                                      in(5s)));
  ASSERT_TRUE(replies) << replies.error().message;
  ASSERT_EQ(replies->size(), 8u);
  EXPECT_EQ((*replies)[0].text, "OK");
  EXPECT_EQ((*replies)[1].text, "v");
  EXPECT_EQ((*replies)[2].integer, 2);
  EXPECT_EQ((*replies)[3].elements.size(), 4u);
  EXPECT_EQ((*replies)[4].error_code(), "ERR");
  EXPECT_EQ((*replies)[5].elements.size(), 2u);
  EXPECT_EQ((*replies)[6].integer, 1);
  EXPECT_TRUE((*replies)[7].is_nil());
  EXPECT_EQ(link.stats().connects, 1u);
}

TEST_F(RedisLinkTest, a_transaction_commits_only_what_nobody_has_changed) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server;
  RedisLink one(net_, options(server.port()), 1);
  RedisLink other(net_, options(server.port()), 2);
  ASSERT_TRUE(await(one.run({{"SET", "n", "1"}}, in(5s))));
  const auto increment = [](const RedisReplies& reads) {
    return std::vector<RedisCommand>{{"SET", "n", std::to_string(std::stoi(reads.at(0).text) + 1)}};
  };
  auto committed = await(one.transact({{"n"}, {{"GET", "n"}}, increment}, in(5s)));
  ASSERT_TRUE(committed) << committed.error().message;
  EXPECT_EQ(committed->outcome, RedisCommit::Outcome::kCommitted);
  ASSERT_EQ(committed->replies.size(), 1u);
  EXPECT_EQ(server.cli({"GET", "n"}), "2");

  // Somebody else writes between our reads and our EXEC.
  const auto meddled = await(one.transact({{"n"},
                                           {{"GET", "n"}},
                                           [&](const RedisReplies& reads) {
                                             server.cli({"SET", "n", "77"});
                                             return increment(reads);
                                           }},
                                          in(5s)));
  ASSERT_TRUE(meddled) << meddled.error().message;
  EXPECT_EQ(meddled->outcome, RedisCommit::Outcome::kConflict);
  EXPECT_EQ(server.cli({"GET", "n"}), "77");

  const auto nothing = await(
      one.transact({{"n"}, {}, [](const RedisReplies&) { return std::vector<RedisCommand>(); }}, in(5s)));
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->outcome, RedisCommit::Outcome::kNothing);
  server.cli({"SET", "n", "78"});
  const auto after =
      await(one.transact({{}, {}, [](const RedisReplies&) { return std::vector<RedisCommand>(); }}, in(5s)));
  EXPECT_FALSE(after) << "WATCH wants a key";

  const auto refused = await(one.transact(
      {{"n"}, {}, [](const RedisReplies&) { return std::vector<RedisCommand>{{"SET", "n"}}; }}, in(5s)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kInvalid);
  EXPECT_NE(refused.error().message.find("wrong number of arguments"), std::string::npos)
      << refused.error().message;
}

TEST_F(RedisLinkTest, callers_take_turns_and_their_replies_are_never_mixed) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server;
  RedisLink link(net_, options(server.port()), 1);
  int done = 0;
  for (int i = 0; i < 50; ++i) {
    asio::co_spawn(
        io_,
        [](RedisLink& shared, int number, Instant until) -> asio::awaitable<std::string> {
          std::vector<RedisCommand> commands{{"SET", "k" + std::to_string(number), std::to_string(number)},
                                             {"GET", "k" + std::to_string(number)}};
          const auto replies = co_await shared.run(std::move(commands), until);
          co_return replies ? replies->at(1).text : replies.error().message;
        }(link, i, in(5s)),
        [&, i](std::exception_ptr bug, std::string text) {
          if (bug) std::rethrow_exception(bug);
          EXPECT_EQ(text, std::to_string(i));
          ++done;
        });
  }
  io_.restart();
  while (done < 50) io_.run_one();
  EXPECT_EQ(link.stats().connects, 1u);
}

TEST_F(RedisLinkTest, a_frozen_redis_costs_the_deadline_once_and_a_broken_link_repairs_itself) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server;
  RedisLink link(net_, options(server.port()), 1);
  ASSERT_TRUE(await(link.run({{"SET", "k", "stale"}}, in(5s))));
  server.freeze();
  const Instant began = clock_.now();
  const auto frozen = await(link.run({{"GET", "k"}}, in(200ms)));
  ASSERT_FALSE(frozen);
  EXPECT_EQ(frozen.error().kind, ErrorKind::kTimeout) << frozen.error().message;
  EXPECT_GE(clock_.now() - began, 199ms);
  EXPECT_LE(clock_.now() - began, 300ms);
  server.thaw();
  // The late answer to GET must not be taken for the answer to this.
  const auto thawed = await(link.run({{"ECHO", "fresh"}}, in(5s)));
  ASSERT_TRUE(thawed) << thawed.error().message;
  EXPECT_EQ(thawed->at(0).text, "fresh");
  EXPECT_EQ(link.stats().connects, 2u);
}

TEST_F(RedisLinkTest, without_redis_calls_fail_at_once_until_the_pause_is_over) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server;
  RedisLink link(net_, options(server.port()), 1);
  ASSERT_TRUE(await(link.run({{"PING"}}, in(5s))));
  server.kill();
  const auto lost = await(link.run({{"PING"}}, in(5s)));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind, ErrorKind::kUnavailable);
  EXPECT_FALSE(await(link.run({{"PING"}}, in(5s)))) << "nobody listens";
  const uint64_t failures = link.stats().connect_failures;
  const auto paused = await(link.run({{"PING"}}, in(5s)));
  ASSERT_FALSE(paused);
  EXPECT_EQ(paused.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(link.stats().connect_failures, failures)
      << "no new try within the pause: " << paused.error().message;
  EXPECT_FALSE(link.stats().connected);
  server.start();
  EXPECT_TRUE(support::eventually([&] { return await(link.run({{"PING"}}, in(5s))).has_value(); }));
  EXPECT_TRUE(link.stats().connected);
  EXPECT_EQ(link.stats().last_error, "");
}

TEST_F(RedisLinkTest, a_link_that_goes_away_ends_its_calls) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server;
  auto link = std::make_unique<RedisLink>(net_, options(server.port()), 1);
  ASSERT_TRUE(await(link->run({{"PING"}}, in(5s))));
  server.freeze();
  int ended = 0;
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(io_, link->run({{"PING"}}, in(20s)),
                   [&](std::exception_ptr bug, Result<RedisReplies> result) {
                     if (bug) std::rethrow_exception(bug);
                     EXPECT_FALSE(result);
                     ++ended;
                   });
  }
  io_.restart();
  io_.run_for(20ms);
  EXPECT_EQ(ended, 0);
  link.reset();
  while (ended < 3) io_.run_one();
}

TEST_F(RedisLinkTest, passwords_users_databases_and_tls_are_used) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server({.tls = true, .settings = {"user default off", "user app on >secret ~* +@all"}});
  RedisOptions secure = options(server.port());
  secure.url.host = "localhost";
  secure.url.tls = true;
  secure.url.user = "app";
  secure.url.password = "secret";
  secure.url.database = 3;
  secure.tls.ca_file = server.certificates() + "/ca.crt";
  {
    RedisLink link(net_, secure, 1);
    const auto replies = await(link.run({{"ACL", "WHOAMI"}, {"CLIENT", "INFO"}}, in(5s)));
    ASSERT_TRUE(replies) << replies.error().message;
    EXPECT_EQ(replies->at(0).text, "app");
    EXPECT_NE(replies->at(1).text.find(" db=3 "), std::string::npos);
  }
  {
    RedisOptions wrong = secure;
    wrong.url.password = "guess";
    RedisLink link(net_, wrong, 1);
    const auto refused = await(link.run({{"PING"}}, in(5s)));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("WRONGPASS"), std::string::npos) << refused.error().message;
    EXPECT_EQ(refused.error().message.find("guess"), std::string::npos);
  }
  {
    RedisOptions untrusting = secure;
    untrusting.tls.ca_file.clear();
    RedisLink link(net_, untrusting, 1);
    EXPECT_FALSE(await(link.run({{"PING"}}, in(5s))));
  }
}

TEST_F(RedisLinkTest, a_subscription_receives_what_is_published_and_notices_silence) {
  SLUICE_REQUIRE_REDIS();
  RedisServer server;
  auto subscription = await(RedisSubscription::open(net_, options(server.port()), {"a", "b"}, in(5s)));
  ASSERT_TRUE(subscription) << subscription.error().message;
  RedisLink link(net_, options(server.port()), 1);
  for (int i = 0; i < 100; ++i) {
    const auto heard = await(link.run({{"PUBLISH", i % 2 == 0 ? "a" : "b", std::to_string(i)}}, in(5s)));
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->at(0).integer, 1);
  }
  for (int i = 0; i < 100; ++i) {
    const auto message = await((*subscription)->next());
    ASSERT_TRUE(message) << message.error().message;
    EXPECT_EQ(message->payload, std::to_string(i));
    EXPECT_EQ(message->channel, i % 2 == 0 ? "a" : "b");
  }
  // Heartbeats keep a quiet subscription alive: this message comes after two of them.
  std::optional<NetResult<RedisSubscription::Message>> late;
  asio::co_spawn(io_, (*subscription)->next(1s),
                 [&](std::exception_ptr bug, NetResult<RedisSubscription::Message> message) {
                   if (bug) std::rethrow_exception(bug);
                   late.emplace(std::move(message));
                 });
  ASSERT_TRUE(support::eventually([&] {
    const auto told = await(link.run({{"INFO", "commandstats"}}, in(5s)));
    return told && told->at(0).text.find("cmdstat_ping:calls=2") != std::string::npos;
  }));
  ASSERT_FALSE(late.has_value());
  ASSERT_TRUE(await(link.run({{"PUBLISH", "a", "late"}}, in(5s))));
  while (!late) io_.run_one();
  ASSERT_TRUE(*late) << late->error().message;
  EXPECT_EQ((*late)->payload, "late");

  server.freeze();
  const auto silent = await((*subscription)->next(50ms));
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().kind, FaultKind::kTimeout);
}

// A peer that says one thing and then nothing more.
asio::awaitable<void> say_once(asio::ip::tcp::acceptor& acceptor, std::string words,
                               std::vector<asio::ip::tcp::socket>& kept) {
  asio::ip::tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
  co_await asio::async_write(socket, asio::buffer(words), asio::use_awaitable);
  kept.push_back(std::move(socket));
}

TEST_F(RedisLinkTest, peers_that_are_no_redis_are_refused_without_harm) {
  struct Peer {
    std::string words;
    std::string said;
  };
  const Peer kPeers[] = {
      {"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak"},
      {"*2147483647\r\n", "too many elements"},
      {"$99999999999\r\n", "too long"},
      {std::string(1 << 17, '+'), "too long"},
  };
  for (const Peer& peer : kPeers) {
    asio::ip::tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
    std::vector<asio::ip::tcp::socket> kept;
    asio::co_spawn(io_, say_once(acceptor, peer.words, kept), [](std::exception_ptr) {});
    RedisLink link(net_, options(acceptor.local_endpoint().port()), 1);
    const auto result = await(link.run({{"PING"}}, in(5s)));
    ASSERT_FALSE(result) << peer.words.substr(0, 30);
    EXPECT_NE(result.error().message.find(peer.said), std::string::npos) << result.error().message;
  }
}

}  // namespace
}  // namespace sluice::net
