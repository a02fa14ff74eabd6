#pragma once
// Small pieces of Go's text formatting that Prometheus's messages are made with.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::promql {

inline constexpr uint32_t kEndOfText = 0xffffffff;
inline constexpr uint32_t kBadRune = 0xfffd;

// One code point and the bytes it takes; {kBadRune, 1} for a byte that is not UTF-8, {kEndOfText, 0} at the
// end.
struct Rune {
  uint32_t code = kEndOfText;
  uint32_t size = 0;
};
Rune decode_rune(std::string_view text, size_t at);
void append_utf8(std::string& out, uint32_t code);
// With U+FFFD for every byte that is not UTF-8, as Go writes strings into JSON.
std::string valid_utf8(std::string_view text);

// Go's %q of a string and of a rune.
std::string go_quote(std::string_view text);
std::string go_quote_rune(uint32_t code);
// Go's %#U: "U+0041 'A'".
std::string go_unicode(uint32_t code);
// Go's %g of a float: the shortest text, exponents from 1e+21 on and below 1e-4.
std::string go_float(double value);

// The value of a quoted string as it stands in a query, quotes included: '...', "..." with escapes, `...`
// raw. Empty when the escapes are malformed.
std::optional<std::string> unquote(std::string_view literal);

}  // namespace sluice::promql
