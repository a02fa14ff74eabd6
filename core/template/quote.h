#pragma once
// Go's string literals: strconv.Quote and strconv.Unquote.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::gotmpl {

// Decodes the code point at the front of `text` (not empty) and says how many bytes it has; U+FFFD and 1 when
// they are not UTF-8, as Go decodes.
struct Rune {
  char32_t value;
  size_t bytes;
};
Rune decode_rune(std::string_view text);
void append_utf8(std::string& out, char32_t rune);
// Go's unicode.IsPrint, nearly: control characters, surrogates, blanks other than U+0020, formatting
// characters, private use and non-characters are not printable; code points that Unicode has not assigned
// count as printable.
bool is_printable(char32_t rune);
size_t rune_count(std::string_view text);

// "..." with Go's escapes.
std::string quote(std::string_view text, bool ascii_only = false);
// '...' for one code point.
std::string quote_rune(char32_t rune, bool ascii_only = false);
// What stands between the quotes of "...", `...` or '...'; empty when it is not a Go literal.
std::optional<std::string> unquote(std::string_view literal);

// & < > and quotes as HTML entities, as Go's html/template writes them.
std::string html_escaped(std::string_view text);

}  // namespace sluice::gotmpl
