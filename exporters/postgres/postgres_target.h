#pragma once
// What a target names: "db1:5432", "db1", "[::1]:5432", or a URL
// "postgres://user:password@db1:5432/app?sslmode=require".

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "exporters/postgres/config.h"

namespace sluice::exporters::postgres {

struct PostgresTarget {
  std::string host;  // name or address, without brackets
  uint16_t port = 5432;
  // Set only when the URL says so; they win over the module.
  std::optional<std::string> user;
  std::optional<std::string> password;
  std::optional<std::string> database;
  std::optional<SslMode> ssl_mode;
  std::optional<std::string> ca_file;
  std::optional<std::string> cert_file;
  std::optional<std::string> key_file;
};

// A URL may be one that an application uses: a driver in the scheme ("postgresql+asyncpg://") and parameters
// that only tune a client are let pass. What would change how the connection is secured must be understood: a
// check that silently ignored it would lie. Messages never repeat a password.
Result<PostgresTarget> parse_target(std::string_view text);

// "disable", "allow", "prefer", "require", "verify-ca", "verify-full".
std::optional<SslMode> parse_ssl_mode(std::string_view text);
std::string_view to_string(SslMode mode);

// The `instance` label: "host:port", the host in brackets when it is an IPv6 address. Never credentials.
std::string instance(const PostgresTarget& target);

}  // namespace sluice::exporters::postgres
