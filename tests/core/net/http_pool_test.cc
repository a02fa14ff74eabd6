#include "core/net/http_pool.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "core/net/clock.h"
#include "core/net/http_client.h"
#include "core/net/resolver.h"
#include "tests/support/net/certificates.h"
#include "tests/support/net/fake_peer.h"
#include "tests/support/net/loop.h"
#include "tests/support/net/nginx.h"
#include "tests/support/process.h"
#include "tests/support/suites.h"

namespace asio = boost::asio;

namespace sluice::net {
namespace {

using support::FakePeer;
using support::run_on;

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class HttpPoolTest : public ::testing::Test {
 protected:
  // A peer that does `act` with the n-th request of a connection (from 0), until that says that it was the
  // last.
  using Act = std::function<asio::awaitable<bool>(support::Socket& socket, int n)>;
  support::Behaviour serves(Act act) {
    return [this, act = std::move(act)](support::Socket& socket) -> asio::awaitable<void> {
      for (int n = 0;; ++n) {
        const std::string request = co_await support::read_request(socket);
        if (request.empty()) break;
        requests_.push_back(request);
        const bool more = co_await act(socket, n);
        if (!more) break;
      }
      ++ended_;
    };
  }
  static Act answers(std::string response, bool more = true) {
    return [=](support::Socket& socket, int) -> asio::awaitable<bool> {
      co_await support::send(socket, response);
      co_return more;
    };
  }
  Result<HttpResponse> post(uint16_t port, Duration limit = 5s) { return run_on(io_, request(port, limit)); }
  asio::awaitable<Result<HttpResponse>> request(uint16_t port, Duration limit = 5s) {
    FetchOptions options;
    options.deadline = RealClock().now() + limit;
    options.pool = pool_;
    return fetch(net_, {"POST", "http://127.0.0.1:" + std::to_string(port) + "/", {}, ""},
                 std::move(options));
  }
  template <typename Condition>
  void run_until(Condition condition) {
    io_.restart();
    while (!condition() && io_.run_one() > 0) {
    }
  }

  asio::io_context io_;
  RealClock clock_;
  Resolver resolver_{io_.get_executor()};
  TlsContexts tls_;
  Net net_{clock_, resolver_, tls_};
  std::shared_ptr<HttpPool> pool_ = HttpPool::make(io_.get_executor());
  std::vector<std::string> requests_;
  int ended_ = 0;  // connections that the peer is done with
};

TEST_F(HttpPoolTest, one_connection_serves_one_request_after_another) {
  const FakePeer peer(io_, serves(answers(kOk)));
  for (int i = 0; i < 3; ++i) {
    const auto response = post(peer.port());
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, "ok");
  }
  EXPECT_EQ(peer.connections(), 1);
  EXPECT_EQ(requests_.size(), 3u);
  EXPECT_EQ(requests_[0].find("Connection:"), std::string::npos) << requests_[0];
  EXPECT_EQ(pool_->idle(), 1u);
}

TEST_F(HttpPoolTest, a_connection_is_not_kept_when_the_server_says_so_or_says_more) {
  for (const std::string response : {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
                                     "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
                                     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more"}) {
    const FakePeer peer(io_, serves(answers(response)));
    EXPECT_TRUE(post(peer.port()));
    EXPECT_EQ(pool_->idle(), 0u) << response;
    EXPECT_TRUE(post(peer.port()));
    EXPECT_EQ(peer.connections(), 2) << response;
  }
  const FakePeer until_the_end(io_, serves(answers("HTTP/1.1 200 OK\r\n\r\nok", false)));
  EXPECT_TRUE(post(until_the_end.port()));
  EXPECT_EQ(pool_->idle(), 0u);
}

TEST_F(HttpPoolTest, a_connection_that_the_server_has_closed_is_not_used_again) {
  const FakePeer peer(io_, serves(answers(kOk, false)));
  for (int i = 1; i <= 3; ++i) {
    EXPECT_TRUE(post(peer.port()));
    run_until([&] { return ended_ == i; });
    EXPECT_EQ(requests_.size(), static_cast<size_t>(i)) << "a request was sent for nothing";
  }
  EXPECT_EQ(peer.connections(), 3);
}

TEST_F(HttpPoolTest, a_request_that_met_the_end_of_its_connection_is_sent_once_more_on_a_fresh_one) {
  for (const bool with_reset : {false, true}) {
    requests_.clear();
    const FakePeer peer(io_, serves([&](support::Socket& socket, int n) -> asio::awaitable<bool> {
                          if (n == 0) {
                            co_await support::send(socket, kOk);
                          } else if (with_reset) {
                            support::reset(socket);
                          }
                          co_return n == 0;
                        }));
    EXPECT_TRUE(post(peer.port()));
    const auto second = post(peer.port());
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(second->body, "ok");
    EXPECT_EQ(peer.connections(), 2);
    EXPECT_EQ(requests_.size(), 3u);
  }
}

TEST_F(HttpPoolTest, a_fresh_connection_that_ends_without_an_answer_is_an_error) {
  int connections = 0;
  const FakePeer peer(io_, serves([&](support::Socket& socket, int n) -> asio::awaitable<bool> {
                        if (n > 0 || connections++ > 0) co_return false;
                        co_await support::send(socket, kOk);
                        co_return true;
                      }));
  EXPECT_TRUE(post(peer.port()));
  EXPECT_FALSE(post(peer.port()));
  EXPECT_EQ(requests_.size(), 3u);
  EXPECT_FALSE(post(peer.port()));
  EXPECT_EQ(requests_.size(), 4u);
}

TEST_F(HttpPoolTest, what_was_answered_in_part_or_not_in_time_is_not_sent_again) {
  for (const std::string part :
       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", "HTTP/1.1 100 Continue\r\n\r\n", "H"}) {
    requests_.clear();
    const FakePeer peer(io_, serves([&](support::Socket& socket, int n) -> asio::awaitable<bool> {
                          co_await support::send(socket, n == 0 ? kOk : part);
                          co_return n == 0;
                        }));
    EXPECT_TRUE(post(peer.port()));
    EXPECT_FALSE(post(peer.port())) << part;
    EXPECT_EQ(requests_.size(), 2u) << part;
  }
  requests_.clear();
  const FakePeer peer(io_, serves([&](support::Socket& socket, int n) -> asio::awaitable<bool> {
                        if (n == 0) {
                          co_await support::send(socket, kOk);
                        } else {
                          co_await support::hang(socket);
                        }
                        co_return n == 0;
                      }));
  EXPECT_TRUE(post(peer.port()));
  const auto late = post(peer.port(), 50ms);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::kTimeout);
  EXPECT_EQ(requests_.size(), 2u);
  EXPECT_EQ(peer.connections(), 1);
}

TEST_F(HttpPoolTest, no_more_connections_wait_than_allowed) {
  pool_ = HttpPool::make(io_.get_executor(), {.idle_per_server_max = 2, .idle_max = 3});
  const FakePeer peer(io_, serves(answers(kOk)));
  const FakePeer other(io_, serves(answers(kOk)));
  const auto ask = [&](const FakePeer& whom) {
    int good = 0;
    for (int i = 0; i < 5; ++i) {
      asio::co_spawn(
          io_, request(whom.port()),
          [&](const std::exception_ptr&, Result<HttpResponse> response) { good += response ? 1 : 0; });
    }
    run_until([&] { return good == 5; });
    EXPECT_EQ(good, 5);
  };
  ask(peer);
  EXPECT_EQ(pool_->idle(), 2u);
  ask(other);
  EXPECT_EQ(pool_->idle(), 3u);
  EXPECT_EQ(peer.connections(), 5);
  // Of those of the first server, the one used last is still there.
  EXPECT_TRUE(post(peer.port()));
  EXPECT_EQ(peer.connections(), 5);
}

TEST_F(HttpPoolTest, who_waits_too_long_is_closed_and_so_is_all_at_the_end_of_the_pool) {
  const FakePeer peer(io_, serves(answers(kOk)));
  pool_ = HttpPool::make(io_.get_executor(), {.idle_time_max = 20ms});
  EXPECT_TRUE(post(peer.port()));
  run_until([&] { return ended_ == 1; });
  EXPECT_EQ(pool_->idle(), 0u);
  pool_ = HttpPool::make(io_.get_executor());
  EXPECT_TRUE(post(peer.port()));
  pool_.reset();
  run_until([&] { return ended_ == 2; });
  EXPECT_EQ(ended_, 2);
}

TEST_F(HttpPoolTest, connections_with_different_tls_settings_are_not_mixed) {
  SLUICE_REQUIRE_NGINX();
  const support::TemporaryFolder folder;
  support::TestAuthority authority(folder.path());
  const support::CertificateFiles files = authority.issue();
  const support::Nginx nginx("location / { return 200 $connection; }", files.cert_file, files.key_file);
  const auto connection = [&](const TlsConfig& tls) {
    FetchOptions options;
    options.deadline = RealClock().now() + 5s;
    options.pool = pool_;
    options.tls = tls;
    const std::string url = "https://localhost:" + std::to_string(nginx.tls_port()) + "/";
    const auto response = run_on(io_, fetch(net_, {"GET", url, {}, ""}, std::move(options)));
    EXPECT_TRUE(response) << response.error().message;
    return response ? response->body : "";
  };
  TlsConfig trusting, careless;
  trusting.ca_file = authority.ca_file();
  careless.insecure_skip_verify = true;
  const std::string first = connection(trusting);
  EXPECT_EQ(connection(trusting), first);
  EXPECT_NE(connection(careless), first);
  EXPECT_EQ(connection(trusting), first);
  EXPECT_EQ(pool_->idle(), 2u);
  // Other certificates in the same files are other settings.
  const std::string bundle = support::read_file(authority.ca_file());
  support::write_file(authority.ca_file(), bundle + "\n" + bundle);
  EXPECT_NE(connection(trusting), first);
}

}  // namespace
}  // namespace sluice::net
