#pragma once
// From what was seen on a TCP connection to a verdict, a pure function. Metric names are blackbox_exporter's.

#include <span>

#include "exporters/probe.h"
#include "exporters/tcp/tcp_observation.h"
#include "exporters/tcp/tcp_script.h"

namespace sluice::exporters::tcp {

// `explain`: also fill the findings. The duration is left to the caller.
ProbeResult judge(const TcpScript& script, const TcpObservation& seen, bool explain);

// Every family a TCP probe can report.
std::span<const MetricFamily* const> families();

}  // namespace sluice::exporters::tcp
