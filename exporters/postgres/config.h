#pragma once
// The `postgres:` part of a module. A plain aggregate: agent/config fills it in, nobody here parses YAML.

#include <string>
#include <vector>

#include "core/time.h"

namespace sluice::exporters::postgres {

enum class SslMode { kDisable, kAllow, kPrefer, kRequire, kVerifyCa, kVerifyFull };

// A query of the user's own, as postgres_exporter's queries.yaml has it: each row becomes one point per
// column that is a number, named <name>_<column>, with the LABEL columns as labels.
struct CustomQuery {
  enum class Usage { kLabel, kCounter, kGauge, kDiscard };
  struct Column {
    std::string name;
    Usage usage = Usage::kGauge;
    std::string help;
    bool operator==(const Column&) const = default;
  };
  std::string name;  // a metric name
  std::string sql;
  Duration
      cache{};  // how long an answer is shown again before the server is asked anew; zero: ask at each probe
  std::vector<Column> columns;

  bool operator==(const CustomQuery&) const = default;
};
inline constexpr size_t kCustomRowsMax = 1000;  // of one query; more are a failure of that query

struct PostgresModule {
  // Who asks, and for what. A target that is a URL may carry its own user, password, database and sslmode;
  // what the URL says wins.
  std::string user;
  std::string password;
  std::string password_file;  // re-read for every connection, so that rotated secrets need no reload; wins
                              // over password
  std::string database = "postgres";
  std::string application_name = "sluice";

  SslMode ssl_mode = SslMode::kPrefer;
  std::string ca_file;  // trusted roots; the system's bundle when empty and the mode verifies
  std::string cert_file;
  std::string key_file;

  // The longest a single address may take to connect and authenticate; the probe's own deadline when 0.
  Duration connect_timeout{};
  // A read-only server (standby, or default_transaction_read_only) fails the probe.
  bool fail_if_read_only = false;
  // Keep the connection between probes. Off: only a fresh connection finds broken authentication and full
  // slots.
  bool reuse_connection = false;
  // Read the pg_stat_* families after the health query, in the same connection and within the same deadline.
  // Their failure is counted (pg_exporter_last_scrape_error) and does not fail the probe.
  bool statistics = true;
  // Asked after the statistics, in the same way.
  std::string queries_file;          // where they came from
  std::vector<CustomQuery> queries;  // unique names

  bool reads_statistics() const { return statistics || !queries.empty(); }

  bool operator==(const PostgresModule&) const = default;
};

}  // namespace sluice::exporters::postgres
