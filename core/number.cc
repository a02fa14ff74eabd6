#include "core/number.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
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

// Writes NaN and the infinities; false when the value is a number.
bool append_special(std::string& out, double value) {
  if (std::isfinite(value)) return false;
  out += std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  return true;
}

void append_digits(std::string& out, double value, std::chars_format format) {
  char buffer[400];  // DBL_MAX has 309 digits, and the smallest denormal 324 places and up to 17 digits more
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, format).ptr;
  out.append(buffer, end);
}

// Shortest digits without an exponent. Beyond 2^53 to_chars prints all digits of the exact integer, Go the shortest ones
// filled up with zeros.
void append_fixed(std::string& out, double value) {
  if (std::abs(value) < 0x1p53) return append_digits(out, value, std::chars_format::fixed);
  std::string text;
  append_digits(text, std::abs(value), std::chars_format::scientific);
  const size_t e = text.find('e');
  const size_t digits_before_point = static_cast<size_t>(std::atoi(text.c_str() + e + 1)) + 1;
  text.resize(e);
  std::erase(text, '.');
  text.resize(std::max(text.size(), digits_before_point), '0');
  if (value < 0) out += '-';
  out += text;
}

// Go's underscoreOK: each underscore stands between digits, or between a base prefix and a digit.
bool underscores_separate_digits(std::string_view rest, bool hexadecimal) {
  const auto is_digit = [&](char c) {
    const bool decimal = c >= '0' && c <= '9';
    return decimal || (hexadecimal && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
  };
  for (size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] != '_') continue;
    const bool after_digit = i == 0 ? hexadecimal : is_digit(rest[i - 1]);
    if (!after_digit || i + 1 == rest.size() || !is_digit(rest[i + 1])) return false;
  }
  return true;
}

}  // namespace

void append_float(std::string& out, double value) {
  if (append_special(out, value)) return;
  const double magnitude = std::abs(value);
  // Whole numbers are most of what is printed, and printing them as integers is several times faster.
  if (magnitude < 1e15 && value == std::trunc(value) && !(value == 0 && std::signbit(value))) {
    char buffer[24];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, static_cast<int64_t>(value)).ptr;
    out.append(buffer, end);
    return;
  }
  const bool exponent = magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21);
  if (exponent) return append_digits(out, value, std::chars_format::scientific);
  append_fixed(out, value);
}

std::string format_float(double value) {
  std::string out;
  append_float(out, value);
  return out;
}

std::string format_float_f(double value) {
  std::string out;
  if (!append_special(out, value)) append_fixed(out, value);
  return out;
}

std::string format_float_g(double value) {
  std::string out;
  if (append_special(out, value)) return out;
  append_digits(out, value, std::chars_format::scientific);
  // Without a precision Go decides as if it were six.
  const int exponent = std::atoi(out.c_str() + out.find('e') + 1);
  if (exponent < -4 || exponent >= 6) return out;
  out.clear();
  append_digits(out, value, std::chars_format::fixed);
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
  const bool hexadecimal = rest.size() > 2 && rest[0] == '0' && (rest[1] == 'x' || rest[1] == 'X');
  if (hexadecimal) {
    rest.remove_prefix(2);
    if (rest.find_first_of("pP") == std::string_view::npos) return std::nullopt;
  }
  std::string without;
  if (rest.find('_') != std::string_view::npos) {
    if (!underscores_separate_digits(rest, hexadecimal)) return std::nullopt;
    std::copy_if(rest.begin(), rest.end(), std::back_inserter(without), [](char c) { return c != '_'; });
    rest = without;
  }
  // from_chars takes words as well ("nan(1)", "inf"), which were dealt with above.
  const bool digits = rest[0] == '.' || (rest[0] >= '0' && rest[0] <= '9') || hexadecimal;
  if (!digits || rest[0] == 'i' || rest[0] == 'I' || rest[0] == 'n' || rest[0] == 'N') return std::nullopt;
  const auto format = hexadecimal ? std::chars_format::hex : std::chars_format::general;
  double value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, format);
  if (end != rest.data() + rest.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // from_chars does not say on which side of the range it is; strtod does, and is slow only here.
    value = std::strtod(((hexadecimal ? "0x" : "") + std::string(rest)).c_str(), nullptr);
  }
  return negative ? -value : value;
}

}  // namespace sluice
