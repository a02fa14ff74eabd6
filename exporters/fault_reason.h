#pragma once
// From what the network said to the reason of a probe.

#include "core/net/fault.h"
#include "exporters/reason.h"

namespace sluice::exporters {

// A timeout after the connection stood is `timeout`: who asked knows what it was waiting for.
Reason reason_of(net::FaultKind kind, Reason timeout = Reason::kTimeoutBody);

}  // namespace sluice::exporters
