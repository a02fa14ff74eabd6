#pragma once
// alertmanager.yml, unchanged.

#include <memory>
#include <string>
#include <string_view>

#include "agent/config/yaml.h"
#include "alerts/config.h"
#include "core/mistake.h"

namespace sluice::config {

// Reads the file and the templates it names. Null when there was any mistake.
std::shared_ptr<const alerts::Config> load_alertmanager_file(const std::string& path, Mistakes& mistakes);
// The same from text; relative paths are below `folder`. With `environment`, ${NAME} in values is replaced.
std::shared_ptr<const alerts::Config> parse_alertmanager_file(const std::string& path, std::string_view text,
                                                              const std::string& folder, Mistakes& mistakes,
                                                              const Environment* environment = nullptr);

}  // namespace sluice::config
