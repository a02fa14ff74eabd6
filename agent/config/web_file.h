#pragma once
// The web configuration file of Prometheus's exporter toolkit: TLS and basic auth of our own HTTP server.

#include <string>

#include "core/mistake.h"
#include "core/net/http_server.h"

namespace sluice::config {

// Reads the file at `path`; relative paths in it are below its folder. Empty on any mistake.
std::optional<net::WebConfig> load_web_file(const std::string& path, Mistakes& mistakes);

}  // namespace sluice::config
