#pragma once
// From what a probe of a PostgreSQL server saw to its verdict and its metrics. Pure.
//
// The reason names the layer. The server's own word is its SQLSTATE, which does not depend on its language:
// 28P01 and the rest of class 28 are rejected credentials, 53300 is a server without a free connection, 57P03
// one that is starting. Only where no server spoke (TCP, TLS) libpq's English text is read. A server that
// never said a single byte is sql_timeout even if TLS was the next step: there is no sign that its TLS is at
// fault.

#include <span>
#include <string>
#include <vector>

#include "core/metric_family.h"
#include "exporters/postgres/config.h"
#include "exporters/postgres/postgres_observation.h"
#include "exporters/probe.h"

namespace sluice::exporters::postgres {

// `duration` and `findings` of the result are the caller's. `scrapes` is how often this prober has read the
// statistics, this time included.
ProbeResult judge(const PostgresModule& module, const PostgresObservation& seen, uint64_t scrapes);

Reason reason_of(const Failure& failure, bool answered);
Reason reason_of_sqlstate(std::string_view sqlstate);

// The explanation, for people: one line per phase and assertion.
std::vector<Finding> explain(const PostgresModule& module, const PostgresObservation& seen);

// Families of the health probe itself; those of the statistics are in statistics.h.
std::span<const MetricFamily> probe_families();

}  // namespace sluice::exporters::postgres
