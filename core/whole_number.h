#pragma once
// Whole numbers as text.

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace sluice {

// The number that `text` is, from its first character to its last: digits, with "-" in front where T is
// signed. Empty for anything else, also for a number that T does not hold.
template <std::integral T>
std::optional<T> parse_whole(std::string_view text, int base = 10) {
  T value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// The same, and not negative.
inline std::optional<int64_t> parse_count(std::string_view text) {
  const auto value = parse_whole<int64_t>(text);
  return value && *value >= 0 ? value : std::nullopt;
}

}  // namespace sluice
