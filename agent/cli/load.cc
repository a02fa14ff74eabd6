#include "agent/cli/load.h"

namespace sluice::cli {

config::Loaded load(const std::string& config_file, const std::string& env_file) {
  config::Environment variables;
  config::Loaded failed;
  if (!env_file.empty()) config::read_env_file(env_file, variables, failed.mistakes);
  if (!failed.mistakes.empty()) return failed;
  for (const auto& [name, value] : config::environment()) variables[name] = value;
  if (config_file.empty() && !env_file.empty()) return config::config_from_environment(env_file, variables);
  return config::load_config(config_file.empty() ? kDefaultConfig : config_file, variables);
}

}  // namespace sluice::cli
