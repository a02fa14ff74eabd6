#pragma once
// postgres_exporter's queries.yaml: queries of the user's own and what their columns mean.
//
//     pg_jobs:
//       query: "SELECT queue, count(*) AS waiting FROM jobs GROUP BY queue"
//       cache_seconds: 30
//       metrics:
//         - queue: {usage: LABEL, description: "Name of the queue"}
//         - waiting: {usage: GAUGE, description: "Jobs that wait"}

#include <string>
#include <string_view>
#include <vector>

#include "core/mistake.h"
#include "exporters/postgres/config.h"

namespace sluice::config {

// Empty on any mistake. `master` is accepted and means nothing here, where a target is one database of one
// server.
std::vector<exporters::postgres::CustomQuery> load_postgres_queries(const std::string& path,
                                                                    Mistakes& mistakes);
std::vector<exporters::postgres::CustomQuery> parse_postgres_queries(const std::string& path,
                                                                     std::string_view text,
                                                                     Mistakes& mistakes);

}  // namespace sluice::config
