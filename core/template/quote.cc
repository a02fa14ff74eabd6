#include "core/template/quote.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/labels.h"

namespace sluice::gotmpl {
namespace {

constexpr char32_t kReplacement = 0xfffd;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_escaped_rune(std::string& out, char32_t rune, char quote_char, bool ascii_only) {
  if (rune == static_cast<char32_t>(quote_char) || rune == '\\') {
    out += '\\';
    out += static_cast<char>(rune);
    return;
  }
  if (is_printable(rune) && (!ascii_only || rune < 0x80)) {
    append_utf8(out, rune);
    return;
  }
  constexpr std::string_view kRaw = "\a\b\f\n\r\t\v", kLetters = "abfnrtv";
  const size_t short_form = rune < 0x80 ? kRaw.find(static_cast<char>(rune)) : std::string_view::npos;
  if (short_form != std::string_view::npos) {
    out += '\\';
    out += kLetters[short_form];
  } else if (rune < 0x20 || rune == 0x7f) {
    out += fmt::format("\\x{:02x}", static_cast<uint32_t>(rune));
  } else if (rune < 0x10000) {
    out += fmt::format("\\u{:04x}", static_cast<uint32_t>(rune));
  } else {
    out += fmt::format("\\U{:08x}", static_cast<uint32_t>(rune));
  }
}

// The value of `digits` digits of that base at the front of `text`, which are taken away.
std::optional<uint32_t> take_number(std::string_view& text, size_t digits, int base) {
  if (text.size() < digits) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = 0; i < digits; ++i) {
    const int digit = hex_value(text[i]);
    if (digit < 0 || digit >= base) return std::nullopt;
    value = value * static_cast<uint32_t>(base) + static_cast<uint32_t>(digit);
  }
  text.remove_prefix(digits);
  return value;
}

// One escape sequence; `text` starts behind the backslash.
bool take_escape(std::string_view& text, char quote_char, std::string& out) {
  if (text.empty()) return false;
  const char c = text[0];
  constexpr std::string_view kRaw = "\a\b\f\n\r\t\v\\", kLetters = "abfnrtv\\";
  if (const size_t simple = kLetters.find(c); simple != std::string_view::npos || c == quote_char) {
    out += c == quote_char ? c : kRaw[simple];
    text.remove_prefix(1);
    return true;
  }
  if (c >= '0' && c <= '7') {
    const auto value = take_number(text, 3, 8);
    if (!value || *value > 255) return false;
    out += static_cast<char>(*value);
    return true;
  }
  text.remove_prefix(1);
  if (c == 'x') {
    const auto value = take_number(text, 2, 16);
    if (!value) return false;
    out += static_cast<char>(*value);
    return true;
  }
  if (c != 'u' && c != 'U') return false;
  const auto value = take_number(text, c == 'u' ? 4 : 8, 16);
  if (!value || *value > 0x10ffff || (*value >= 0xd800 && *value < 0xe000)) return false;
  append_utf8(out, *value);
  return true;
}

}  // namespace

Rune decode_rune(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (text.size() < length || !is_valid_utf8(text.substr(0, length))) return {kReplacement, 1};
  char32_t rune = byte(0) & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) rune = (rune << 6) | (byte(i) & 0x3f);
  return {rune, length};
}

void append_utf8(std::string& out, char32_t rune) {
  if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) rune = kReplacement;
  if (rune < 0x80) {
    out += static_cast<char>(rune);
    return;
  }
  const int extra = rune < 0x800 ? 1 : rune < 0x10000 ? 2 : 3;
  constexpr unsigned char kLead[] = {0, 0xc0, 0xe0, 0xf0};
  out += static_cast<char>(kLead[extra] | (rune >> (6 * extra)));
  for (int shift = 6 * (extra - 1); shift >= 0; shift -= 6)
    out += static_cast<char>(0x80 | ((rune >> shift) & 0x3f));
}

bool is_printable(char32_t r) {
  if (r < 0x7f) return r >= 0x20;
  if (r < 0xa1 || r == 0xad) return false;  // C1 controls, the no-break space, the soft hyphen
  struct Range {
    char32_t first, last;
  };
  constexpr Range kInvisible[] = {
      {0x600, 0x605},   {0x61c, 0x61c},   {0x6dd, 0x6dd},     {0x70f, 0x70f},
      {0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200f},   {0x2028, 0x202f},
      {0x205f, 0x206f}, {0x3000, 0x3000}, {0xd800, 0xf8ff},   {0xfdd0, 0xfdef},
      {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xe0000, 0xe00ff}, {0xf0000, 0x10ffff}};
  for (const Range& range : kInvisible) {
    if (r >= range.first && r <= range.last) return false;
  }
  return (r & 0xfffe) != 0xfffe;
}

size_t rune_count(std::string_view text) {
  size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(decode_rune(text).bytes);
  return count;
}

std::string quote(std::string_view text, bool ascii_only) {
  std::string out = "\"";
  while (!text.empty()) {
    const Rune rune = decode_rune(text);
    if (rune.value == kReplacement && rune.bytes == 1) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else {
      append_escaped_rune(out, rune.value, '"', ascii_only);
    }
    text.remove_prefix(rune.bytes);
  }
  return out + '"';
}

std::string quote_rune(char32_t rune, bool ascii_only) {
  if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) rune = kReplacement;
  std::string out = "'";
  append_escaped_rune(out, rune, '\'', ascii_only);
  return out + "'";
}

std::optional<std::string> unquote(std::string_view literal) {
  if (literal.size() < 2 || literal.front() != literal.back()) return std::nullopt;
  const char quote_char = literal.front();
  std::string_view text = literal.substr(1, literal.size() - 2);
  std::string out;
  if (quote_char == '`') {
    if (text.find('`') != std::string_view::npos) return std::nullopt;
    out = text;
    std::erase(out, '\r');
    return out;
  }
  if (quote_char != '"' && quote_char != '\'') return std::nullopt;
  size_t runes = 0;
  for (; !text.empty(); ++runes) {
    const char c = text[0];
    if (c == quote_char || c == '\n') return std::nullopt;
    if (c == '\\') {
      text.remove_prefix(1);
      if (!take_escape(text, quote_char, out)) return std::nullopt;
    } else {
      const size_t bytes = decode_rune(text).bytes;
      out += text.substr(0, bytes);
      text.remove_prefix(bytes);
    }
  }
  if (quote_char == '\'' && runes != 1) return std::nullopt;
  return out;
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\0':
        out += "\xef\xbf\xbd";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace sluice::gotmpl
