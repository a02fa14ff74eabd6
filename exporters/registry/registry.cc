#include "exporters/registry/registry.h"

#include <fmt/format.h>

#include <array>

#include "core/net/address.h"
#include "exporters/http/http_probe.h"
#include "exporters/oidc/oidc_probe.h"
#include "exporters/postgres/postgres_probe.h"
#include "exporters/postgres/postgres_target.h"
#include "exporters/postgres/postgres_thread.h"
#include "exporters/redis/redis_probe.h"
#include "exporters/tcp/tcp_probe.h"

namespace sluice::exporters {

// A module with what its probers share; made again when a reload changes the module.
struct Registry::Compiled {
  Module module;
  std::shared_ptr<const http::HttpRules> http;
  std::shared_ptr<const tcp::TcpScript> tcp;
  std::shared_ptr<const oidc::OidcRules> oidc;
};

namespace {

using Compiled = Registry::Compiled;
using MaybeProber = Result<std::unique_ptr<Prober>>;

Result<void> compile_http(Compiled& compiled) {
  auto rules = http::HttpRules::compile(compiled.module.http);
  if (!rules) return rules.error();
  compiled.http = std::move(*rules);
  return {};
}

Result<void> compile_tcp(Compiled& compiled) {
  auto script = tcp::TcpScript::compile(compiled.module.tcp);
  if (!script) return script.error();
  compiled.tcp = std::move(*script);
  return {};
}

Result<void> compile_oidc(Compiled& compiled) {
  auto rules = oidc::OidcRules::compile(compiled.module.oidc);
  if (!rules) return rules.error();
  compiled.oidc = std::move(*rules);
  return {};
}

Result<void> nothing_to_compile(Compiled&) {
  return {};
}

// What a prober is made with.
struct Parts {
  net::Net net;
  std::unique_ptr<postgres::PostgresThread>& postgres;
};

MaybeProber make_http(Parts parts, const Compiled& compiled, const std::string& target) {
  return std::unique_ptr<Prober>(std::make_unique<http::HttpProber>(parts.net, compiled.http, target));
}

MaybeProber make_tcp(Parts parts, const Compiled& compiled, const std::string& target) {
  const Result<net::HostPort> place = net::parse_host_port(target);
  if (!place) return place.error();
  return std::unique_ptr<Prober>(std::make_unique<tcp::TcpProber>(parts.net, compiled.tcp, target));
}

MaybeProber make_oidc(Parts parts, const Compiled& compiled, const std::string& target) {
  return std::unique_ptr<Prober>(std::make_unique<oidc::OidcProber>(parts.net, compiled.oidc, target));
}

MaybeProber make_postgres(Parts parts, const Compiled& compiled, const std::string& target) {
  const Result<postgres::PostgresTarget> parsed = postgres::parse_target(target);
  if (!parsed) return parsed.error();
  if (parts.postgres == nullptr) parts.postgres = std::make_unique<postgres::PostgresThread>();
  return std::unique_ptr<Prober>(std::make_unique<postgres::PostgresProber>(
      parts.net, parts.postgres->executor(), compiled.module.postgres, *parsed));
}

MaybeProber make_redis(Parts parts, const Compiled& compiled, const std::string& target) {
  const Result<net::RedisUrl> parsed = net::parse_redis_url(target);
  if (!parsed) return parsed.error();
  return std::unique_ptr<Prober>(
      std::make_unique<redis::RedisProber>(parts.net, compiled.module.redis, *parsed));
}

struct Kind {
  std::string_view name;
  Result<void> (*compile)(Compiled& compiled);
  MaybeProber (*make)(Parts parts, const Compiled& compiled, const std::string& target);
};

constexpr Kind kKinds[] = {
    {"http", compile_http, make_http},
    {"tcp", compile_tcp, make_tcp},
    {"oidc", compile_oidc, make_oidc},
    {"postgres", nothing_to_compile, make_postgres},
    {"redis", nothing_to_compile, make_redis},
};

const Kind* find_kind(std::string_view name) {
  for (const Kind& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

}  // namespace

Registry::Registry(net::Net net) : net_(net) {}
Registry::~Registry() = default;

Result<std::unique_ptr<Prober>> Registry::make_prober(const Module& module, const std::string& target) {
  const Kind* kind = find_kind(module.prober);
  if (kind == nullptr) {
    return invalid(fmt::format("module \"{}\": there is no prober \"{}\"", module.name, module.prober));
  }
  std::shared_ptr<const Compiled>& cached = compiled_[module.name];
  if (cached == nullptr || !(cached->module == module)) {
    auto fresh = std::make_shared<Compiled>();
    fresh->module = module;
    if (const Result<void> done = kind->compile(*fresh); !done) {
      return invalid(fmt::format("module \"{}\": {}", module.name, done.error().message));
    }
    cached = std::move(fresh);
  }
  return kind->make({net_, postgres_}, *cached, target);
}

std::span<const std::string_view> prober_kinds() {
  static constexpr auto kNames = [] {
    std::array<std::string_view, std::size(kKinds)> names;
    for (size_t i = 0; i < names.size(); ++i) names[i] = kKinds[i].name;
    return names;
  }();
  return kNames;
}

}  // namespace sluice::exporters
