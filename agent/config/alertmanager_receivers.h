#pragma once
// The receivers of alertmanager.yml: each integration's keys, with the global defaults applied.

#include <string>
#include <vector>

#include "agent/config/yaml.h"
#include "alerts/config.h"

namespace sluice::config {

// `global:` as far as receivers inherit it.
struct AlertmanagerGlobal {
  Duration resolve_timeout = 5min;
  alerts::HttpClientConfig http;
  alerts::Secret slack_api_url;
  std::string pagerduty_url = "https://events.pagerduty.com/v2/enqueue";
  alerts::EmailConfig smtp;
};

// The keys of Prometheus's HTTP client configuration, into what is there.
void read_http_fields(Fields& fields, const std::string& folder, alerts::HttpClientConfig& http);

AlertmanagerGlobal read_alertmanager_global(const Node& node, Diagnostics& diagnostics,
                                            const std::string& folder);
alerts::Receiver read_receiver(const Node& node, const std::string& name, Diagnostics& diagnostics,
                               const AlertmanagerGlobal& global, const std::string& folder);

}  // namespace sluice::config
