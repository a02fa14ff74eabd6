#pragma once
// Numbers as text, the way Go's strconv does it: Prometheus's formats, API and templates are defined by it.

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// Appends the shortest text that reads back to the same bits: "1", "0.1", "1e+06" beyond 21 digits as 'g' with
// exponent threshold 21 (Go's FormatFloat(v, 'f'|'g', -1, 64) as the exposition formats use it): NaN, +Inf, -Inf.
void append_float(std::string& out, double value);
std::string format_float(double value);

// Go's ParseFloat for what the formats allow: decimal, exponent, "Inf", "+Inf", "NaN" in any case, hexadecimal floats.
// Empty when the text is not entirely a number; out of range saturates to an infinity.
std::optional<double> parse_float(std::string_view text);

}  // namespace sluice
