#include "exporters/postgres/postgres_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include "core/net/clock.h"
#include "core/net/resolver.h"
#include "core/net/tls.h"
#include "exporters/postgres/postgres_thread.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suites.h"

namespace sluice::exporters::postgres {
namespace {

namespace asio = boost::asio;
using support::PostgresOptions;
using support::PostgresServer;

// A caller's loop, a PostgresThread and whatever a prober needs.
class PostgresProberTest : public testing::Test {
 protected:
  std::unique_ptr<PostgresProber> prober(uint16_t port, PostgresModule module = plain()) {
    PostgresTarget target;
    target.host = "127.0.0.1";
    target.port = port;
    return prober(target, std::move(module));
  }
  std::unique_ptr<PostgresProber> prober(PostgresTarget target, PostgresModule module) {
    return std::make_unique<PostgresProber>(net_, thread_.executor(), std::move(module), std::move(target));
  }
  static PostgresModule plain() {
    PostgresModule module;
    module.user = PostgresServer::kUser;
    module.ssl_mode = SslMode::kDisable;
    module.statistics = false;
    return module;
  }
  static PostgresModule with_password(std::string password) {
    PostgresModule module = plain();
    module.password = std::move(password);
    return module;
  }

  void start(PostgresProber& prober, Duration timeout, std::function<void(ProbeResult)> done) {
    ProbeContext context;
    context.scheduled = clock_.now();
    context.deadline = context.scheduled + timeout;
    context.explain = true;
    asio::co_spawn(io_, prober.probe(context), [done](std::exception_ptr bug, ProbeResult result) {
      if (bug) std::rethrow_exception(bug);
      done(std::move(result));
    });
  }
  ProbeResult probe(PostgresProber& prober, Duration timeout = 10s) {
    std::optional<ProbeResult> result;
    start(prober, timeout, [&](ProbeResult r) { result = std::move(r); });
    io_.restart();
    while (!result) io_.run_one();
    return *std::move(result);
  }

  asio::io_context io_;
  net::RealClock clock_;
  net::Resolver resolver_{io_.get_executor()};
  net::TlsContexts tls_;
  net::Net net_{clock_, resolver_, tls_};
  PostgresThread thread_;
};

std::optional<double> value(const ProbeResult& result, std::string_view family, std::string_view label = "",
                            std::string_view is = "") {
  for (const MetricPoint& point : result.points) {
    if (point.family->name == family && (label.empty() || point.labels.get(label) == is)) return point.value;
  }
  return std::nullopt;
}

MATCHER_P(HasReason, reason, std::string("reason ") + std::string(to_string(reason))) {
  *result_listener << to_string(arg.reason) << ": " << arg.detail;
  return arg.reason == reason;
}
constexpr auto kTolerance = 100ms;

TEST_F(PostgresProberTest, a_healthy_server_passes_with_every_phase_timed) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer server;
  const auto p = prober(server.port());
  const ProbeResult result = probe(*p);
  EXPECT_THAT(result, HasReason(Reason::kOk));
  EXPECT_EQ(value(result, "pg_up"), 1);
  EXPECT_EQ(value(result, "probe_postgres_read_only"), 0);
  EXPECT_EQ(value(result, "probe_postgres_in_recovery"), 0);
  EXPECT_EQ(value(result, "probe_postgres_ssl"), 0);
  for (const std::string phase : {"resolve", "connect", "auth", "query"}) {
    EXPECT_TRUE(value(result, "probe_postgres_duration_seconds", "phase", phase)) << phase;
  }
  EXPECT_FALSE(value(result, "probe_postgres_duration_seconds", "phase", "tls"));
}

TEST_F(PostgresProberTest, scram_and_tls_are_spoken_and_the_certificate_is_verified) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer server({.auth = "scram-sha-256", .tls = true, .settings = {}, .hba = ""});
  PostgresModule module = with_password(PostgresServer::kPassword);
  module.ssl_mode = SslMode::kVerifyFull;
  module.ca_file = server.certificates() + "/ca.crt";
  PostgresTarget target;
  target.host = "localhost";
  target.port = server.port();
  {
    const auto p = prober(target, module);
    const ProbeResult result = probe(*p);
    EXPECT_THAT(result, HasReason(Reason::kOk));
    EXPECT_EQ(value(result, "probe_postgres_ssl"), 1);
    EXPECT_TRUE(value(result, "probe_postgres_duration_seconds", "phase", "tls"));
  }
  {
    module.ca_file.clear();  // the system's bundle does not know our authority
    const auto p = prober(target, module);
    EXPECT_THAT(probe(*p), HasReason(Reason::kTlsUntrusted));
  }
}

TEST_F(PostgresProberTest, each_failure_has_its_reason) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer server({.auth = "scram-sha-256",
                         .tls = false,
                         .settings = {"max_connections=5", "superuser_reserved_connections=3"},
                         .hba = "host all nobody 127.0.0.1/32 reject\n"});
  {
    const auto p = prober(server.port(), with_password("wrong"));
    const ProbeResult result = probe(*p);
    EXPECT_THAT(result, HasReason(Reason::kSqlAuth));
    EXPECT_EQ(value(result, "pg_up"), 0);
    EXPECT_EQ(result.detail.find("wrong"), std::string::npos);
  }
  {
    const auto p = prober(server.port(), plain());
    EXPECT_THAT(probe(*p), HasReason(Reason::kSqlAuth)) << "no password at all";
  }
  {
    PostgresModule module = with_password(PostgresServer::kPassword);
    module.database = "nowhere";
    const auto p = prober(server.port(), module);
    EXPECT_THAT(probe(*p), HasReason(Reason::kSqlError));
  }
  {
    PostgresModule module = with_password("x");
    module.user = "nobody";
    const auto p = prober(server.port(), module);
    EXPECT_THAT(probe(*p), HasReason(Reason::kSqlAuth));
  }
  {
    PostgresModule module = with_password(PostgresServer::kPassword);
    module.ssl_mode = SslMode::kRequire;
    const auto p = prober(server.port(), module);
    EXPECT_THAT(probe(*p), HasReason(Reason::kTlsMissing));
  }
  {
    const auto p = prober(support::free_port(), plain());
    EXPECT_THAT(probe(*p), HasReason(Reason::kConnectRefused));
  }
}

TEST_F(PostgresProberTest, a_server_that_freezes_anywhere_is_given_up_at_the_timeout) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer server;
  const auto expect_timeout = [&](PostgresProber& p) {
    const ProbeResult result = probe(p, 400ms);
    EXPECT_THAT(result, HasReason(Reason::kSqlTimeout));
    EXPECT_GE(result.duration, 400ms - 1ms);
    EXPECT_LE(result.duration, 400ms + kTolerance);
  };
  {
    server.freeze();  // the kernel still accepts connections
    for (const SslMode mode : {SslMode::kDisable, SslMode::kRequire}) {
      PostgresModule module = plain();
      module.ssl_mode = mode;
      const auto p = prober(server.port(), module);
      expect_timeout(*p);
    }
    server.thaw();
  }
  {
    PostgresModule module = plain();
    module.reuse_connection = true;
    const auto p = prober(server.port(), module);
    EXPECT_THAT(probe(*p), HasReason(Reason::kOk));
    server.freeze();  // now it is the query that hangs
    expect_timeout(*p);
    server.thaw();
    EXPECT_THAT(probe(*p), HasReason(Reason::kOk)) << "well again without a restart";
  }
}

TEST_F(PostgresProberTest, two_hundred_hung_probes_end_in_time_and_delay_nothing_else) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer server;
  server.freeze();
  constexpr size_t kProbes = 200;
  constexpr Duration kTimeout = 1500ms;
  std::vector<std::unique_ptr<PostgresProber>> probers;
  std::vector<Duration> durations;
  for (size_t i = 0; i < kProbes; ++i) {
    probers.push_back(prober(server.port()));
    start(*probers.back(), kTimeout, [&](ProbeResult result) {
      EXPECT_THAT(result, HasReason(Reason::kSqlTimeout));
      durations.push_back(result.duration);
    });
  }
  // Meanwhile the caller's loop keeps turning: a tick every 5 ms is never late by much.
  Duration latest{};
  const auto tick = [&]() -> asio::awaitable<void> {
    asio::steady_timer timer(io_);
    while (durations.size() < kProbes) {
      const Instant due = clock_.now() + 5ms;
      timer.expires_after(5ms);
      co_await timer.async_wait(asio::use_awaitable);
      latest = std::max(latest, clock_.now() - due);
    }
  };
  asio::co_spawn(io_, tick(), [](std::exception_ptr bug) {
    if (bug) std::rethrow_exception(bug);
  });
  while (durations.size() < kProbes) io_.run_one();
  io_.run();
  std::sort(durations.begin(), durations.end());
  RecordProperty("median_ms", static_cast<int>(to_ms(durations[kProbes / 2]).count()));
  EXPECT_GE(durations.front(), kTimeout - 1ms);
  EXPECT_LE(durations.back(), kTimeout + kTolerance);
  EXPECT_LE(latest, kTolerance);
}

TEST_F(PostgresProberTest, a_thawed_server_sees_at_most_two_connections_of_a_prober) {
  SLUICE_REQUIRE_POSTGRES();
  // The server counts for us: with room for two, a third one at a time would be refused.
  PostgresServer server({.auth = "trust",
                         .tls = false,
                         .settings = {"log_connections=on", "logging_collector=on", "log_directory='log'",
                                      "log_filename='connections'"},
                         .hba = ""});
  const auto p = prober(server.port());
  size_t marks = 0;
  const auto connections = [&] {
    // The log is written by a process of its own. A mark of ours comes after all that was logged before, over
    // one connection more.
    const std::string mark = "mark " + std::to_string(++marks) + ".";
    server.sql("DO $$ BEGIN RAISE LOG '" + mark + "'; END $$");
    std::string log;
    EXPECT_TRUE(support::eventually([&] {
      log = support::read_file(server.data_folder() + "/log/connections");
      return log.find("LOG:  " + mark) != std::string::npos;
    }));
    size_t count = 0;
    for (size_t at = log.find("connection received"); at != std::string::npos;
         at = log.find("connection received", at + 1)) {
      ++count;
    }
    return count - marks;
  };
  EXPECT_THAT(probe(*p), HasReason(Reason::kOk));
  const size_t before = connections();
  server.freeze();
  for (int i = 0; i < 6; ++i) {
    const ProbeResult result = probe(*p, 150ms);
    EXPECT_THAT(result, HasReason(Reason::kSqlTimeout));
    EXPECT_EQ(value(result, "probe_postgres_connections_waiting"), i == 0 ? 1 : 2);
  }
  server.thaw();
  const ProbeResult result = probe(*p);
  EXPECT_THAT(result, HasReason(Reason::kOk));
  EXPECT_EQ(value(result, "probe_postgres_connections_waiting"), 0);
  const auto after_thaw = connections();
  EXPECT_LE(after_thaw - before, 2u) << "six probes, at most two connections";
  EXPECT_THAT(probe(*p), HasReason(Reason::kOk));
  EXPECT_EQ(connections() - after_thaw, 1u) << "and from then on a fresh one each";
  EXPECT_TRUE(support::eventually([&] {
    return server.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sluice'") == "0";
  }));
}

TEST_F(PostgresProberTest, a_hung_query_is_ended_by_the_server_and_its_connection_is_not_piled_upon) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer server;
  PostgresModule module = plain();
  module.reuse_connection = true;
  const auto p = prober(server.port(), module);
  EXPECT_THAT(probe(*p), HasReason(Reason::kOk));
  server.freeze_children();  // the postmaster still takes new connections
  EXPECT_THAT(probe(*p, 200ms), HasReason(Reason::kSqlTimeout));
  const ProbeResult fresh = probe(*p);
  EXPECT_THAT(fresh, HasReason(Reason::kOk)) << "one lost backend is not a lost server";
  EXPECT_EQ(value(fresh, "probe_postgres_connection_reused"), 0);
  EXPECT_EQ(value(fresh, "probe_postgres_connections_waiting"), 0);
  server.thaw();
}

TEST_F(PostgresProberTest, a_killed_server_fails_at_once_and_a_restarted_one_passes) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer server;
  PostgresModule module = plain();
  module.reuse_connection = true;
  const auto p = prober(server.port(), module);
  EXPECT_THAT(probe(*p), HasReason(Reason::kOk));
  server.kill();
  EXPECT_THAT(probe(*p), HasReason(Reason::kConnectRefused));
  server.start();
  EXPECT_THAT(probe(*p), HasReason(Reason::kOk));
}

TEST_F(PostgresProberTest, a_server_killed_while_it_owes_an_answer_is_a_reset) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer server;
  const auto p = prober(server.port());
  server.freeze();
  std::optional<ProbeResult> result;
  start(*p, 10s, [&](ProbeResult r) { result = std::move(r); });
  // Long enough for the connection to stand; whether the startup packet is out does not matter.
  io_.run_for(100ms);
  EXPECT_FALSE(result);
  server.kill();
  while (!result) io_.run_one();
  EXPECT_TRUE(result->reason == Reason::kConnectReset || result->reason == Reason::kConnectRefused)
      << to_string(result->reason) << result->detail;
  EXPECT_LT(result->duration, 5s);
}

TEST_F(PostgresProberTest, a_read_only_server_fails_only_when_it_must_not_be) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer server(
      {.auth = "trust", .tls = false, .settings = {"default_transaction_read_only=on"}, .hba = ""});
  PostgresModule module = plain();
  {
    const auto p = prober(server.port(), module);
    const ProbeResult result = probe(*p);
    EXPECT_THAT(result, HasReason(Reason::kOk));
    EXPECT_EQ(value(result, "probe_postgres_read_only"), 1);
  }
  module.fail_if_read_only = true;
  const auto p = prober(server.port(), module);
  const ProbeResult result = probe(*p);
  EXPECT_THAT(result, HasReason(Reason::kSqlReadOnly));
  EXPECT_EQ(value(result, "pg_up"), 1) << "it answers, after all";
}

TEST_F(PostgresProberTest, a_standby_that_has_lost_its_primary_does_not_report_a_lag_of_zero) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer primary;
  PostgresServer standby(
      {.auth = "trust", .tls = false, .settings = {}, .hba = "", .standby_of = primary.port()});
  primary.sql("CREATE TABLE t AS SELECT 1");
  PostgresModule module = plain();
  module.statistics = true;
  const auto p = prober(standby.port(), module);
  ASSERT_TRUE(support::eventually([&] { return value(probe(*p), "pg_replication_lag") == 0; }));
  const ProbeResult following = probe(*p);
  EXPECT_THAT(following, HasReason(Reason::kOk));
  EXPECT_EQ(value(following, "pg_replication_is_replica"), 1);
  EXPECT_EQ(value(following, "probe_postgres_in_recovery"), 1);
  EXPECT_EQ(value(following, "probe_postgres_read_only"), 1);
  const auto on_primary = prober(primary.port(), module);
  EXPECT_EQ(value(probe(*on_primary), "pg_replication_lag"), 0);
  EXPECT_TRUE(value(probe(*on_primary), "pg_stat_replication_pg_wal_lsn_diff", "state", "streaming"));

  primary.kill();
  // All it has received is replayed, which is where the usual query says 0.
  EXPECT_TRUE(support::eventually([&] { return value(probe(*p), "pg_replication_lag").value_or(0) > 0; }));
  EXPECT_THAT(probe(*p), HasReason(Reason::kOk));
  module.fail_if_read_only = true;
  const auto strict = prober(standby.port(), module);
  EXPECT_THAT(probe(*strict), HasReason(Reason::kSqlReadOnly));
}

TEST_F(PostgresProberTest, a_standby_that_replayed_no_commit_yet_counts_its_lag_from_its_start) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer primary;
  PostgresServer standby(
      {.auth = "trust", .tls = false, .settings = {}, .hba = "", .standby_of = primary.port()});
  primary.kill();
  EXPECT_EQ(standby.sql("SELECT pg_last_xact_replay_timestamp() IS NULL"), "t");
  PostgresModule module = plain();
  module.statistics = true;
  const auto p = prober(standby.port(), module);
  EXPECT_TRUE(support::eventually([&] { return value(probe(*p), "pg_replication_lag").value_or(0) > 0; }));
}

TEST_F(PostgresProberTest, queries_of_the_user_become_series) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer server;
  server.sql(
      "CREATE TABLE jobs AS SELECT * FROM (VALUES ('mail', 3, true), ('pdf', 7, NULL)) AS j (queue, waiting, "
      "stuck)");
  using Usage = CustomQuery::Usage;
  PostgresModule module = plain();
  module.statistics = false;
  module.queries = {
      {.name = "pg_jobs",
       .sql = "SELECT queue, waiting, stuck, 42 AS extra, 'x' AS noise FROM jobs",
       .cache = {},
       .columns = {{"queue", Usage::kLabel, ""}, {"waiting", Usage::kGauge, "Jobs that wait"}}},
      {.name = "pg_broken", .sql = "SELECT nonsense", .cache = {}, .columns = {}},
      {.name = "pg_many", .sql = "SELECT * FROM generate_series(1, 1001) AS n", .cache = {}, .columns = {}},
      {.name = "pg_cached",
       .sql = "SELECT count(*) AS jobs FROM jobs",
       .cache = 1h,
       .columns = {{"jobs", Usage::kGauge, "All jobs"}}}};
  const auto p = prober(server.port(), module);
  const ProbeResult result = probe(*p);
  EXPECT_THAT(result, HasReason(Reason::kOk)) << "a query that fails is not a server that fails";
  EXPECT_EQ(value(result, "pg_jobs_waiting", "queue", "mail"), 3);
  EXPECT_EQ(value(result, "pg_jobs_waiting", "queue", "pdf"), 7);
  EXPECT_EQ(value(result, "pg_jobs_stuck", "queue", "mail"), 1);
  EXPECT_TRUE(std::isnan(value(result, "pg_jobs_stuck", "queue", "pdf").value_or(0))) << "NULL";
  EXPECT_EQ(value(result, "pg_jobs_extra", "queue", "pdf"), 42) << "not described, but a number";
  EXPECT_FALSE(value(result, "pg_jobs_noise"));
  EXPECT_EQ(value(result, "pg_scrape_collector_success", "collector", "pg_jobs"), 1);
  EXPECT_EQ(value(result, "pg_scrape_collector_success", "collector", "pg_broken"), 0);
  EXPECT_EQ(value(result, "pg_scrape_collector_success", "collector", "pg_many"), 0) << "too many rows";
  EXPECT_EQ(value(result, "pg_exporter_last_scrape_error"), 1);
  EXPECT_EQ(value(result, "pg_cached_jobs"), 2);
  server.sql("DELETE FROM jobs");
  const ProbeResult later = probe(*p);
  EXPECT_EQ(value(later, "pg_cached_jobs"), 2) << "the answer is kept for an hour";
  EXPECT_FALSE(value(later, "pg_jobs_waiting"));
}

TEST_F(PostgresProberTest, a_server_that_does_not_take_connections_yet_is_starting) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer server;
  server.stop();
  // A standby without hot standby stays in this state, which others pass in a moment.
  support::write_file(server.data_folder() + "/standby.signal", "");
  const std::string settings = support::read_file(server.data_folder() + "/postgresql.auto.conf");
  support::write_file(server.data_folder() + "/postgresql.auto.conf", settings + "hot_standby=off\n");
  server.start_without_waiting();
  const auto p = prober(server.port());
  ASSERT_TRUE(support::eventually([&] { return probe(*p).reason != Reason::kConnectRefused; }));
  EXPECT_THAT(probe(*p), HasReason(Reason::kSqlStarting));
}

TEST_F(PostgresProberTest, a_full_server_says_so) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer server({.auth = "trust", .tls = false, .settings = {}, .hba = ""});
  server.sql("CREATE ROLE guest LOGIN CONNECTION LIMIT 0");
  PostgresModule module = plain();
  module.user = "guest";
  const auto p = prober(server.port(), module);
  EXPECT_THAT(probe(*p), HasReason(Reason::kSqlTooManyConnections));
}

TEST_F(PostgresProberTest, the_environment_of_libpq_is_ignored) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer server({.auth = "scram-sha-256", .tls = false, .settings = {}, .hba = ""});
  setenv("PGPASSWORD", PostgresServer::kPassword, 1);
  setenv("PGOPTIONS", "-c nonsense=1", 1);
  PostgresThread forgets;
  {
    const auto p = prober(server.port(), plain());
    EXPECT_THAT(probe(*p), HasReason(Reason::kSqlAuth));
  }
  const auto p = prober(server.port(), with_password(PostgresServer::kPassword));
  EXPECT_THAT(probe(*p), HasReason(Reason::kOk));
}

TEST_F(PostgresProberTest, a_rotated_password_file_is_read_again) {
  SLUICE_REQUIRE_POSTGRES();
  PostgresServer server({.auth = "scram-sha-256", .tls = false, .settings = {}, .hba = ""});
  support::TemporaryFolder folder;
  PostgresModule module = plain();
  module.password_file = folder.file("password");
  const auto p = prober(server.port(), module);
  EXPECT_THAT(probe(*p), HasReason(Reason::kInternal)) << "the file is missing";
  support::write_file(module.password_file, "stale\n");
  EXPECT_THAT(probe(*p), HasReason(Reason::kSqlAuth));
  support::write_file(module.password_file, std::string(PostgresServer::kPassword) + "\n");
  EXPECT_THAT(probe(*p), HasReason(Reason::kOk));
}

TEST_F(PostgresProberTest, statistics_have_the_families_types_and_labels_of_postgres_exporter) {
  SLUICE_REQUIRE_POSTGRES();
  SLUICE_REQUIRE_SUITE(golden, "golden");
  PostgresServer server;
  PostgresModule module = plain();
  module.statistics = true;
  const auto p = prober(server.port(), module);
  const ProbeResult result = probe(*p);
  ASSERT_THAT(result, HasReason(Reason::kOk));
  EXPECT_EQ(value(result, "pg_exporter_last_scrape_error"), 0);
  EXPECT_EQ(value(result, "pg_exporter_scrapes_total"), 1);
  EXPECT_EQ(value(result, "pg_settings_max_connections"), 100);
  EXPECT_EQ(value(result, "pg_settings_shared_buffers_bytes"), 8 << 20);
  EXPECT_EQ(value(result, "pg_replication_is_replica"), 0);

  std::map<std::string, std::string> types;
  std::map<std::string, std::set<std::string>> labels;
  for (const MetricPoint& point : result.points) {
    const std::string name(point.family->name);
    types[name] = to_string(point.family->type);
    for (const auto& label : point.labels) labels[name].emplace(label.name);
  }
  std::istringstream lines(support::read_file(golden + "postgres_exporter.default.prom"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, keyword, name, type;
    if (words >> hash >> keyword >> name >> type && hash == "#" && keyword == "TYPE") {
      if (!name.starts_with("pg_")) continue;
      EXPECT_EQ(types[name], type) << name;
    } else if (name = line.substr(0, line.find_first_of("{ ")); name.starts_with("pg_")) {
      std::set<std::string> wanted;
      for (const std::string label :
           {"datid", "datname", "mode", "state", "collector", "version", "short_version"}) {
        if (line.find("{" + label + "=") != std::string::npos ||
            line.find("," + label + "=") != std::string::npos) {
          wanted.insert(label);
        }
      }
      EXPECT_EQ(labels[name], wanted) << name;
    }
  }
}

}  // namespace
}  // namespace sluice::exporters::postgres
