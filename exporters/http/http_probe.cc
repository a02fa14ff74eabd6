#include "exporters/http/http_probe.h"

#include "core/net/clock.h"
#include "core/net/http_client.h"
#include "core/net/resolver.h"
#include "core/net/url.h"
#include "exporters/http/cookies.h"
#include "exporters/http/http_judge.h"
#include "exporters/http/http_request.h"

namespace asio = boost::asio;

namespace sluice::exporters::http {
namespace {

constexpr int kRedirectsMax = 10;

net::ExchangeOptions exchange_options(const HttpRules& rules, Instant deadline) {
  net::ExchangeOptions options;
  options.deadline = deadline;
  options.resolve = resolve_options(rules.module);
  options.body_bytes_max = rules.body_bytes_max();
  options.keep_body = rules.needs_body();
  if (rules.module.compression != "identity") options.decompress = rules.module.compression;
  return options;
}

net::Fault invalid_fault(const Error& error) {
  return {net::FaultKind::kInvalid, error.message};
}

// The look-up of the target's name, apart from the exchange: it is a metric of its own.
asio::awaitable<void> look_up(net::Net& net, const HttpRules& rules, std::string host, Instant deadline,
                              HttpObservation& seen) {
  const Instant start = net.clock.now();
  const auto addresses =
      co_await net.resolver.resolve(std::move(host), resolve_options(rules.module), deadline);
  seen.resolve = net.clock.now() - start;
  if (addresses) {
    seen.address = addresses->front();
  } else {
    seen.fault = addresses.error();
  }
}

// Whether to go on to where a response redirects to. Notes why not.
bool follow(const HttpRules& rules, HttpObservation& seen) {
  const net::HttpExchange& last = seen.exchanges.back();
  const bool redirects =
      !last.fault && net::is_redirect(last.status) && !find_header(last.headers, "Location").empty();
  if (!redirects) return false;
  ++seen.redirects;
  seen.redirects_exhausted = rules.module.follow_redirects && seen.redirects > kRedirectsMax;
  seen.redirect_stopped = seen.redirects_exhausted || !rules.module.follow_redirects;
  return !seen.redirect_stopped;
}

void set_cookies(HttpRequest& request, const std::string& cookies) {
  if (cookies.empty()) return;
  for (HttpHeader& header : request.headers) {
    if (header.name == "Cookie") {
      header.value = cookies;
      return;
    }
  }
  request.headers.push_back({"Cookie", cookies});
}

}  // namespace

asio::awaitable<HttpObservation> observe(net::Net& net, const HttpRules& rules, std::string target,
                                         Instant deadline) {
  HttpObservation seen;
  Result<net::Url> url = net::parse_url(with_scheme(target));
  if (!url) {
    seen.fault = invalid_fault(url.error());
    co_return seen;
  }
  Result<HttpRequest> request = make_request(rules.module, *url);
  if (!request) {
    seen.fault = invalid_fault(request.error());
    co_return seen;
  }
  seen.sent_credentials = !find_header(request->headers, "Authorization").empty();
  const std::string first_host = url->host;
  co_await look_up(net, rules, first_host, deadline, seen);
  if (seen.fault) co_return seen;

  Cookies cookies;
  while (true) {
    net::ExchangeOptions options = exchange_options(rules, deadline);
    options.tls = rules.module.tls_config;
    if (url->host == first_host) {
      options.addresses.push_back(*seen.address);
    } else {
      // The configured name is that of the target, not of the places it redirects to.
      options.tls.server_name.clear();
    }
    seen.exchanges.push_back(co_await net::exchange(net, *request, *url, std::move(options)));
    const net::HttpExchange& last = seen.exchanges.back();
    if (!follow(rules, seen)) co_return seen;
    seen.exchanges.back().body = {};  // only the last one is judged

    cookies.store(*url, last.headers);
    request = net::redirected(*request, last.status, find_header(last.headers, "Location"));
    if (request) url = net::parse_url(request->url);
    if (!request || !url) {
      seen.fault = net::Fault{net::FaultKind::kProtocol, (request ? url.error() : request.error()).message};
      co_return seen;
    }
    set_cookies(*request, cookies.header_for(*url));
  }
}

HttpProber::HttpProber(net::Net net, std::shared_ptr<const HttpRules> rules, std::string target)
    : net_(net), rules_(std::move(rules)), target_(std::move(target)) {}

asio::awaitable<ProbeResult> HttpProber::probe(ProbeContext context) {
  const Instant start = net_.clock.now();
  const HttpObservation seen = co_await observe(net_, *rules_, target_, context.deadline);
  ProbeResult result = judge(*rules_, seen, context.explain);
  result.duration = net_.clock.now() - start;
  co_return result;
}

}  // namespace sluice::exporters::http
