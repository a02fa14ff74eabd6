#pragma once
// Matchers as Alertmanager's configuration, API and amtool write them: `severity="page"`, `team=~"a|b"`,
// `x!=y`, and lists of them, `{a="b",c=~"d"}`. Quotes are optional; inside them \" \\ \n are escapes.
//
// Since 0.27 names may be any UTF-8, quoted where they hold blanks or operators: `"service.name"="x y"`;
// quotes then follow Go. What the older syntax understands means what it meant there, as in Alertmanager's
// default mode.

#include <string_view>
#include <vector>

#include "core/labels.h"

namespace sluice::alerts {

// Since 0.27, and Prometheus 3: any UTF-8 that is not empty.
bool is_label_name(std::string_view name);

Result<Matcher> parse_matcher(std::string_view text);
// Braces are optional, empty elements are skipped.
Result<std::vector<Matcher>> parse_matchers(std::string_view text);

}  // namespace sluice::alerts
