#pragma once
// Prometheus rule files: YAML to rules::RuleFile, every mistake with its place.
//
// The checks and their wording are Prometheus's (model/rulefmt); a PromQL error is reported where it stands
// in the YAML file, not merely at the rule. Beyond rulefmt it reads `resolve_expr` and `no_data`
// (rules/config.h).

#include <string>
#include <string_view>

#include "agent/config/yaml.h"
#include "core/mistake.h"
#include "rules/config.h"

namespace sluice::config {

struct LoadedRuleFile {
  rules::RuleFile file;  // what could be read; run it only when there are no mistakes
  Mistakes mistakes;
  Mistakes warnings;  // what was passed over; the file may be run
};

// `path` is for messages and for the group keys; nothing is opened. An empty file is one without groups. Of
// several documents the first is read, with a warning.
LoadedRuleFile load_rule_file(const std::string& path, std::string_view text);

// Where byte `offset` of a scalar's value stands in the file it was read from, whatever style it is written
// in (plain, quoted, literal, folded; over several lines). The scalar's own mark when that cannot be told.
Mark locate_in_scalar(std::string_view text, const Node& scalar, size_t offset);

}  // namespace sluice::config
