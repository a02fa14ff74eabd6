#pragma once
// alertmanager.yml written back without its secrets, as /api/v2/status shows it and amtool reads it again.

#include <string>

#include "agent/config/yaml.h"

namespace sluice::config {

// The tree as YAML in block style. Values of keys that hold secrets become "<secret>", URLs of webhooks keep
// their scheme and host.
std::string masked_text(const Node& root);

}  // namespace sluice::config
