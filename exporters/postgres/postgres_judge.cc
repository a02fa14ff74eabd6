#include "exporters/postgres/postgres_judge.h"

#include <fmt/format.h>

#include <algorithm>

#include "exporters/detail.h"
#include "exporters/postgres/statistics.h"

namespace sluice::exporters::postgres {
namespace {

enum FamilyIndex {
  kUp,
  kPhaseDuration,
  kInRecovery,
  kReadOnly,
  kTlsUsed,
  kReusedConnection,
  kWaitingConnections,
  kScrapes,
  kScrapeError,
  kScrapeDuration,
  kCollectorSuccess,
  kCollectorDuration,
};
constexpr MetricFamily kFamilies[] = {
    {"pg_up", MetricType::kGauge,
     "Whether the last scrape of metrics from PostgreSQL was able to connect to the server (1 for yes, 0 for "
     "no)."},
    {"probe_postgres_duration_seconds", MetricType::kGauge,
     "Seconds spent in each phase: resolve, connect, tls, auth, query"},
    {"probe_postgres_in_recovery", MetricType::kGauge, "Whether the server is in recovery, as standbys are"},
    {"probe_postgres_read_only", MetricType::kGauge, "Whether a new transaction on the server is read-only"},
    {"probe_postgres_ssl", MetricType::kGauge, "Whether the connection used TLS"},
    {"probe_postgres_connection_reused", MetricType::kGauge, "Whether an existing connection was used"},
    {"probe_postgres_connections_waiting", MetricType::kGauge,
     "Connections the server has not answered yet: at most two, no more are opened"},
    {"pg_exporter_scrapes_total", MetricType::kCounter,
     "Total number of times PostgreSQL was scraped for metrics."},
    {"pg_exporter_last_scrape_error", MetricType::kGauge,
     "Whether the last scrape of metrics from PostgreSQL resulted in an error (1 for error, 0 for success)."},
    {"pg_exporter_last_scrape_duration_seconds", MetricType::kGauge,
     "Duration of the last scrape of metrics from PostgreSQL."},
    {"pg_scrape_collector_success", MetricType::kGauge, "Whether a group of statistics could be read"},
    {"pg_scrape_collector_duration_seconds", MetricType::kGauge,
     "Seconds it took to read a group of statistics"},
};

struct StateRow {
  std::string_view prefix;
  Reason reason;
};
// The first prefix that matches decides.
constexpr StateRow kStates[] = {
    {"28", Reason::kSqlAuth},        {"53300", Reason::kSqlTooManyConnections},
    {"57P01", Reason::kSqlStarting},  // shut down by an operator
    {"57P02", Reason::kSqlStarting},  // restarting after a crash
    {"57P03", Reason::kSqlStarting},  // cannot connect now
    {"57014", Reason::kSqlTimeout},   // statement_timeout, which we set
    {"55P03", Reason::kSqlTimeout},   // lock_timeout, which we set
    {"25006", Reason::kSqlReadOnly}, {"08P01", Reason::kProtocolError},
};

struct TextRow {
  std::string_view part;
  Reason reason;
};
constexpr TextRow kTexts[] = {
    {"Connection refused", Reason::kConnectRefused},
    {"Network is unreachable", Reason::kNetworkUnreachable},
    {"No route to host", Reason::kNetworkUnreachable},
    {"Cannot assign requested address", Reason::kNetworkUnreachable},
    {"Connection timed out", Reason::kConnectTimeout},
    {"server does not support SSL", Reason::kTlsMissing},
    {"does not match host name", Reason::kTlsNameMismatch},
    {"certificate has expired", Reason::kTlsExpired},
    {"certificate is not yet valid", Reason::kTlsExpired},
    {"certificate verify failed", Reason::kTlsUntrusted},
    {"invalid response to SSL negotiation", Reason::kProtocolError},
    {"expected authentication request", Reason::kProtocolError},
    {"unrecognized SSL error", Reason::kTlsHandshake},
    {"no password supplied", Reason::kSqlAuth},
    {"authentication method requirement", Reason::kSqlAuth},
    {"Connection reset by peer", Reason::kConnectReset},
    {"closed the connection unexpectedly", Reason::kConnectReset},
    {"Broken pipe", Reason::kConnectReset},
    {"SSL error", Reason::kTlsHandshake},
    {"root certificate file", Reason::kInternal},
    {"could not load", Reason::kInternal},
    {"certificate file", Reason::kInternal},
    {"private key file", Reason::kInternal},
};

Reason reason_of_text(Phase at, std::string_view text) {
  for (const TextRow& row : kTexts) {
    if (text.find(row.part) != std::string_view::npos) return row.reason;
  }
  switch (at) {
    case Phase::kResolve:
      return Reason::kDnsError;
    case Phase::kConnect:
      return Reason::kConnectReset;
    case Phase::kTls:
      return Reason::kTlsHandshake;
    case Phase::kAuthenticate:
    case Phase::kQuery:
      break;
  }
  return Reason::kConnectReset;
}

Reason reason_of_fault(net::FaultKind fault) {
  switch (fault) {
    case net::FaultKind::kDnsError:
      return Reason::kDnsError;
    case net::FaultKind::kDnsTimeout:
      return Reason::kDnsTimeout;
    default:
      return Reason::kInternal;
  }
}

Reason reason_of_timeout(Phase at, bool answered) {
  switch (at) {
    case Phase::kResolve:
      return Reason::kDnsTimeout;
    case Phase::kConnect:
      return Reason::kConnectTimeout;
    case Phase::kTls:
      return answered ? Reason::kTlsTimeout : Reason::kSqlTimeout;
    case Phase::kAuthenticate:
    case Phase::kQuery:
      break;
  }
  return Reason::kSqlTimeout;
}

std::string sentence(const Failure& failure, bool answered) {
  switch (failure.kind) {
    case Failure::Kind::kTimeout:
      if (failure.at == Phase::kResolve) return "the name was not resolved in time";
      if (failure.at == Phase::kConnect) return "no TCP connection in time";
      if (!answered) return "connected, but the server did not answer in time";
      return failure.at == Phase::kTls            ? "the TLS handshake did not end in time"
             : failure.at == Phase::kAuthenticate ? "the server did not admit us in time"
                                                  : "the query was not answered in time";
    case Failure::Kind::kServer:
      return fmt::format("{} (SQLSTATE {})", failure.message, failure.sqlstate);
    case Failure::Kind::kFault:
    case Failure::Kind::kConnection:
    case Failure::Kind::kProtocol:
      break;
  }
  return failure.message;
}

}  // namespace

Reason reason_of_sqlstate(std::string_view sqlstate) {
  for (const StateRow& row : kStates) {
    if (sqlstate.starts_with(row.prefix)) return row.reason;
  }
  return Reason::kSqlError;
}

Reason reason_of(const Failure& failure, bool answered) {
  switch (failure.kind) {
    case Failure::Kind::kFault:
      return reason_of_fault(failure.fault);
    case Failure::Kind::kTimeout:
      return reason_of_timeout(failure.at, answered);
    case Failure::Kind::kServer:
      return reason_of_sqlstate(failure.sqlstate);
    case Failure::Kind::kConnection:
      return reason_of_text(failure.at, failure.message);
    case Failure::Kind::kProtocol:
      break;
  }
  return Reason::kProtocolError;
}

ProbeResult judge(const PostgresModule& module, const PostgresObservation& seen, uint64_t scrapes) {
  ProbeResult result;
  if (seen.failure) {
    result.reason = reason_of(*seen.failure, seen.answered);
    result.detail = one_line(sentence(*seen.failure, seen.answered), 512);
  } else if (module.fail_if_read_only && seen.read_only) {
    result.reason = Reason::kSqlReadOnly;
    result.detail =
        seen.in_recovery ? "the server is a standby in recovery" : "default_transaction_read_only is on";
  }

  auto& points = result.points;
  const auto add = [&](FamilyIndex family, Labels labels, double value) {
    points.push_back({&kFamilies[family], std::move(labels), value});
  };
  add(kUp, {}, seen.failure ? 0 : 1);
  for (size_t i = 0; i < kPhaseCount; ++i) {
    if (seen.phases[i])
      add(kPhaseDuration, {{"phase", std::string(kPhaseNames[i])}}, to_seconds(*seen.phases[i]));
  }
  add(kWaitingConnections, {}, static_cast<double>(seen.connections_waiting));
  if (!seen.failure) {
    add(kTlsUsed, {}, seen.tls);
    add(kReusedConnection, {}, seen.reused);
    if (seen.health_complete) {
      add(kInRecovery, {}, seen.in_recovery);
      add(kReadOnly, {}, seen.read_only);
    }
  }
  if (!module.reads_statistics() || seen.shallow) return result;

  bool complete = !seen.failure;
  for (const Statistics& group : seen.statistics) {
    const Labels labels{{"collector", group.collector}};
    add(kCollectorSuccess, labels, group.table.has_value());
    add(kCollectorDuration, labels, to_seconds(group.duration));
    const auto custom = std::ranges::find(module.queries, group.collector, &CustomQuery::name);
    if (custom == module.queries.end()) {
      append_points(group, points);
    } else if (group.table) {
      append_points(*custom, *group.table, points);
    }
    complete = complete && group.table;
  }
  add(kScrapes, {}, static_cast<double>(scrapes));
  add(kScrapeError, {}, !complete);
  add(kScrapeDuration, {}, to_seconds(seen.statistics_duration));
  return result;
}

std::vector<Finding> explain(const PostgresModule& module, const PostgresObservation& seen) {
  std::vector<Finding> findings;
  Duration at{};
  const auto add = [&](Finding::Kind kind, std::string text) {
    findings.push_back({kind, at, std::move(text)});
  };
  if (seen.reused) add(Finding::Kind::kNote, fmt::format("used the open connection to {}", seen.address));
  for (size_t i = 0; i < kPhaseCount; ++i) {
    if (!seen.phases[i]) continue;
    at += *seen.phases[i];
    add(Finding::Kind::kPassed, fmt::format("{}: {}", kPhaseNames[i], format_human(*seen.phases[i])));
    if (static_cast<Phase>(i) == Phase::kConnect)
      add(Finding::Kind::kNote, fmt::format("connected to {}", seen.address));
  }
  if (seen.failure) {
    add(Finding::Kind::kFailed, fmt::format("{}: {}", kPhaseNames[static_cast<size_t>(seen.failure->at)],
                                            one_line(sentence(*seen.failure, seen.answered), 512)));
  } else {
    add(Finding::Kind::kNote, seen.tls ? "the connection is encrypted" : "the connection is not encrypted");
    if (seen.health_complete) {
      add(Finding::Kind::kNote, seen.in_recovery ? "the server is a standby" : "the server is a primary");
      add(!module.fail_if_read_only ? Finding::Kind::kNote
          : seen.read_only          ? Finding::Kind::kFailed
                                    : Finding::Kind::kPassed,
          seen.read_only ? "transactions are read-only" : "transactions may write");
    }
  }
  for (const Statistics& group : seen.statistics) {
    at += group.duration;
    if (group.table) {
      add(Finding::Kind::kNote,
          fmt::format("statistics {}: {} rows", group.collector, group.table->rows.size()));
    } else {
      add(Finding::Kind::kNote,
          fmt::format("statistics {}: {}", group.collector, one_line(group.error, 200)));
    }
  }
  if (seen.connections_waiting > 0) {
    add(Finding::Kind::kNote,
        fmt::format("{} connections stay open until the server answers", seen.connections_waiting));
  }
  return findings;
}

std::span<const MetricFamily> probe_families() {
  return kFamilies;
}

}  // namespace sluice::exporters::postgres
