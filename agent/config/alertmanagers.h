#pragma once
// `alerting.alertmanagers`, as prometheus.yml has it: Alertmanagers that alerts are forwarded to.

#include <string>
#include <vector>

#include "agent/config/yaml.h"
#include "alerts/forward.h"

namespace sluice::config {

// One element of the list; each of its targets is added to `out`. Discovery other than static_configs,
// relabelling and the API's first version are refused by name.
void read_alertmanagers(const Node& node, const std::string& name, Diagnostics& diagnostics,
                        const std::string& folder, std::vector<alerts::ForwardTarget>& out);

}  // namespace sluice::config
