#include "rules/promql/text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace sluice::promql {
namespace {

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

// What unicode.IsPrint says, as far as messages need it: control and format characters are escaped.
bool is_printable(uint32_t code) {
  if (code < 0x20 || (code >= 0x7f && code < 0xa1) || code == 0xad) return false;
  if ((code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202f) || code == 0xfeff)
    return false;
  return code < 0xe000 ||
         (code >= 0xf900 && code <= 0x10ffff && code != 0xfff9 && code != 0xfffe && code != 0xffff);
}

void append_escaped_rune(std::string& out, uint32_t code, char quote) {
  if (code == static_cast<uint32_t>(quote) || code == '\\') {
    out += '\\';
    out += static_cast<char>(code);
    return;
  }
  if (is_printable(code)) return append_utf8(out, code);
  switch (code) {
    case '\a':
      out += "\\a";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\v':
      out += "\\v";
      return;
    default:
      break;
  }
  if (code < 0x20 || code == 0x7f) {
    out += fmt::format("\\x{:02x}", code);
  } else if (code < 0x10000) {
    out += fmt::format("\\u{:04x}", code);
  } else {
    out += fmt::format("\\U{:08x}", code);
  }
}

}  // namespace

Rune decode_rune(std::string_view text, size_t at) {
  if (at >= text.size()) return {};
  const auto byte = [&](size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  if (first >= 0xc2 && first < 0xe0 && tail(1)) return {(first & 0x1f) << 6 | (byte(1) & 0x3f), 2};
  if (first >= 0xe0 && first < 0xf0 && tail(1) && tail(2)) {
    const uint32_t code = (first & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    if (code >= 0x800 && (code < 0xd800 || code > 0xdfff)) return {code, 3};
  }
  if (first >= 0xf0 && first < 0xf5 && tail(1) && tail(2) && tail(3)) {
    const uint32_t code =
        (first & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
    if (code >= 0x10000 && code <= 0x10ffff) return {code, 4};
  }
  return {kBadRune, 1};
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const Rune rune = decode_rune(text, at);
    append_utf8(out, rune.code);
    at += rune.size;
  }
  return out;
}

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

std::string go_quote(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    const Rune rune = decode_rune(text, i);
    if (rune.code == kBadRune && rune.size == 1) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
    } else {
      append_escaped_rune(out, rune.code, '"');
    }
    i += rune.size;
  }
  return out + '"';
}

std::string go_quote_rune(uint32_t code) {
  std::string out = "'";
  append_escaped_rune(out, code == kEndOfText ? kBadRune : code, '\'');
  return out + '\'';
}

std::string go_unicode(uint32_t code) {
  std::string out = fmt::format("U+{:04X}", code);
  if (code != kEndOfText && is_printable(code)) {
    out += " '";
    append_utf8(out, code);
    out += '\'';
  }
  return out;
}

std::string go_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value == 0) return std::signbit(value) ? "-0" : "0";
  char buffer[400];
  // %e first: its exponent decides, as in Go, between the two notations.
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view scientific(buffer, static_cast<size_t>(end - buffer));
  int exponent = 0;
  const size_t e = scientific.find('e');
  const std::string_view digits = scientific.substr(scientific[e + 1] == '+' ? e + 2 : e + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
  if (exponent < -4 || exponent >= 21) return std::string(scientific);
  end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
  return {buffer, end};
}

std::optional<std::string> unquote(std::string_view literal) {
  if (literal.size() < 2 || literal.front() != literal.back()) return std::nullopt;
  const char quote = literal.front();
  const std::string_view text = literal.substr(1, literal.size() - 2);
  if (quote == '`') return std::string(text);
  if (quote != '"' && quote != '\'') return std::nullopt;
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (text[i] == quote || text[i] == '\n') return std::nullopt;
    if (text[i] != '\\') {
      out += text[i++];
      continue;
    }
    if (++i >= text.size()) return std::nullopt;
    const char c = text[i++];
    size_t digits = 0;
    unsigned base = 16;
    switch (c) {
      case 'a':
        out += '\a';
        continue;
      case 'b':
        out += '\b';
        continue;
      case 'f':
        out += '\f';
        continue;
      case 'n':
        out += '\n';
        continue;
      case 'r':
        out += '\r';
        continue;
      case 't':
        out += '\t';
        continue;
      case 'v':
        out += '\v';
        continue;
      case '\\':
        out += '\\';
        continue;
      case '\'':
      case '"':
        if (c != quote) return std::nullopt;
        out += c;
        continue;
      case 'x':
        digits = 2;
        break;
      case 'u':
        digits = 4;
        break;
      case 'U':
        digits = 8;
        break;
      default:
        if (c < '0' || c > '7') return std::nullopt;
        --i;
        digits = 3;
        base = 8;
    }
    if (text.size() - i < digits) return std::nullopt;
    uint64_t value = 0;
    for (size_t k = 0; k < digits; ++k) {
      const auto digit = static_cast<unsigned>(digit_value(text[i + k]));
      if (digit >= base) return std::nullopt;
      value = value * base + digit;
    }
    i += digits;
    if (digits == 2 || digits == 3) {
      if (value > 255) return std::nullopt;
      out += static_cast<char>(value);
    } else {
      if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return std::nullopt;
      append_utf8(out, static_cast<uint32_t>(value));
    }
  }
  return out;
}

}  // namespace sluice::promql
