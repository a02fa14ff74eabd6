#pragma once
// Matchers as Alertmanager's configuration, API and amtool write them: `severity="page"`, `team=~"a|b"`,
// `x!=y`, and lists of them, `{a="b",c=~"d"}`. Quotes are optional; inside them \" \\ \n are escapes.

#include <string_view>
#include <vector>

#include "core/labels.h"

namespace sluice::alerts {

Result<Matcher> parse_matcher(std::string_view text);
// Braces are optional, empty elements are skipped.
Result<std::vector<Matcher>> parse_matchers(std::string_view text);

}  // namespace sluice::alerts
