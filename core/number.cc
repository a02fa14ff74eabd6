#include "core/number.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace sluice {
namespace {

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != lower[i]) return false;
  }
  return true;
}

}  // namespace

void append_float(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  char buffer[40];
  // Whole numbers are most of what is exposed, and printing them as integers is several times faster.
  if (value == std::trunc(value) && std::abs(value) < 1e15) {
    if (value == 0 && std::signbit(value)) {
      out += "-0";
      return;
    }
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, static_cast<int64_t>(value)).ptr;
    out.append(buffer, end);
    return;
  }
  // Go's 'g' with shortest precision switches to an exponent below 1e-4 and from 1e21 on.
  const double magnitude = std::abs(value);
  const auto format = magnitude < 1e-4 || magnitude >= 1e21 ? std::chars_format::scientific : std::chars_format::fixed;
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, format).ptr;
  out.append(buffer, end);
}

std::string format_float(double value) {
  std::string out;
  append_float(out, value);
  return out;
}

std::optional<double> parse_float(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const bool negative = text[0] == '-';
  std::string_view rest = text;
  if (text[0] == '-' || text[0] == '+') rest.remove_prefix(1);
  if (rest.empty() || rest[0] == '-' || rest[0] == '+') return std::nullopt;
  if (equals_ignoring_case(rest, "inf") || equals_ignoring_case(rest, "infinity")) {
    const double inf = std::numeric_limits<double>::infinity();
    return negative ? -inf : inf;
  }
  if (equals_ignoring_case(text, "nan")) return std::numeric_limits<double>::quiet_NaN();
  auto format = std::chars_format::general;
  if (rest.size() > 2 && rest[0] == '0' && (rest[1] == 'x' || rest[1] == 'X')) {
    format = std::chars_format::hex;
    rest.remove_prefix(2);
  }
  const char first = rest[0];
  if (!((first >= '0' && first <= '9') || first == '.' || format == std::chars_format::hex)) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, format);
  if (end != rest.data() + rest.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // from_chars does not say which way: a negative exponent underflows to zero, everything else overflows.
    const bool tiny = rest.find("e-") != std::string_view::npos || rest.find("E-") != std::string_view::npos ||
                      rest.find("p-") != std::string_view::npos;
    value = tiny ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return negative ? -value : value;
}

}  // namespace sluice
