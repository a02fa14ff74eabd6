#pragma once
// postgres_exporter's families from a few cheap statements, one group after another over the probe's own
// connection.
//
// Names, types and labels are those of postgres_exporter 0.11 (without `server`: the agent says `instance`),
// so that existing dashboards and rules go on working. Two things differ, because the original can lie:
// - pg_replication_lag is 0 only while the WAL receiver is streaming and everything received is replayed. A
//   replica that has lost its primary has also replayed all it ever received; here its lag grows.
// - a database we may not connect to has no pg_database_size_bytes, instead of failing all of them.
//
// Pure: text of statements and a function from rows to points.

#include <span>
#include <string_view>
#include <vector>

#include "core/metric_family.h"
#include "exporters/postgres/config.h"
#include "exporters/postgres/postgres_observation.h"

namespace sluice::exporters::postgres {

struct Collector {
  std::string_view name;  // the `collector` label
  std::string_view sql;
  void (*to_points)(const Table& table, std::vector<MetricPoint>& points);
};

std::span<const Collector> collectors();

// The points of one group that was read. Unknown columns and rows that make no sense are skipped.
void append_points(const Statistics& statistics, std::vector<MetricPoint>& points);
// The same for a query of the user's own. A column that `query` does not know is untyped when it is a number,
// as in postgres_exporter; a point that `points` has already is not added again.
void append_points(const CustomQuery& query, const Table& table, std::vector<MetricPoint>& points);

// Every family that is known beforehand. pg_settings_* are named by the server and custom ones by the user;
// they come on top, at most 1,000.
std::span<const MetricFamily> statistics_families();

}  // namespace sluice::exporters::postgres
