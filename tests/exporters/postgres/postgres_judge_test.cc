#include "exporters/postgres/postgres_judge.h"

#include <gtest/gtest.h>

#include <map>

#include "exporters/postgres/postgres_link.h"
#include "exporters/postgres/statistics.h"

namespace sluice::exporters::postgres {
namespace {

using Kind = Failure::Kind;

Failure failure(Kind kind, Phase at, std::string message = "", std::string sqlstate = "") {
  Failure f;
  f.kind = kind;
  f.at = at;
  f.message = std::move(message);
  f.sqlstate = std::move(sqlstate);
  return f;
}

struct Verdict {
  Failure failure;
  bool answered;
  Reason reason;
};

TEST(PostgresJudgeTest, each_failure_names_its_layer) {
  const auto server = [](std::string state) {
    return failure(Kind::kServer, Phase::kAuthenticate, "x", std::move(state));
  };
  const auto said = [](Phase at, std::string text) {
    return failure(Kind::kConnection, at, std::move(text));
  };
  const Verdict kCases[] = {
      {server("28P01"), true, Reason::kSqlAuth},
      {server("28000"), true, Reason::kSqlAuth},
      {server("3D000"), true, Reason::kSqlError},
      {server("53300"), true, Reason::kSqlTooManyConnections},
      {server("57P01"), true, Reason::kSqlStarting},
      {server("57P03"), true, Reason::kSqlStarting},
      {server("57014"), true, Reason::kSqlTimeout},
      {server("25006"), true, Reason::kSqlReadOnly},
      {server("08P01"), true, Reason::kProtocolError},
      {server("XX000"), true, Reason::kSqlError},
      {failure(Kind::kTimeout, Phase::kResolve), false, Reason::kDnsTimeout},
      {failure(Kind::kTimeout, Phase::kConnect), false, Reason::kConnectTimeout},
      {failure(Kind::kTimeout, Phase::kTls), false, Reason::kSqlTimeout},  // no sign that TLS is at fault
      {failure(Kind::kTimeout, Phase::kTls), true, Reason::kTlsTimeout},
      {failure(Kind::kTimeout, Phase::kAuthenticate), false, Reason::kSqlTimeout},
      {failure(Kind::kTimeout, Phase::kQuery), true, Reason::kSqlTimeout},
      {said(Phase::kConnect, "connection to server at \"10.0.0.1\", port 5432 failed: Connection refused"),
       false, Reason::kConnectRefused},
      {said(Phase::kConnect, "... failed: No route to host"), false, Reason::kNetworkUnreachable},
      {said(Phase::kTls, "... failed: server does not support SSL, but SSL was required"), true,
       Reason::kTlsMissing},
      {said(Phase::kTls, "... failed: SSL error: certificate verify failed"), true, Reason::kTlsUntrusted},
      {said(Phase::kTls, "... server certificate for \"a\" does not match host name \"b\""), true,
       Reason::kTlsNameMismatch},
      {said(Phase::kTls, "... received invalid response to SSL negotiation: H"), true,
       Reason::kProtocolError},
      {said(Phase::kAuthenticate, "... server closed the connection unexpectedly"), true,
       Reason::kConnectReset},
      {said(Phase::kAuthenticate, "... expected authentication request from server, but received H"), true,
       Reason::kProtocolError},
      {said(Phase::kAuthenticate, "... fe_sendauth: no password supplied"), true, Reason::kSqlAuth},
      {failure(Kind::kProtocol, Phase::kQuery, "x"), true, Reason::kProtocolError},
  };
  for (const Verdict& c : kCases) {
    EXPECT_EQ(to_string(reason_of(c.failure, c.answered)), to_string(c.reason))
        << c.failure.message << c.failure.sqlstate;
  }
}

TEST(PostgresJudgeTest, the_detail_is_one_bounded_line_of_valid_text) {
  PostgresObservation seen;
  seen.failure =
      failure(Kind::kServer, Phase::kAuthenticate, "bad \xff\xfe\n" + std::string(2000, 'x'), "28P01");
  const ProbeResult result = judge(PostgresModule(), seen, 1);
  EXPECT_LE(result.detail.size(), 512u);
  EXPECT_TRUE(is_valid_utf8(result.detail));
  EXPECT_EQ(result.detail.find('\n'), std::string::npos);
}

TEST(PostgresJudgeTest, a_read_only_server_fails_only_a_module_that_says_so) {
  PostgresObservation seen;
  seen.health_complete = true;
  seen.read_only = true;
  PostgresModule module;
  EXPECT_EQ(judge(module, seen, 1).reason, Reason::kOk);
  module.fail_if_read_only = true;
  EXPECT_EQ(judge(module, seen, 1).reason, Reason::kSqlReadOnly);
}

TEST(PostgresJudgeTest, missing_statistics_count_and_do_not_fail_the_probe) {
  PostgresObservation seen;
  Statistics lost;
  lost.collector = "locks";
  lost.error = "57014 canceling statement due to statement timeout";
  seen.statistics.push_back(lost);
  const ProbeResult result = judge(PostgresModule(), seen, 7);
  EXPECT_TRUE(result.success());
  std::map<std::string, double> values;
  for (const MetricPoint& point : result.points) values[std::string(point.family->name)] = point.value;
  EXPECT_EQ(values["pg_exporter_last_scrape_error"], 1);
  EXPECT_EQ(values["pg_exporter_scrapes_total"], 7);
  EXPECT_EQ(values["pg_scrape_collector_success"], 0);
}

TEST(PostgresLinkTest, the_sqlstate_is_found_in_any_language) {
  const auto english = parse_server_message(
      "connection to server at \"::1\", port 5432 failed: FATAL:  28P01: password authentication "
      "failed\nLOCATION:  x");
  EXPECT_EQ(english.sqlstate, "28P01");
  EXPECT_EQ(english.message, "password authentication failed");
  EXPECT_EQ(parse_server_message("SCHWERWIEGEND:  57P03: das Datenbanksystem startet").sqlstate, "57P03");
  EXPECT_EQ(parse_server_message("ERROR:  42P01: relation \"a:  12345: b\" does not exist").sqlstate,
            "42P01");
  EXPECT_EQ(parse_server_message("Connection refused").sqlstate, "");
  EXPECT_EQ(parse_server_message("Connection refused").message, "Connection refused");
  EXPECT_EQ(parse_server_message("").message, "");
}

TEST(PostgresStatisticsTest, settings_carry_their_unit_and_keep_minus_one) {
  Statistics settings;
  settings.collector = "settings";
  settings.table = Table{{"name", "setting", "unit", "short_desc"},
                         {{"work_mem", "4096", "kB", "m"},
                          {"shared_buffers", "16384", "8kB", "m"},
                          {"statement_timeout", "1500", "ms", "m"},
                          {"log_temp_files", "-1", "kB", "m"},
                          {"fsync", "on", std::nullopt, "m"},
                          {"my.ext", "7", std::nullopt, "m"},
                          {"strange name", "7", std::nullopt, "m"},
                          {"wordy", "abc", std::nullopt, "m"}}};
  std::vector<MetricPoint> points;
  append_points(settings, points);
  std::map<std::string, double> values;
  for (const MetricPoint& point : points) values[std::string(point.family->name)] = point.value;
  const std::map<std::string, double> wanted = {{"pg_settings_work_mem_bytes", 4096.0 * 1024},
                                                {"pg_settings_shared_buffers_bytes", 16384.0 * 8192},
                                                {"pg_settings_statement_timeout_seconds", 1.5},
                                                {"pg_settings_log_temp_files_bytes", -1},
                                                {"pg_settings_fsync", 1},
                                                {"pg_settings_my_ext", 7}};
  EXPECT_EQ(values, wanted);
}

TEST(PostgresStatisticsTest, tables_that_make_no_sense_give_no_points) {
  for (const Collector& collector : collectors()) {
    Statistics nonsense;
    nonsense.collector = collector.name;
    std::vector<MetricPoint> points;
    nonsense.table = Table{};
    append_points(nonsense, points);
    nonsense.table = Table{{"datname", "count"}, {{}, {std::nullopt}, {"a"}}};
    append_points(nonsense, points);
    nonsense.table = Table{{}, {{"a", "b"}}};
    append_points(nonsense, points);
    EXPECT_TRUE(points.empty()) << collector.name;
  }
}

}  // namespace
}  // namespace sluice::exporters::postgres
