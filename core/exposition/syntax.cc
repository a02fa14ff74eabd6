#include "core/exposition/syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/number.h"

namespace sluice::exposition {
namespace {

bool is_name_char(char c, bool first, bool colons) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colons && c == ':') ||
         (!first && c >= '0' && c <= '9');
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  // Go's hexadecimal floats and digit separators are not part of the formats.
  if (text.find_first_of("pPxX_") != std::string_view::npos) return std::nullopt;
  return parse_float(text);
}

Timestamp clamp_to_timestamp(double ms) {
  constexpr double kLimit = 9.2e18;
  if (std::isnan(ms)) return from_unix_ms(0);
  return from_unix_ms(static_cast<int64_t>(std::floor(std::clamp(ms, -kLimit, kLimit))));
}

bool LineCursor::take(char c) {
  if (at_end() || line_[at_] != c) return false;
  ++at_;
  return true;
}

bool LineCursor::take(std::string_view text) {
  if (!line_.substr(at_).starts_with(text)) return false;
  at_ += text.size();
  return true;
}

void LineCursor::skip_blanks() {
  while (!at_end() && (line_[at_] == ' ' || line_[at_] == '\t')) ++at_;
}

std::string_view LineCursor::take_word() {
  const size_t end = std::min(line_.find_first_of(" \t", at_), line_.size());
  const std::string_view word = line_.substr(at_, end - at_);
  at_ = end;
  return word;
}

std::string_view LineCursor::take_rest() {
  const std::string_view rest = line_.substr(at_);
  at_ = line_.size();
  return rest;
}

std::string_view LineCursor::take_name(bool colons) {
  const size_t start = at_;
  while (!at_end() && is_name_char(line_[at_], at_ == start, colons)) ++at_;
  return line_.substr(start, at_ - start);
}

std::optional<std::string> LineCursor::take_quoted(bool lenient) {
  if (!take('"')) return std::nullopt;
  std::string text;
  while (!at_end()) {
    const char c = line_[at_++];
    if (c == '"') return text;
    if (c != '\\') {
      text += c;
      continue;
    }
    if (at_end()) return std::nullopt;
    const char escaped = line_[at_++];
    if (escaped == 'n') {
      text += '\n';
    } else if (escaped == '\\' || escaped == '"') {
      text += escaped;
    } else if (lenient) {
      text += '\\';
      text += escaped;
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<std::string_view> LineReader::next() {
  if (rest_.empty()) return std::nullopt;
  ++number_;
  const size_t end = rest_.find('\n');
  newline_ = end != std::string_view::npos;
  const std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(newline_ ? end + 1 : rest_.size());
  return line;
}

Error error_at(int line, std::string message) {
  return invalid(fmt::format("line {}: {}", line, message));
}

}  // namespace sluice::exposition
