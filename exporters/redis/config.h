#pragma once
// The `redis:` part of a module. A plain aggregate: agent/config fills it in, nobody here parses YAML.

#include <string>

#include "core/net/tls_config.h"
#include "core/time.h"

namespace sluice::exporters::redis {

enum class ExpectedRole { kAny, kMaster, kReplica, kSentinel };

// SET, GET and DEL of a key of our own: finds what PING does not, a Redis that is full, read-only or failed
// over.
struct WriteCanary {
  bool enabled = false;
  std::string key = "sluice:canary";  // how the key begins; a colon and a number follow
  Duration ttl = 60s;                 // the key goes by itself should the DEL not arrive

  bool operator==(const WriteCanary&) const = default;
};

struct RedisModule {
  // A target that is a URL may carry its own user, password, database and TLS (rediss://); what the URL says
  // wins.
  std::string username;
  std::string password;
  std::string password_file;  // re-read for every connection; wins over password
  bool tls = false;
  net::TlsConfig tls_config;
  WriteCanary write_canary;
  ExpectedRole expect_role = ExpectedRole::kAny;
  // A Redis that refuses writes (replica, or one that cannot persist) fails the probe.
  bool fail_if_read_only = false;
  // Read INFO and what else redis_exporter shows by default, after the health commands and within the same
  // deadline. Its failure is counted (redis_exporter_last_scrape_error) and does not fail the probe.
  bool statistics = true;

  bool operator==(const RedisModule&) const = default;
};

}  // namespace sluice::exporters::redis
