#pragma once
// What is probably wrong in rule files that load: rules that exist twice, and selectors that nothing can ever
// match.
//
// A rule whose selector has a typo never fires, and nobody notices until the day it should have. The agent
// knows every name that its probers write, and every job and target of its configuration; so it can tell.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/mistake.h"
#include "rules/config.h"

namespace sluice::rules {

// All series there can be on an agent, as far as that is known beforehand.
struct KnownSeries {
  std::set<std::string, std::less<>> names;  // sample names: probe_success, http_bucket
  // Names that are made up at run time begin so: pg_settings_.
  std::vector<std::string> prefixes;
  // The values that a label can have, for labels where that is known: job, instance.
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> values;
};

// Findings in the order of the files. `known` may be null: then only duplicates are looked for. What the
// files record themselves, ALERTS and ALERTS_FOR_STATE count as known.
Mistakes lint(const std::vector<RuleFile>& files, const KnownSeries* known);

}  // namespace sluice::rules
