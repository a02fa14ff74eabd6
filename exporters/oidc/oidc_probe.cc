#include "exporters/oidc/oidc_probe.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "core/net/clock.h"
#include "core/net/url.h"
#include "exporters/http/http_judge.h"
#include "exporters/http/http_probe.h"
#include "exporters/http/http_request.h"

namespace asio = boost::asio;

namespace sluice::exporters::oidc {
namespace {

std::shared_ptr<const http::HttpRules> document_rules(const http::HttpModule& module) {
  auto rules = std::make_shared<http::HttpRules>();
  rules->module.valid_status_codes = {200};
  rules->module.follow_redirects = false;
  rules->module.body_size_limit = kDocumentBytesMax;
  rules->module.headers = module.headers;
  rules->module.http_headers = module.http_headers;
  rules->module.basic_auth = module.basic_auth;
  rules->module.authorization = module.authorization;
  rules->module.preferred_ip_protocol = module.preferred_ip_protocol;
  rules->module.ip_protocol_fallback = module.ip_protocol_fallback;
  rules->module.tls_config = module.tls_config;
  rules->keep_body = true;
  return rules;
}

// Whom we trust goes along, who we are does not.
http::HttpModule without_credentials(const http::HttpModule& module) {
  http::HttpModule bare;
  bare.preferred_ip_protocol = module.preferred_ip_protocol;
  bare.ip_protocol_fallback = module.ip_protocol_fallback;
  bare.tls_config.ca = module.tls_config.ca;
  bare.tls_config.ca_file = module.tls_config.ca_file;
  bare.tls_config.insecure_skip_verify = module.tls_config.insecure_skip_verify;
  bare.tls_config.min_version = module.tls_config.min_version;
  bare.tls_config.max_version = module.tls_config.max_version;
  return bare;
}

bool same_host(const std::string& a, const std::string& b) {
  Result<net::Url> left = net::parse_url(a), right = net::parse_url(b);
  return left && right && left->host == right->host;
}

// "/health" as seen from the target's origin.
std::string health_url(const std::string& target, const std::string& path) {
  Result<net::Url> base = net::parse_url(target);
  if (!base) return target;  // asking it will say what is wrong with it
  base->target = path;
  return base->to_string();
}

asio::awaitable<Fetched> fetch(net::Net& net, std::shared_ptr<const http::HttpRules> rules, std::string url,
                               ProbeContext context) {
  Fetched fetched;
  Instant start = net.clock.now();
  fetched.seen = co_await http::observe(net, *rules, std::move(url), context.deadline);
  fetched.took = net.clock.now() - start;
  fetched.http = http::judge(*rules, fetched.seen, context.explain);
  co_return fetched;
}

}  // namespace

Result<std::shared_ptr<const OidcRules>> OidcRules::compile(OidcModule module) {
  if (auto found = problems(module); !found.empty()) {
    return invalid(found.front().key + ": " + found.front().message);
  }
  auto health = http::HttpRules::compile(module.http);
  if (!health) return health.error();
  auto rules = std::make_shared<OidcRules>();
  rules->health = *health;
  rules->documents = document_rules(module.http);
  rules->elsewhere = document_rules(without_credentials(module.http));
  rules->module = std::move(module);
  return std::shared_ptr<const OidcRules>(std::move(rules));
}

OidcProber::OidcProber(net::Net net, std::shared_ptr<const OidcRules> rules, std::string target)
    : net_(net), rules_(std::move(rules)), target_(http::with_scheme(target)) {
  issuer_ = rules_->module.issuer.empty() ? target_ : rules_->module.issuer;
}

asio::awaitable<void> OidcProber::ask_health(OidcObservation& seen, ProbeContext context) {
  if (rules_->module.health_path.empty()) co_return;
  seen.health =
      co_await fetch(net_, rules_->health, health_url(target_, rules_->module.health_path), context);
}

asio::awaitable<void> OidcProber::ask_documents(OidcObservation& seen, ProbeContext context) {
  const OidcModule& module = rules_->module;
  seen.discovery = co_await fetch(net_, rules_->documents, discovery_url(target_), context);
  seen.discovery_verdict =
      judge_discovery(*seen.discovery, DiscoveryPolicy{issuer_, module.algorithms, module.allowed_hosts});

  std::string jwks_uri = module.jwks_uri.empty() ? seen.discovery_verdict->jwks_uri : module.jwks_uri;
  if (jwks_uri.empty()) co_return;
  auto rules = same_host(jwks_uri, target_) ? rules_->documents : rules_->elsewhere;
  seen.jwks = co_await fetch(net_, rules, jwks_uri, context);
  seen.now = net_.clock.unix_now();
  seen.jwks_verdict =
      judge_jwks(*seen.jwks, JwksPolicy{module.min_rsa_bits, module.algorithms}, tracker_, seen.now);
}

asio::awaitable<ProbeResult> OidcProber::probe(ProbeContext context) {
  using asio::experimental::awaitable_operators::operator&&;
  Instant start = net_.clock.now();
  OidcObservation seen;
  co_await (ask_health(seen, context) && ask_documents(seen, context));
  ProbeResult result = judge(seen, issuer_, tracker_, context.explain);
  result.duration = net_.clock.now() - start;
  co_return result;
}

}  // namespace sluice::exporters::oidc
