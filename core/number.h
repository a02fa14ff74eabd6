#pragma once
// Numbers as text, the way Go's strconv does it: Prometheus's formats, API and templates are defined by it.

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// Shortest text that reads back to the same bits, NaN, +Inf, -Inf. Go has three ways to lay out the digits,
// and Prometheus uses each somewhere:
//
//                     1e6        123456789      1e21      0.00001   0.0000001
//   format_float      1000000    123456789      1e+21     0.00001   1e-07       JSON of the query API
//   format_float_f    1000000    123456789      10000...  0.00001   0.0000001   'f': count_values, label
//   values format_float_g    1e+06      1.23456789e+08 1e+21     1e-05     1e-07       'g': fmt's %v,
//   templates, exposition
void append_float(std::string& out, double value);
std::string format_float(double value);
std::string format_float_f(double value);
std::string format_float_g(double value);

// Go's ParseFloat: decimal with or without exponent, hexadecimal with a `p` exponent, underscores between
// digits, "Inf",
// "+Inf", "Infinity" and "NaN" in any case. Empty when the text is not entirely a number; beyond the range it
// saturates to an infinity or to zero.
std::optional<double> parse_float(std::string_view text);

}  // namespace sluice
