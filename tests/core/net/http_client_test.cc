#include "core/net/http_client.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "core/net/clock.h"
#include "core/net/compression.h"
#include "core/net/resolver.h"
#include "tests/support/net/certificates.h"
#include "tests/support/net/fake_peer.h"
#include "tests/support/net/loop.h"
#include "tests/support/net/nginx.h"

namespace asio = boost::asio;

namespace sluice::net {
namespace {

using support::FakePeer;
using support::run_on;
namespace behaviour = support::behaviour;

Instant now() {
  return RealClock().now();
}

std::string gzip(const std::string& text) {
  std::string out;
  Deflater().add(text, true, out);
  return out;
}

std::string response(const std::string& headers, const std::string& body,
                     const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

class HttpClientTest : public ::testing::Test {
 protected:
  HttpExchange ask(const std::string& url, ExchangeOptions options = {}, const std::string& method = "GET",
                   Duration limit = 5s) {
    options.deadline = now() + limit;
    return run_on(io_, exchange(net_, {method, url, {}, ""}, std::move(options)));
  }
  std::string url(const FakePeer& peer, const std::string& path = "/") {
    return "http://127.0.0.1:" + std::to_string(peer.port()) + path;
  }
  FaultKind fault_of(support::Behaviour what, ExchangeOptions options = {}, Duration limit = 5s) {
    const FakePeer peer(io_, std::move(what));
    const Instant start = now();
    const HttpExchange seen = ask(url(peer), std::move(options), "GET", limit);
    took_ = now() - start;
    EXPECT_TRUE(seen.fault);
    return seen.fault ? seen.fault->kind : FaultKind::kClosed;
  }
  Result<HttpResponse> get(const std::string& target, FetchOptions options = {}, HttpHeaders headers = {}) {
    options.deadline = now() + 5s;
    return run_on(io_, fetch(net_, {"GET", target, std::move(headers), ""}, std::move(options)));
  }

  asio::io_context io_;
  RealClock clock_;
  Resolver resolver_{io_.get_executor()};
  TlsContexts tls_;
  Net net_{clock_, resolver_, tls_};
  Duration took_{};
};

TEST_F(HttpClientTest, sees_status_headers_and_body) {
  const FakePeer peer(io_, behaviour::answers(response("X-A: 1\r\nx-a: 2\r\n", "hello", "503 Oh no")));
  const HttpExchange seen = ask(url(peer));
  ASSERT_FALSE(seen.fault) << seen.fault->message;
  EXPECT_EQ(seen.phase, HttpPhase::kDone);
  EXPECT_EQ(seen.status, 503);
  EXPECT_EQ(seen.version, 11);
  EXPECT_EQ(seen.body, "hello");
  EXPECT_EQ(seen.body_bytes, 5u);
  EXPECT_EQ(seen.content_length, 5u);
  EXPECT_EQ(find_header(seen.headers, "X-A"), "1");
  EXPECT_EQ(seen.headers.size(), 3u);
  EXPECT_GT(seen.connect, Duration(0));
  EXPECT_GT(seen.processing, Duration(0));
  EXPECT_EQ(seen.remote->port, peer.port());
}

TEST_F(HttpClientTest, sends_what_it_was_given_and_nothing_that_breaks_out) {
  std::string request;
  const FakePeer peer(io_, [&](support::Socket& socket) -> asio::awaitable<void> {
    request = co_await support::read_request(socket);
    co_await support::send(socket, response("", ""));
  });
  ExchangeOptions options;
  options.deadline = now() + 5s;
  HttpRequest post{
      "POST", url(peer, "/a?b=c#d"), {{"Content-Type", "text/x"}, {"Connection", "evil"}}, "data"};
  EXPECT_FALSE(run_on(io_, exchange(net_, post, options)).fault);
  EXPECT_TRUE(
      request.starts_with("POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(peer.port()) + "\r\n"))
      << request;
  EXPECT_NE(request.find("Content-Length: 4\r\nConnection: close\r\n\r\ndata"), std::string::npos) << request;
  EXPECT_EQ(request.find("evil"), std::string::npos);
  for (const HttpHeader& header :
       {HttpHeader{"X", "a\r\nY: b"}, HttpHeader{"X Y", "a"}, HttpHeader{"", "a"}}) {
    HttpRequest bad{"GET", url(peer), {header}, ""};
    EXPECT_EQ(run_on(io_, exchange(net_, bad, options)).fault->kind, FaultKind::kInvalid);
  }
  HttpRequest bad{"GET / HTTP/1.1\r\nX: y\r\n", url(peer), {}, ""};
  EXPECT_EQ(run_on(io_, exchange(net_, bad, options)).fault->kind, FaultKind::kInvalid);
}

TEST_F(HttpClientTest, understands_every_way_to_end_a_body) {
  const struct {
    const char* bytes;
    const char* body;
  } cases[] = {
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: "
       "1\r\n\r\n",
       "abcde"},
      {"HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 "
       "OK\r\nContent-Length: 2\r\n\r\nok",
       "ok"},
      {"HTTP/1.1 204 No Content\r\n\r\n", ""},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", ""},
  };
  for (const auto& c : cases) {
    const FakePeer peer(io_, behaviour::answers(c.bytes));
    const HttpExchange seen = ask(url(peer));
    EXPECT_FALSE(seen.fault) << c.bytes << seen.fault->message;
    EXPECT_EQ(seen.body, c.body) << c.bytes;
  }
  const FakePeer peer(io_, behaviour::answers("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"));
  EXPECT_FALSE(ask(url(peer), {}, "HEAD").fault);
}

TEST_F(HttpClientTest, names_the_layer_that_failed) {
  EXPECT_EQ(fault_of(behaviour::resets()), FaultKind::kReset);
  EXPECT_EQ(fault_of(behaviour::answers("")), FaultKind::kReset);
  EXPECT_EQ(fault_of(behaviour::answers("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")),
            FaultKind::kReset);
  EXPECT_EQ(fault_of(behaviour::answers("HTTP/1.1 200 OK\r\nX: y")), FaultKind::kReset);
  EXPECT_EQ(fault_of(behaviour::answers("SSH-2.0-OpenSSH_9\r\n")), FaultKind::kProtocol);
  EXPECT_EQ(fault_of(behaviour::answers("HTTP/1.1 abc\r\n\r\n")), FaultKind::kProtocol);
  EXPECT_EQ(fault_of(behaviour::answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")),
            FaultKind::kProtocol);
  EXPECT_EQ(fault_of(behaviour::says(std::string(100'000, '\x01'))), FaultKind::kProtocol);
  std::string hints;
  for (int i = 0; i < 50; ++i) hints += "HTTP/1.1 103 Early Hints\r\n\r\n";
  EXPECT_EQ(fault_of(behaviour::says(hints)), FaultKind::kProtocol);
  EXPECT_EQ(ask("http://127.0.0.1:1/").fault->kind, FaultKind::kRefused);
  EXPECT_EQ(ask("http://no-such-host.invalid/", {}, "GET", 300ms).phase, HttpPhase::kResolve);
  EXPECT_EQ(ask("nonsense").fault->kind, FaultKind::kInvalid);
}

TEST_F(HttpClientTest, bounds_headers_and_bodies) {
  ExchangeOptions small;
  small.header_bytes_max = 1000;
  small.body_bytes_max = 1000;
  const std::string filler = "X-Filler: " + std::string(100, 'x') + "\r\n";
  EXPECT_EQ(fault_of(behaviour::repeats("HTTP/1.1 200 OK\r\n", filler), small), FaultKind::kHeadersTooLarge);
  EXPECT_EQ(fault_of(behaviour::repeats("HTTP/1.1 200 OK\r\nX: ", std::string(4096, 'x')), small),
            FaultKind::kHeadersTooLarge);
  EXPECT_EQ(fault_of(behaviour::repeats("HTTP/1.1 200 OK\r\n\r\n", filler), small), FaultKind::kBodyTooLarge);
  EXPECT_EQ(
      fault_of(behaviour::repeats("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
               small),
      FaultKind::kBodyTooLarge);
  EXPECT_EQ(fault_of(behaviour::repeats("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
                                        std::string(4096, 'x')),
                     small, 2s),
            FaultKind::kHeadersTooLarge);
  EXPECT_EQ(fault_of(behaviour::answers(response("", std::string(1001, 'x'))), small),
            FaultKind::kBodyTooLarge);
  const FakePeer exact(io_, behaviour::answers(response("", std::string(1000, 'x'))));
  EXPECT_FALSE(ask(url(exact), small).fault);
}

TEST_F(HttpClientTest, ends_at_its_deadline_whatever_the_peer_does) {
  const struct {
    const char* what;
    support::Behaviour behaviour;
  } cases[] = {
      {"hangs", behaviour::hangs()},
      {"drips", behaviour::drips(response("", "x"))},
      {"half a header", behaviour::says("HTTP/1.1 200 OK\r\nX: ")},
      {"half a body", behaviour::says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")},
      {"endless", behaviour::repeats("HTTP/1.1 200 OK\r\n\r\n", std::string(65536, 'x'))},
  };
  for (const auto& c : cases) {
    ExchangeOptions options;
    options.keep_body = false;
    options.body_bytes_max = UINT64_MAX;
    EXPECT_EQ(fault_of(c.behaviour, options, 300ms), FaultKind::kTimeout) << c.what;
    EXPECT_GE(took_, 300ms) << c.what;
    EXPECT_LT(took_, 400ms + support::kSlack) << c.what;
  }
}

TEST_F(HttpClientTest, undoes_compression_within_its_bounds) {
  const std::string text(5000, 'a');
  const FakePeer peer(io_, behaviour::answers(response("Content-Encoding: gzip\r\n", gzip(text))));
  ExchangeOptions told;
  told.decompress_as_told = true;
  HttpExchange seen = ask(url(peer), told);
  EXPECT_EQ(seen.body, text);
  EXPECT_EQ(seen.uncompressed_bytes, 5000u);
  EXPECT_LT(seen.body_bytes, 200u);

  ExchangeOptions forced;
  forced.decompress = "gzip";
  const FakePeer twice(io_, behaviour::answers(response("", gzip("ab") + gzip("cd"))));
  EXPECT_EQ(ask(url(twice), forced).body, "abcd");
  EXPECT_EQ(fault_of(behaviour::answers(response("", "plain text")), forced), FaultKind::kProtocol);
  EXPECT_EQ(fault_of(behaviour::answers(response("", gzip(text).substr(0, 20))), forced),
            FaultKind::kProtocol);
  EXPECT_EQ(fault_of(behaviour::answers(response("", gzip("x") + "trailing")), forced), FaultKind::kProtocol);
  forced.body_bytes_max = 4999;  // a small bomb
  EXPECT_EQ(fault_of(behaviour::answers(response("", gzip(text))), forced), FaultKind::kBodyTooLarge);
}

TEST_F(HttpClientTest, fetch_follows_redirects_without_taking_secrets_elsewhere) {
  std::string asked;
  const FakePeer other(io_, [&](support::Socket& socket) -> asio::awaitable<void> {
    asked = co_await support::read_request(socket);
    co_await support::send(socket, response("", "there"));
  });
  const std::string elsewhere = "http://localhost:" + std::to_string(other.port()) + "/x";
  const FakePeer first(io_, behaviour::answers(response("Location: " + elsewhere + "\r\n", "", "302 Found")));
  const HttpHeaders secret{{"Authorization", "Bearer secret"}};
  EXPECT_EQ(get(url(first), {}, secret)->status, 302);
  FetchOptions following;
  following.redirects_max = 3;
  const auto end = get(url(first), following, secret);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->body, "there");
  EXPECT_EQ(asked.find("secret"), std::string::npos) << asked;
  const FakePeer loop(io_, behaviour::answers(response("Location: /\r\n", "", "307 Again")));
  EXPECT_EQ(get(url(loop), following)->status, 307);
  EXPECT_EQ(loop.connections(), 4);
}

TEST_F(HttpClientTest, fetch_does_not_put_the_path_of_a_url_into_errors) {
  const auto refused = get("http://127.0.0.1:1/services/SECRET");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(refused.error().message, "127.0.0.1:1: connection refused");
  const auto named = get("http://localhost:1/services/SECRET");
  ASSERT_FALSE(named);
  EXPECT_TRUE(named.error().message.starts_with("localhost:1: ")) << named.error().message;
  EXPECT_EQ(named.error().message.find("SECRET"), std::string::npos) << named.error().message;
}

TEST_F(HttpClientTest, speaks_with_nginx) {
  SLUICE_REQUIRE_NGINX();
  const support::Nginx nginx(
      "gzip on; gzip_min_length 1; gzip_proxied any; gzip_types *; client_max_body_size 1k;");
  nginx.write("page", std::string(20'000, 'p'));
  const std::string base = "http://127.0.0.1:" + std::to_string(nginx.port());
  const auto page = get(base + "/page");
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->body, std::string(20'000, 'p'));
  EXPECT_EQ(find_header(page->headers, "Content-Encoding"), "gzip");
  EXPECT_EQ(get(base + "/absent")->status, 404);
  ExchangeOptions options;
  options.deadline = now() + 5s;
  // Refused in the middle of a body that is still being sent.
  const HttpExchange large =
      run_on(io_, exchange(net_, {"POST", base + "/page", {}, std::string(8'000'000, 'x')}, options));
  EXPECT_EQ(large.status, 413) << (large.fault ? large.fault->message : "");
}

}  // namespace
}  // namespace sluice::net
