#include "core/net/http_server.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "core/net/clock.h"
#include "core/net/deadline.h"
#include "core/net/http_client.h"
#include "core/net/resolver.h"
#include "core/net/stream.h"
#include "core/net/tls.h"
#include "tests/support/net/certificates.h"
#include "tests/support/net/loop.h"
#include "tests/support/process.h"
#include "tests/support/suites.h"

namespace asio = boost::asio;

namespace sluice::net {
namespace {

using support::run_on;

Instant now() {
  return RealClock().now();
}

// "prometheus" with cost 4, so that the sanitizers' build takes milliseconds.
constexpr const char* kHash = "$2y$04$N3tfqjsUgQnZUL.6s3Xdx.Q8R0grSdnZQsNnOhlFzH.VLOlbD9kI2";

asio::awaitable<HttpResponse> answer(HttpRequest request, Endpoint peer) {
  const HttpTarget target = parse_target(request.url);
  HttpResponse response;
  response.headers.push_back({"Content-Type", "text/plain"});
  if (target.path == "/large") {
    response.body = std::string(1'000'000, 'x');
  } else if (target.path == "/slow") {
    co_await sleep_until(RealClock().now() + 200ms);
    response.body = "slow";
  } else {
    response.body = request.method + " " + request.url + " " + request.body + " " + peer.address.to_string();
  }
  co_return response;
}

class HttpServerTest : public ::testing::Test {
 protected:
  void listen(HttpServerOptions options = {}) {
    if (options.listen_address == ":9808") options.listen_address = "127.0.0.1:0";
    auto server = HttpServer::listen(io_.get_executor(), std::move(options), answer);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    asio::co_spawn(io_, server_->run(), [this](const std::exception_ptr& error) {
      EXPECT_FALSE(error);
      ended_ = true;
    });
  }

  void TearDown() override {
    if (server_ == nullptr) return;
    server_->stop(now());
    io_.restart();
    while (!ended_ && io_.run_one() > 0) {
    }
    EXPECT_TRUE(ended_);
    EXPECT_EQ(server_->stats().connections_open, 0u);
  }

  asio::awaitable<std::string> talk(std::string bytes, bool until_end, Duration limit) {
    Deadline deadline(io_.get_executor(), now() + limit);
    auto stream = co_await connect_tcp({*parse_ip("127.0.0.1"), server_->port()}, deadline);
    if (!stream) co_return "cannot connect";
    co_await (*stream)->write_all(bytes);
    std::string said;
    char buffer[4096];
    while (true) {
      const auto got = co_await (*stream)->read_some(buffer);
      if (!got && deadline.expired()) co_return said + "[still open]";
      if (!got || *got == 0) co_return said;
      said.append(buffer, *got);
      if (!until_end) co_return said;
    }
  }
  // What the server says to these bytes until it closes, or "[still open]" at the end when it does not.
  std::string say(const std::string& bytes, Duration limit = 2s) {
    return run_on(io_, talk(bytes, true, limit));
  }
  std::string status(const std::string& bytes) { return say(bytes).substr(0, 12); }

  std::string base(const char* scheme = "http") {
    return std::string(scheme) + "://127.0.0.1:" + std::to_string(server_->port());
  }
  HttpExchange ask(const std::string& path, HttpHeaders headers = {}, ExchangeOptions options = {},
                   const std::string& method = "GET", const char* scheme = "http") {
    options.deadline = now() + 5s;
    return run_on(io_,
                  exchange(net_, {method, base(scheme) + path, std::move(headers), ""}, std::move(options)));
  }

  asio::io_context io_;
  RealClock clock_;
  Resolver resolver_{io_.get_executor()};
  TlsContexts tls_;
  Net net_{clock_, resolver_, tls_};
  std::unique_ptr<HttpServer> server_;
  bool ended_ = false;
};

TEST_F(HttpServerTest, answers_requests_with_and_without_bodies) {
  listen();
  EXPECT_EQ(ask("/a?b=c").body, "GET /a?b=c  127.0.0.1");
  EXPECT_NE(say("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody")
                .find("POST /p body"),
            std::string::npos);
  EXPECT_NE(say("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: "
                "close\r\n\r\n2\r\nab\r\n0\r\n\r\n")
                .find("POST / ab"),
            std::string::npos);
  EXPECT_NE(
      say("GET http://h/absolute HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").find("GET /absolute"),
      std::string::npos);
  EXPECT_EQ(server_->stats().requests, 4u);
}

TEST_F(HttpServerTest, keeps_connections_and_takes_pipelined_requests) {
  listen();
  const std::string said =
      say("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.0\r\n\r\n");
  EXPECT_NE(said.find("GET /1"), std::string::npos);
  EXPECT_NE(said.find("GET /3"), std::string::npos);
  EXPECT_EQ(server_->stats().connections_accepted, 1u);
  EXPECT_EQ(server_->stats().requests, 3u);
}

TEST_F(HttpServerTest, a_head_has_the_length_but_not_the_body) {
  listen();
  const HttpExchange head = ask("/large", {}, {}, "HEAD");
  EXPECT_EQ(head.content_length, 1'000'000u);
  EXPECT_EQ(head.body_bytes, 0u);
}

TEST_F(HttpServerTest, asks_for_the_body_that_a_client_holds_back) {
  listen();
  const std::string said = say(
      "POST /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n",
      200ms);
  EXPECT_TRUE(said.starts_with("HTTP/1.1 100 Continue\r\n\r\n")) << said;
}

TEST_F(HttpServerTest, refuses_what_is_wrong_or_too_large) {
  HttpServerOptions options;
  options.header_bytes_max = 1000;
  options.body_bytes_max = 1000;
  listen(options);
  const std::string filler(2000, 'x');
  EXPECT_EQ(status("nonsense\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 400");  // no Host
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 405");
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nExpect: wonders\r\n\r\n"), "HTTP/1.1 417");
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nX: " + filler + "\r\n\r\n"), "HTTP/1.1 431");
  EXPECT_EQ(status("GET /" + filler + " HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 431");
  EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n"), "HTTP/1.1 413");
  EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + filler),
            "HTTP/1.1 413");
  EXPECT_EQ(server_->stats().requests_bad, 9u);
  EXPECT_EQ(server_->stats().requests, 0u);
}

TEST_F(HttpServerTest, does_not_wait_for_clients_that_drip_or_sleep) {
  HttpServerOptions options;
  options.header_timeout = 150ms;
  options.body_timeout = 150ms;
  options.idle_timeout = 150ms;
  listen(options);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHo"), "HTTP/1.1 408");
  EXPECT_EQ(status(""), "HTTP/1.1 408");
  EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nab"), "HTTP/1.1 408");
  const Instant start = now();
  const std::string idle = say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(idle.starts_with("HTTP/1.1 200")) << idle;
  EXPECT_EQ(idle.find("408"), std::string::npos);
  EXPECT_LT(now() - start, 1s);
}

TEST_F(HttpServerTest, sends_one_connection_too_many_away) {
  HttpServerOptions options;
  options.connections_max = 2;
  listen(options);
  for (int i = 0; i < 2; ++i) {
    asio::co_spawn(io_, talk("", true, 3s), [](const std::exception_ptr&, const std::string&) {});
  }
  while (server_->stats().connections_open < 2) io_.run_one();
  EXPECT_EQ(ask("/").status, 503);
  EXPECT_EQ(server_->stats().connections_rejected, 1u);
}

TEST_F(HttpServerTest, compresses_what_is_worth_it) {
  listen();
  ExchangeOptions told;
  told.decompress_as_told = true;
  const HttpExchange large = ask("/large", {{"Accept-Encoding", "br, gzip"}}, told);
  EXPECT_EQ(find_header(large.headers, "Content-Encoding"), "gzip");
  EXPECT_EQ(large.body, std::string(1'000'000, 'x'));
  EXPECT_LT(large.body_bytes, 20'000u);
  for (const char* accept : {"", "br", "gzip;q=0", "identity"}) {
    const HttpExchange plain = ask("/large", {{"Accept-Encoding", accept}}, told);
    EXPECT_EQ(find_header(plain.headers, "Content-Encoding"), "") << accept;
    EXPECT_EQ(plain.body_bytes, 1'000'000u);
  }
  EXPECT_EQ(find_header(ask("/small", {{"Accept-Encoding", "gzip"}}, told).headers, "Content-Encoding"), "");
}

TEST_F(HttpServerTest, asks_for_a_password) {
  HttpServerOptions options;
  options.web.basic_auth_users = {{"alice", kHash}};
  options.web.headers = {{"X-Frame-Options", "deny"}};
  listen(options);
  const HttpExchange none = ask("/");
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(find_header(none.headers, "WWW-Authenticate"), "Basic");
  EXPECT_EQ(find_header(none.headers, "X-Frame-Options"), "deny");
  for (const char* right : {"Basic YWxpY2U6cHJvbWV0aGV1cw==", "basic YWxpY2U6cHJvbWV0aGV1cw=="}) {
    EXPECT_EQ(ask("/", {{"Authorization", right}}).status, 200) << right;
  }
  // alice:wrong, bob:prometheus, garbage, a bearer token
  for (const char* wrong :
       {"Basic YWxpY2U6d3Jvbmc=", "Basic Ym9iOnByb21ldGhldXM=", "Basic !", "Basic", "Bearer x"}) {
    EXPECT_EQ(ask("/", {{"Authorization", wrong}}).status, 401) << wrong;
  }
  WebConfig bad;
  bad.basic_auth_users = {{"alice", "plain password"}};
  EXPECT_FALSE(server_->reconfigure(bad));
  EXPECT_TRUE(server_->reconfigure({}));
  EXPECT_EQ(ask("/").status, 200);
}

TEST_F(HttpServerTest, serves_tls_and_reads_a_rotated_certificate) {
  const support::TemporaryFolder folder;
  support::TestAuthority authority(folder.path());
  const auto first = authority.issue({.common_name = "first"});
  const auto second = authority.issue({.common_name = "second"});
  const auto use = [&](const support::CertificateFiles& files) {
    support::write_file(folder.file("tls.crt"), support::read_file(files.cert_file));
    support::write_file(folder.file("tls.key"), support::read_file(files.key_file));
  };
  use(first);
  HttpServerOptions options;
  options.web.tls =
      TlsServerConfig{folder.file("tls.crt"), folder.file("tls.key"), "", ClientAuth::kNone, {}, {}};
  listen(options);
  ExchangeOptions trusting;
  trusting.tls.ca_file = authority.ca_file();
  const auto subject = [&] {
    const HttpExchange seen = ask("/", {}, trusting, "GET", "https");
    return seen.fault ? seen.fault->message : seen.tls_facts.presented.at(0).subject;
  };
  EXPECT_EQ(subject(), "CN=first");
  use(second);
  EXPECT_EQ(subject(), "CN=second");
  support::write_file(folder.file("tls.key"), "half writt");
  EXPECT_EQ(subject(), "CN=second");
  EXPECT_EQ(ask("/").status, 0);  // plain HTTP on the TLS port

  const auto client = authority.issue({.common_name = "client"});
  use(first);
  options.web.tls->client_ca_file = authority.ca_file();
  options.web.tls->client_auth = ClientAuth::kRequireAndVerify;
  ASSERT_TRUE(server_->reconfigure(options.web));
  EXPECT_NE(subject(), "CN=first");
  trusting.tls.cert_file = client.cert_file;
  trusting.tls.key_file = client.key_file;
  EXPECT_EQ(subject(), "CN=first");
}

TEST_F(HttpServerTest, finishes_what_is_under_way_when_it_stops) {
  listen();
  std::string slow;
  asio::co_spawn(io_, talk("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", true, 3s),
                 [&](const std::exception_ptr&, const std::string& said) { slow = said; });
  std::string idle = "open";
  asio::co_spawn(io_, talk("", true, 3s),
                 [&](const std::exception_ptr&, const std::string& said) { idle = said; });
  while (server_->stats().requests < 1 || server_->stats().connections_open < 2) io_.run_one();
  const Instant start = now();
  server_->stop(start + 2s);
  while (!ended_ && io_.run_one() > 0) {
  }
  EXPECT_LT(now() - start, 1500ms);
  io_.poll();
  EXPECT_NE(slow.find("200 OK"), std::string::npos) << slow;
  EXPECT_NE(slow.find("Connection: close"), std::string::npos) << slow;
  EXPECT_EQ(idle, "");
}

TEST_F(HttpServerTest, cuts_what_does_not_finish_in_time) {
  listen();
  asio::co_spawn(io_, talk("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", true, 3s),
                 [](const std::exception_ptr&, const std::string&) {});
  while (server_->stats().requests < 1) io_.run_one();
  server_->stop(now());
  while (!ended_ && io_.run_one() > 0) {
  }
  EXPECT_TRUE(ended_);
}

TEST_F(HttpServerTest, listens_where_it_is_told_and_says_why_not) {
  HttpServerOptions any;
  any.listen_address = ":0";
  listen(any);
  EXPECT_EQ(ask("/").status, 200);  // IPv4 on a dual-stack socket, and the peer is known by its IPv4 address
  EXPECT_EQ(ask("/x").body, "GET /x  127.0.0.1");
  const auto error = [&](const std::string& address) {
    HttpServerOptions options;
    options.listen_address = address;
    const auto made = HttpServer::listen(io_.get_executor(), options, answer);
    return made ? std::string("listens") : made.error().message;
  };
  EXPECT_EQ(error("[::1]:0"), "listens");
  EXPECT_EQ(error("localhost:0"), "listens");
  EXPECT_NE(error("127.0.0.1:" + std::to_string(server_->port())).find("in use"), std::string::npos);
  EXPECT_NE(error("example.com:80").find("not on a name"), std::string::npos);
  EXPECT_NE(error("9808").find("no port"), std::string::npos);
}

}  // namespace
}  // namespace sluice::net
