#pragma once
// Dates as HTTP headers carry them.

#include <optional>
#include <string_view>

#include "core/time.h"

namespace sluice::exporters::http {

// The three forms of RFC 9110: "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" and
// "Sun Nov  6 08:49:37 1994". Empty for anything else.
std::optional<Timestamp> parse_http_date(std::string_view text);

}  // namespace sluice::exporters::http
