#pragma once
// From --config.file and --env-file to a configuration, the same way for every command.

#include <string>

#include "agent/config/config.h"

namespace sluice::cli {

inline constexpr const char* kDefaultConfig = "sluice.yml";

// A configuration file wins; without one, an env file alone makes the default set-up; with neither,
// sluice.yml is read. Variables of the env file are those of the process unless the process has them.
config::Loaded load(const std::string& config_file, const std::string& env_file);

}  // namespace sluice::cli
