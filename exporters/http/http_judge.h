#pragma once
// From what was seen to a verdict, a pure function.
//
// The layers are judged bottom up, so the reason names the first one that failed: the network's faults, then
// status, headers, body, HTTP version, TLS or not. One exception: a response whose status is already wrong
// fails for its status, even if its body then broke off; "503" tells more than "reset".
//
// Metric names, help texts, labels and values are those of blackbox_exporter 0.23, with two intended
// differences: the certificate series survive a failed verification, and the phases of a failed exchange keep
// the time they took (it reports zeros).

#include <span>

#include "core/metric_family.h"
#include "exporters/http/http_observation.h"
#include "exporters/http/http_rules.h"
#include "exporters/probe.h"

namespace sluice::exporters::http {

// `explain`: also fill the findings. The duration is left to the caller.
ProbeResult judge(const HttpRules& rules, const HttpObservation& seen, bool explain);

// What a fault that ended the last exchange means: a timeout is one of headers or of the body.
Reason exchange_reason(const net::HttpExchange& exchange);

// Every family an HTTP probe can report.
std::span<const MetricFamily* const> families();

}  // namespace sluice::exporters::http
