#pragma once
// What the files of this folder share among themselves.

#include <string>
#include <string_view>
#include <vector>

#include "agent/config/yaml.h"
#include "agent/gate/config.h"
#include "core/embedded.h"
#include "exporters/registry/module.h"

namespace sluice::config {

// The shipped rule files, embedded from rules/packs, and their names without the ending.
EmbeddedFiles rule_pack_files();
std::vector<std::string_view> rule_pack_names();

// env.cc: the files a person would write for the variables that are set. The second is "" when nobody is to
// be told.
std::string yaml_from_environment(const Environment& environment);
std::string alerting_yaml_from_environment(const Environment& environment);

// print.cc
std::string print_module(const exporters::Module& module);
std::string print_health(const gate::HealthPolicy& health);

}  // namespace sluice::config
