#pragma once
// A module as the configuration names it: which prober, and how it asks. Plain aggregates only, so that
// reading a configuration does not drag in what probes with it.

#include <string>

#include "core/time.h"
#include "exporters/http/config.h"
#include "exporters/oidc/config.h"
#include "exporters/postgres/config.h"
#include "exporters/redis/config.h"
#include "exporters/tcp/config.h"

namespace sluice::exporters {

struct Module {
  std::string name;
  std::string prober;  // "http", "tcp", "oidc", "postgres" or "redis": the one part below that counts
  Duration timeout{};  // zero: the job's
  http::HttpModule http;
  tcp::TcpModule tcp;
  oidc::OidcModule oidc;
  postgres::PostgresModule postgres;
  redis::RedisModule redis;

  bool operator==(const Module&) const = default;
};

}  // namespace sluice::exporters
