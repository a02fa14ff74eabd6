#pragma once
// The state of alert rules as text: JSON, one document, with a version. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "rules/group.h"

namespace sluice::app {

std::string write_rule_state(const std::vector<rules::Group::Snapshot>& groups);
// kInvalid for anything that is not such a document, whole: a checksum guards it.
Result<std::vector<rules::Group::Snapshot>> parse_rule_state(std::string_view text);

}  // namespace sluice::app
