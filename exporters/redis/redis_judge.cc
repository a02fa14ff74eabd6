#include "exporters/redis/redis_judge.h"

#include <fmt/format.h>

#include "exporters/detail.h"
#include "exporters/fault_reason.h"
#include "exporters/redis/info_parser.h"

namespace sluice::exporters::redis {
namespace {

enum FamilyIndex {
  kUp,
  kPhaseDuration,
  kTlsUsed,
  kRole,
  kReadOnly,
  kScrapes,
  kScrapeError,
  kScrapeDuration,
  kConnectDuration,
};
constexpr MetricFamily kFamilies[] = {
    {"redis_up", MetricType::kGauge, "Information about the Redis instance"},
    {"probe_redis_duration_seconds", MetricType::kGauge,
     "Seconds spent in each phase: resolve, connect, tls, auth, ping, role, canary"},
    {"probe_redis_ssl", MetricType::kGauge, "Whether the connection used TLS"},
    {"probe_redis_role", MetricType::kGauge, "The role Redis says it has: 1 for the one in the label"},
    {"probe_redis_read_only", MetricType::kGauge, "Whether Redis is a replica that refuses writes"},
    {"redis_exporter_scrapes_total", MetricType::kCounter, "Current total redis scrapes."},
    {"redis_exporter_last_scrape_error", MetricType::kGauge, "The last scrape error status."},
    {"redis_exporter_last_scrape_duration_seconds", MetricType::kGauge, "Seconds the last scrape took"},
    {"redis_exporter_last_scrape_connect_time_seconds", MetricType::kGauge,
     "Seconds it took to connect for the last scrape"},
};

struct CodeRow {
  std::string_view start;
  Reason reason;
};
constexpr CodeRow kErrors[] = {
    {"NOAUTH", Reason::kRedisAuth},      {"WRONGPASS", Reason::kRedisAuth},
    {"NOPERM", Reason::kRedisAuth},      {"ERR invalid password", Reason::kRedisAuth},
    {"ERR AUTH", Reason::kRedisAuth},    {"ERR Client sent AUTH", Reason::kRedisAuth},
    {"DENIED", Reason::kRedisAuth},  // protected mode
    {"LOADING", Reason::kRedisLoading},  {"READONLY", Reason::kRedisReadOnly},
    {"MISCONF", Reason::kRedisReadOnly}, {"NOREPLICAS", Reason::kRedisReadOnly},
    {"OOM", Reason::kRedisOutOfMemory},
};

std::string_view error_words(const Failure& failure) {
  return failure.fault ? std::string_view(failure.fault->message) : std::string_view(failure.error);
}

bool is_replica(const RedisObservation& seen) {
  return seen.role == "slave";
}

// What INFO says, else what the role makes likely: replicas are read-only unless somebody changed that.
bool is_read_only(const RedisObservation& seen, const Info& info) {
  return is_replica(seen) && info.text("slave_read_only") != "0";
}

std::string_view role_word(ExpectedRole role) {
  switch (role) {
    case ExpectedRole::kMaster:
      return "master";
    case ExpectedRole::kReplica:
      return "slave";
    case ExpectedRole::kSentinel:
      return "sentinel";
    case ExpectedRole::kAny:
      break;
  }
  return "";
}

bool has_expected_role(const RedisModule& module, const RedisObservation& seen) {
  return module.expect_role == ExpectedRole::kAny || seen.role == role_word(module.expect_role);
}

Info info_of(const RedisObservation& seen) {
  if (!seen.info || seen.info->kind != net::RedisReply::Kind::kString) return {};
  return Info::parse(seen.info->text);
}

void judge_health(const RedisModule& module, const RedisObservation& seen, const Info& info,
                  ProbeResult& result) {
  if (seen.failure) {
    result.reason = reason_of(*seen.failure);
    result.detail = one_line(error_words(*seen.failure));
    return;
  }
  if (!has_expected_role(module, seen)) {
    // A replica where the master should be still answers as Redis, only not to writes.
    result.reason = is_replica(seen) && module.expect_role == ExpectedRole::kMaster
                        ? Reason::kRedisReadOnly
                        : Reason::kIdentityMismatch;
    const std::string_view role =
        seen.role.empty() ? std::string_view("unknown") : std::string_view(seen.role);
    result.detail = one_line(fmt::format("the role is {}, wanted {}", role, role_word(module.expect_role)));
    return;
  }
  if (module.fail_if_read_only && is_read_only(seen, info)) {
    result.reason = Reason::kRedisReadOnly;
    result.detail = "this is a replica that refuses writes";
  }
}

}  // namespace

Reason reason_of_error(std::string_view error) {
  for (const CodeRow& row : kErrors) {
    if (error.starts_with(row.start)) return row.reason;
  }
  return Reason::kRedisError;
}

Reason reason_of(const Failure& failure) {
  if (!failure.fault) return reason_of_error(failure.error);
  if (failure.fault->kind == net::FaultKind::kBodyTooLarge) return Reason::kProtocolError;
  return exporters::reason_of(failure.fault->kind, Reason::kRedisTimeout);
}

ProbeResult judge(const RedisModule& module, const RedisObservation& seen, uint64_t scrapes) {
  ProbeResult result;
  const Info info = info_of(seen);
  judge_health(module, seen, info, result);

  auto& points = result.points;
  const auto add = [&](FamilyIndex family, Labels labels, double value) {
    points.push_back({&kFamilies[family], std::move(labels), value});
  };
  add(kUp, {}, !seen.failure);
  for (size_t i = 0; i < kPhaseCount; ++i) {
    if (seen.phases[i])
      add(kPhaseDuration, {{"phase", std::string(kPhaseNames[i])}}, to_seconds(*seen.phases[i]));
  }
  if (!seen.failure) {
    add(kTlsUsed, {}, seen.tls);
    if (!seen.role.empty()) {
      add(kRole, {{"role", one_line(seen.role, 32)}}, 1);
      add(kReadOnly, {}, is_read_only(seen, info));
    }
  }
  if (!module.statistics) return result;

  const bool complete = seen.info && !seen.info->is_error();
  std::string error;
  if (seen.failure) {
    error = to_string(result.reason);
  } else if (seen.statistics_fault) {
    error = seen.statistics_fault->message;
  } else if (!complete) {
    error = seen.info ? seen.info->text : "no answer";
  }
  append_info_points(info, complete && seen.config ? databases_in(*seen.config) : 0, points);
  if (seen.config) append_config_points(*seen.config, points);
  append_slowlog_points(seen.slowlog_length ? &*seen.slowlog_length : nullptr,
                        seen.slowlog_last ? &*seen.slowlog_last : nullptr, points);
  if (seen.latency) append_latency_points(*seen.latency, points);
  add(kScrapes, {}, static_cast<double>(scrapes));
  add(kScrapeError, {{"err", one_line(error, 100)}}, !complete);
  add(kScrapeDuration, {}, to_seconds(seen.statistics_duration));
  const auto& connect = seen.phases[static_cast<size_t>(Phase::kConnect)];
  if (connect) add(kConnectDuration, {}, to_seconds(*connect));
  return result;
}

std::vector<Finding> explain(const RedisModule& module, const RedisObservation& seen) {
  std::vector<Finding> findings;
  Duration at{};
  const auto add = [&](Finding::Kind kind, std::string text) {
    findings.push_back({kind, at, std::move(text)});
  };
  for (size_t i = 0; i < kPhaseCount; ++i) {
    if (!seen.phases[i]) continue;
    at += *seen.phases[i];
    add(Finding::Kind::kPassed, fmt::format("{}: {}", kPhaseNames[i], format_human(*seen.phases[i])));
  }
  if (seen.failure) {
    add(Finding::Kind::kFailed, fmt::format("{}: {}", kPhaseNames[static_cast<size_t>(seen.failure->at)],
                                            one_line(error_words(*seen.failure))));
    return findings;
  }
  add(Finding::Kind::kNote, seen.tls ? "the connection is encrypted" : "the connection is not encrypted");
  const bool role_matters = module.expect_role != ExpectedRole::kAny;
  add(!role_matters                     ? Finding::Kind::kNote
      : has_expected_role(module, seen) ? Finding::Kind::kPassed
                                        : Finding::Kind::kFailed,
      seen.role.empty() ? "Redis does not tell its role" : one_line("the role is " + seen.role, 64));
  if (module.fail_if_read_only) {
    const bool read_only = is_read_only(seen, info_of(seen));
    add(read_only ? Finding::Kind::kFailed : Finding::Kind::kPassed,
        read_only ? "it refuses writes" : "it takes writes");
  }
  if (seen.statistics_asked) {
    at += seen.statistics_duration;
    if (seen.info && !seen.info->is_error()) {
      add(Finding::Kind::kNote, fmt::format("statistics: {} fields of INFO", info_of(seen).fields().size()));
    } else {
      add(Finding::Kind::kNote, "statistics: " + one_line(seen.info ? seen.info->text : "no answer", 200));
    }
  }
  return findings;
}

std::span<const MetricFamily> probe_families() {
  return kFamilies;
}

}  // namespace sluice::exporters::redis
