#pragma once
// From what a probe of a Redis saw to its verdict and its metrics. Pure.
//
// Redis says what ails it in the first word of an error: NOAUTH and WRONGPASS are credentials, LOADING a
// start that is not finished, READONLY a replica where writes were meant to go, OOM a full memory, MISCONF a
// master that refuses writes because it cannot persist them.

#include <span>
#include <string_view>
#include <vector>

#include "core/metric_family.h"
#include "exporters/probe.h"
#include "exporters/redis/config.h"
#include "exporters/redis/redis_observation.h"

namespace sluice::exporters::redis {

// `duration` and `findings` of the result are the caller's. `scrapes` is how often this prober has read the
// statistics, this time included.
ProbeResult judge(const RedisModule& module, const RedisObservation& seen, uint64_t scrapes);

Reason reason_of_error(std::string_view error);
Reason reason_of(const Failure& failure);

// The explanation, for people: one line per phase and assertion.
std::vector<Finding> explain(const RedisModule& module, const RedisObservation& seen);

// Families of the health probe itself; those read from INFO are in info_parser.h.
std::span<const MetricFamily> probe_families();

}  // namespace sluice::exporters::redis
