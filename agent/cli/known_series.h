#pragma once
// Every series there can be on an agent with a given configuration, for the lint of rule files.

#include "agent/config/config.h"
#include "rules/lint.h"

namespace sluice::cli {

rules::KnownSeries known_series(const config::Config& config);

}  // namespace sluice::cli
