#pragma once
// Every kind of prober: one row of a table each.

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/metric_family.h"
#include "core/net/net.h"
#include "core/result.h"
#include "exporters/probe.h"
#include "exporters/registry/module.h"

namespace sluice::exporters {

// The prober of one target. kInvalid when the module's prober cannot ask such a target. `postgres` is the executor of a
// PostgresThread; both it and what `net` refers to outlive the prober.
Result<std::unique_ptr<Prober>> make_prober(const Module& module, const std::string& target, net::Net net,
                                            const boost::asio::any_io_executor& postgres);
// The same judgement without making one: what loaders of configurations ask.
Result<void> check_target(const Module& module, const std::string& target);

// Every family that probers of that kind may report, for the metrics reference, lint and tests; empty for an unknown kind.
std::span<const MetricFamily* const> families_of(std::string_view prober);

}  // namespace sluice::exporters
