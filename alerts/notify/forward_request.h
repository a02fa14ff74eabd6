#pragma once
// A batch of alerts as Alertmanager's API v2 takes it from Prometheus.

#include <span>
#include <string>

#include "alerts/forward.h"
#include "alerts/notify/notifier.h"

namespace sluice::alerts::notify {

// kUnavailable: a secret's file could not be read, try again.
Result<OutgoingRequest> forward_request(const ForwardTarget& target, std::span<const Alert> alerts,
                                        const ReadFile& read_file);

}  // namespace sluice::alerts::notify
