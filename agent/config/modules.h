#pragma once
// `modules:`, as blackbox_exporter has them, plus prober: oidc, postgres, redis.

#include <map>
#include <string>

#include "agent/config/yaml.h"
#include "core/net/tls_config.h"
#include "exporters/registry/module.h"

namespace sluice::config {

using Modules = std::map<std::string, exporters::Module, std::less<>>;

// Reads the map of modules. Paths in them are below `folder` unless absolute.
void read_modules(const Node& node, Diagnostics& diagnostics, const std::string& folder, Modules& modules);

// `tls_config`, as everywhere in Prometheus.
void read_tls_config(const Node& node, Diagnostics& diagnostics, const std::string& name,
                     const std::string& folder, net::TlsConfig& tls);
// A path of a configuration file: relative ones are below the folder of the file that names them.
std::string resolve_path(const std::string& folder, const std::string& path);

}  // namespace sluice::config
