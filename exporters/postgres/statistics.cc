#include "exporters/postgres/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/number.h"

namespace sluice::exporters::postgres {

std::optional<std::string_view> Table::get(size_t row, std::string_view column) const {
  if (row >= rows.size()) return std::nullopt;
  const auto found = std::ranges::find(columns, column);
  if (found == columns.end()) return std::nullopt;
  const size_t index = static_cast<size_t>(found - columns.begin());
  if (index >= rows[row].size() || !rows[row][index]) return std::nullopt;
  return *rows[row][index];
}

namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;
constexpr auto kUntyped = MetricType::kUnknown;

// Column names are the family's name without its prefix (and without `_total` for the background writer).
constexpr MetricFamily kFamilies[] = {
    {"pg_database_size_bytes", kGauge, "Disk space used by the database"},
    {"pg_locks_count", kGauge, "Number of locks"},
    {"pg_replication_is_replica", kGauge, "Whether the server is a replica (1) or not (0)"},
    {"pg_replication_lag", kGauge,
     "Seconds the replica is behind its primary; grows while nothing is received"},
    {"pg_replication_lag_seconds", kGauge,
     "Seconds the replica is behind its primary; grows while nothing is received"},
    {"pg_replication_slots_active", kGauge, "Whether somebody streams from the slot"},
    {"pg_replication_slots_pg_wal_lsn_diff", kGauge, "Bytes of WAL the slot holds back"},
    {"pg_stat_activity_count", kGauge, "Number of connections in this state"},
    {"pg_stat_activity_max_tx_duration", kGauge,
     "Seconds the oldest open transaction in this state has been running"},
    {"pg_stat_archiver_archived_count", kCounter, "Number of WAL files archived successfully"},
    {"pg_stat_archiver_failed_count", kCounter, "Number of failed attempts to archive WAL files"},
    {"pg_stat_archiver_last_archive_age", kGauge,
     "Seconds since the last WAL file was archived successfully"},
    {"pg_stat_bgwriter_buffers_alloc_total", kCounter, "Number of buffers allocated"},
    {"pg_stat_bgwriter_buffers_backend_fsync_total", kCounter,
     "Number of times a backend had to call fsync itself"},
    {"pg_stat_bgwriter_buffers_backend_total", kCounter, "Number of buffers written directly by a backend"},
    {"pg_stat_bgwriter_buffers_checkpoint_total", kCounter, "Number of buffers written during checkpoints"},
    {"pg_stat_bgwriter_buffers_clean_total", kCounter, "Number of buffers written by the background writer"},
    {"pg_stat_bgwriter_checkpoint_sync_time_total", kCounter,
     "Milliseconds checkpoints spent syncing files to disk"},
    {"pg_stat_bgwriter_checkpoint_write_time_total", kCounter,
     "Milliseconds checkpoints spent writing files to disk"},
    {"pg_stat_bgwriter_checkpoints_req_total", kCounter, "Number of requested checkpoints performed"},
    {"pg_stat_bgwriter_checkpoints_timed_total", kCounter, "Number of scheduled checkpoints performed"},
    {"pg_stat_bgwriter_maxwritten_clean_total", kCounter,
     "Number of times the background writer stopped a scan because it had written too many buffers"},
    {"pg_stat_bgwriter_stats_reset_total", kCounter, "Unix time at which these statistics were reset"},
    {"pg_stat_database_active_time", kUntyped, "Milliseconds spent executing statements in this database"},
    {"pg_stat_database_blk_read_time", kCounter, "Milliseconds backends spent reading data file blocks"},
    {"pg_stat_database_blk_write_time", kCounter, "Milliseconds backends spent writing data file blocks"},
    {"pg_stat_database_blks_hit", kCounter, "Number of blocks found in the buffer cache"},
    {"pg_stat_database_blks_read", kCounter, "Number of disk blocks read"},
    {"pg_stat_database_checksum_failures", kUntyped, "Number of page checksum failures"},
    {"pg_stat_database_checksum_last_failure", kUntyped, "Unix time of the last page checksum failure"},
    {"pg_stat_database_conflicts", kCounter, "Number of queries canceled due to conflicts with recovery"},
    {"pg_stat_database_conflicts_confl_bufferpin", kCounter,
     "Number of queries canceled due to pinned buffers"},
    {"pg_stat_database_conflicts_confl_deadlock", kCounter, "Number of queries canceled due to deadlocks"},
    {"pg_stat_database_conflicts_confl_lock", kCounter, "Number of queries canceled due to lock timeouts"},
    {"pg_stat_database_conflicts_confl_snapshot", kCounter,
     "Number of queries canceled due to old snapshots"},
    {"pg_stat_database_conflicts_confl_tablespace", kCounter,
     "Number of queries canceled due to dropped tablespaces"},
    {"pg_stat_database_deadlocks", kCounter, "Number of deadlocks detected"},
    {"pg_stat_database_idle_in_transaction_time", kUntyped,
     "Milliseconds sessions spent idle in a transaction"},
    {"pg_stat_database_numbackends", kGauge, "Number of backends connected to this database"},
    {"pg_stat_database_session_time", kUntyped, "Milliseconds spent by sessions in this database"},
    {"pg_stat_database_sessions", kUntyped, "Number of sessions established"},
    {"pg_stat_database_sessions_abandoned", kUntyped, "Number of sessions lost with their client"},
    {"pg_stat_database_sessions_fatal", kUntyped, "Number of sessions ended by fatal errors"},
    {"pg_stat_database_sessions_killed", kUntyped, "Number of sessions ended by an operator"},
    {"pg_stat_database_stats_reset", kCounter, "Unix time at which these statistics were reset"},
    {"pg_stat_database_temp_bytes", kCounter, "Bytes written to temporary files"},
    {"pg_stat_database_temp_files", kCounter, "Number of temporary files created"},
    {"pg_stat_database_tup_deleted", kCounter, "Number of rows deleted"},
    {"pg_stat_database_tup_fetched", kCounter, "Number of rows fetched"},
    {"pg_stat_database_tup_inserted", kCounter, "Number of rows inserted"},
    {"pg_stat_database_tup_returned", kCounter, "Number of rows returned"},
    {"pg_stat_database_tup_updated", kCounter, "Number of rows updated"},
    {"pg_stat_database_xact_commit", kCounter, "Number of transactions committed"},
    {"pg_stat_database_xact_rollback", kCounter, "Number of transactions rolled back"},
    {"pg_stat_replication_pg_current_wal_lsn_bytes", kGauge, "WAL position of the primary in bytes"},
    {"pg_stat_replication_pg_wal_lsn_diff", kGauge, "Bytes of WAL the standby has not replayed yet"},
    {"pg_static", kUntyped, "Version string as reported by postgres"},
};

const MetricFamily* family(std::string_view name) {
  const auto found = std::ranges::lower_bound(kFamilies, name, {}, &MetricFamily::name);
  return found != std::end(kFamilies) && found->name == name ? &*found : nullptr;
}
static_assert(std::ranges::is_sorted(kFamilies, {}, &MetricFamily::name), "kFamilies is searched by name");

std::optional<double> number(std::optional<std::string_view> text) {
  if (!text) return std::nullopt;
  if (*text == "t" || *text == "on") return 1.0;
  if (*text == "f" || *text == "off") return 0.0;
  return parse_float(*text);
}

// One point per row and column that has a family `prefix` + column (+ `suffix`).
void columns_to_points(const Table& table, std::string_view prefix, std::string_view suffix,
                       std::initializer_list<std::string_view> label_columns,
                       std::vector<MetricPoint>& points) {
  struct Column {
    size_t index;
    const MetricFamily* family;
  };
  std::vector<Column> values;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    if (std::ranges::find(label_columns, table.columns[c]) != label_columns.end()) continue;
    if (const MetricFamily* found = family(fmt::format("{}{}{}", prefix, table.columns[c], suffix))) {
      values.push_back({c, found});
    }
  }
  for (size_t r = 0; r < table.rows.size(); ++r) {
    Labels labels;
    for (const std::string_view column : label_columns) labels.set(column, table.get(r, column).value_or(""));
    for (const Column& column : values) {
      if (column.index >= table.rows[r].size()) continue;
      const auto& cell = table.rows[r][column.index];
      // NULL is a number nobody knows, as postgres_exporter has it.
      const auto value = cell ? number(*cell) : std::numeric_limits<double>::quiet_NaN();
      if (value) points.push_back({column.family, labels, *value});
    }
  }
}

void version_points(const Table& table, std::vector<MetricPoint>& points) {
  const auto version = table.get(0, "version");
  const auto digits = number(table.get(0, "number"));
  if (!version || !digits || *digits < 0 || *digits > 1e7) return;
  const int n = static_cast<int>(*digits);
  Labels labels;
  labels.set("version", *version);
  labels.set("short_version", n >= 100000 ? fmt::format("{}.{}.0", n / 10000, n % 10000)
                                          : fmt::format("{}.{}.{}", n / 10000, n / 100 % 100, n % 100));
  points.push_back({family("pg_static"), std::move(labels), 1});
}

void database_points(const Table& table, std::vector<MetricPoint>& points) {
  columns_to_points(table, "pg_stat_database_", "", {"datid", "datname"}, points);
}
void conflict_points(const Table& table, std::vector<MetricPoint>& points) {
  columns_to_points(table, "pg_stat_database_conflicts_", "", {"datid", "datname"}, points);
}
void size_points(const Table& table, std::vector<MetricPoint>& points) {
  columns_to_points(table, "pg_database_", "", {"datname"}, points);
}
void activity_points(const Table& table, std::vector<MetricPoint>& points) {
  columns_to_points(table, "pg_stat_activity_", "", {"datname", "state"}, points);
}
void lock_points(const Table& table, std::vector<MetricPoint>& points) {
  columns_to_points(table, "pg_locks_", "", {"datname", "mode"}, points);
}
void bgwriter_points(const Table& table, std::vector<MetricPoint>& points) {
  columns_to_points(table, "pg_stat_bgwriter_", "_total", {}, points);
}
void archiver_points(const Table& table, std::vector<MetricPoint>& points) {
  columns_to_points(table, "pg_stat_archiver_", "", {}, points);
}
void replication_points(const Table& table, std::vector<MetricPoint>& points) {
  columns_to_points(table, "pg_replication_", "", {}, points);
}
void standby_points(const Table& table, std::vector<MetricPoint>& points) {
  columns_to_points(table, "pg_stat_replication_", "", {"application_name", "client_addr", "state"}, points);
}
void slot_points(const Table& table, std::vector<MetricPoint>& points) {
  columns_to_points(table, "pg_replication_slots_", "", {"slot_name", "database"}, points);
}

struct Unit {
  std::string_view text;
  std::string_view suffix;
  std::string_view said;  // in the help text
  double factor;
};
constexpr double kKib = 1024;
constexpr Unit kUnits[] = {
    {"us", "_seconds", "seconds", 1e-6},
    {"ms", "_seconds", "seconds", 1e-3},
    {"s", "_seconds", "seconds", 1},
    {"min", "_seconds", "seconds", 60},
    {"h", "_seconds", "seconds", 3600},
    {"d", "_seconds", "seconds", 86400},
    {"B", "_bytes", "bytes", 1},
    {"kB", "_bytes", "bytes", kKib},
    {"MB", "_bytes", "bytes", kKib* kKib},
    {"GB", "_bytes", "bytes", kKib* kKib* kKib},
    {"TB", "_bytes", "bytes", kKib* kKib* kKib* kKib},
};

// "8kB" is a unit of eight kilobytes.
std::optional<Unit> parse_unit(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  double factor = 1;
  if (digits > 0) factor = parse_float(text.substr(0, digits)).value_or(1);
  for (const Unit& unit : kUnits) {
    if (unit.text == text.substr(digits))
      return Unit{unit.text, unit.suffix, unit.said, unit.factor * factor};
  }
  return std::nullopt;
}

// Families whose names come from the server or from the user's queries live as long as the process, since
// points refer to them. One thread (the state thread) judges all probes, and the bound keeps a strange server
// from filling the memory. What a name means is what it meant first.
const MetricFamily* lasting_family(const std::string& name, MetricType type, const std::string& help) {
  if (const MetricFamily* ours = family(name)) return ours;
  struct Owned {
    std::string help;
    MetricFamily family;
  };
  static std::map<std::string, Owned> known;
  if (const auto found = known.find(name); found != known.end()) return &found->second.family;
  if (known.size() >= 1000 || name.size() > 200 || !is_classic_metric_name(name)) return nullptr;
  const auto added = known.try_emplace(name).first;
  added->second.help = help.substr(0, 500);
  added->second.family = {added->first, type, added->second.help};
  return &added->second.family;
}

void setting_points(const Table& table, std::vector<MetricPoint>& points) {
  for (size_t r = 0; r < table.rows.size(); ++r) {
    const auto name = table.get(r, "name");
    auto value = number(table.get(r, "setting"));
    if (!name || !value) continue;
    std::string family_name = fmt::format("pg_settings_{}", *name);
    std::ranges::replace(family_name, '.', '_');
    std::string help(table.get(r, "short_desc").value_or(""));
    if (!is_valid_utf8(help)) help.clear();
    const std::string_view unit_text = table.get(r, "unit").value_or("");
    if (const auto unit = unit_text.empty() ? std::nullopt : parse_unit(unit_text)) {
      if (*value != -1) *value *= unit->factor;  // -1 is "off" or "default", in every unit
      family_name += unit->suffix;
      help += fmt::format(" [Units converted to {}.]", unit->said);
    }
    if (const MetricFamily* found = lasting_family(family_name, MetricType::kGauge, help))
      points.push_back({found, {}, *value});
  }
}

constexpr Collector kCollectors[] = {
    {"version", "SELECT version() AS version, current_setting('server_version_num') AS number",
     version_points},
    {"replication",
     "SELECT pg_is_in_recovery()::int AS is_replica, lag, lag AS lag_seconds FROM (SELECT CASE"
     " WHEN NOT pg_is_in_recovery() THEN 0"
     " WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS"
     // Without the right to see the status, a receiver process that exists counts as streaming: it ends with
     // its primary.
     " (SELECT FROM pg_stat_wal_receiver WHERE COALESCE(status, 'streaming') = 'streaming') THEN 0"
     // A standby that has replayed no commit since its start has no timestamp, and GREATEST skips NULL: it
     // would say 0. It is behind at least since it started.
     " ELSE GREATEST(0, EXTRACT(EPOCH FROM clock_timestamp() -"
     " COALESCE(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))) END AS lag) "
     "AS l",
     replication_points},
    {"database",
     "SELECT datid, datname, numbackends, xact_commit, xact_rollback, blks_read, blks_hit, tup_returned, "
     "tup_fetched,"
     " tup_inserted, tup_updated, tup_deleted, conflicts, temp_files, temp_bytes, deadlocks, blk_read_time,"
     " blk_write_time, checksum_failures, EXTRACT(EPOCH FROM checksum_last_failure) AS checksum_last_failure,"
     " EXTRACT(EPOCH FROM stats_reset) AS stats_reset FROM pg_stat_database",
     database_points},
    // Server 14 and newer; older ones refuse the columns, and only this group is missing.
    {"sessions",
     "SELECT datid, datname, session_time, active_time, idle_in_transaction_time, sessions, "
     "sessions_abandoned,"
     " sessions_fatal, sessions_killed FROM pg_stat_database",
     database_points},
    {"database_conflicts", "SELECT * FROM pg_stat_database_conflicts", conflict_points},
    {"database_size",
     "SELECT datname, pg_database_size(oid) AS size_bytes FROM pg_database"
     " WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'MEMBER')",
     size_points},
    {"activity",
     "SELECT d.datname, s.state, count(a.pid) AS count,"
     " COALESCE(max(EXTRACT(EPOCH FROM clock_timestamp() - a.xact_start)), 0) AS max_tx_duration"
     " FROM pg_database d CROSS JOIN (VALUES ('active'), ('idle'), ('idle in transaction'),"
     " ('idle in transaction (aborted)'), ('fastpath function call'), ('disabled')) AS s (state)"
     " LEFT JOIN pg_stat_activity a ON a.datname = d.datname AND a.state = s.state GROUP BY 1, 2",
     activity_points},
    {"locks",
     "SELECT d.datname, lower(m.mode) AS mode, count(l.mode) AS count FROM pg_database d CROSS JOIN"
     " (VALUES ('AccessShareLock'), ('RowShareLock'), ('RowExclusiveLock'), ('ShareUpdateExclusiveLock'),"
     " ('ShareLock'), ('ShareRowExclusiveLock'), ('ExclusiveLock'), ('AccessExclusiveLock'), ('SIReadLock'))"
     " AS m (mode) LEFT JOIN pg_locks l ON l.database = d.oid AND l.mode = m.mode GROUP BY 1, 2",
     lock_points},
    {"bgwriter", "SELECT *, EXTRACT(EPOCH FROM stats_reset) AS stats_reset FROM pg_stat_bgwriter",
     bgwriter_points},
    {"archiver",
     "SELECT archived_count, failed_count, EXTRACT(EPOCH FROM clock_timestamp() - last_archived_time)"
     " AS last_archive_age FROM pg_stat_archiver",
     archiver_points},
    {"stat_replication",
     "SELECT application_name, client_addr, state, CASE WHEN NOT pg_is_in_recovery() THEN"
     " pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') END AS pg_current_wal_lsn_bytes,"
     " CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) END"
     " AS pg_wal_lsn_diff FROM pg_stat_replication LIMIT 1000",
     standby_points},
    {"replication_slots",
     "SELECT slot_name, database, active, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN"
     " pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn) AS pg_wal_lsn_diff"
     " FROM pg_replication_slots LIMIT 1000",
     slot_points},
    {"settings",
     "SELECT name, setting, unit, short_desc FROM pg_settings WHERE vartype IN ('bool', 'integer', 'real')",
     setting_points},
};

}  // namespace

std::span<const Collector> collectors() {
  return kCollectors;
}
std::span<const MetricFamily> statistics_families() {
  return kFamilies;
}

void append_points(const Statistics& statistics, std::vector<MetricPoint>& points) {
  if (!statistics.table) return;
  for (const Collector& collector : kCollectors) {
    if (collector.name == statistics.collector) return collector.to_points(*statistics.table, points);
  }
}

void append_points(const CustomQuery& query, const Table& table, std::vector<MetricPoint>& points) {
  struct Shown {
    size_t column;
    const MetricFamily* family;
  };
  std::vector<std::pair<size_t, std::string_view>> label_columns;
  std::vector<Shown> shown;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    const std::string& name = table.columns[c];
    const auto known = std::ranges::find(query.columns, name, &CustomQuery::Column::name);
    const bool described = known != query.columns.end();
    if (described && known->usage == CustomQuery::Usage::kDiscard) continue;
    if (described && known->usage == CustomQuery::Usage::kLabel) {
      label_columns.emplace_back(c, name);
      continue;
    }
    const MetricType type = !described                                     ? MetricType::kUnknown
                            : known->usage == CustomQuery::Usage::kCounter ? MetricType::kCounter
                                                                           : MetricType::kGauge;
    const std::string help = described ? known->help : fmt::format("Column {} of query {}", name, query.name);
    if (const MetricFamily* found = lasting_family(fmt::format("{}_{}", query.name, name), type, help))
      shown.push_back({c, found});
  }
  std::set<std::pair<const MetricFamily*, Labels>> there;
  for (const MetricPoint& point : points) there.emplace(point.family, point.labels);
  for (const auto& row : table.rows) {
    if (row.size() != table.columns.size()) continue;
    Labels labels;
    for (const auto& [column, name] : label_columns) labels.set(name, row[column].value_or(""));
    for (const Shown& value : shown) {
      const auto& cell = row[value.column];
      const auto parsed = cell ? number(*cell) : std::numeric_limits<double>::quiet_NaN();
      if (parsed && there.emplace(value.family, labels).second)
        points.push_back({value.family, labels, *parsed});
    }
  }
}

}  // namespace sluice::exporters::postgres
